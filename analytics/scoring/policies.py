"""Which policy scores a customer on a date: the most specific one in force for its cohort and stage.

A policy is for everybody, for cohorts, for stages, or for cohorts in stages. Two that are equally specific never
share a customer: ``overlaps`` finds those that would, before one is published.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Self

from django.db.models import Q

from analytics.models import EVERYBODY, PortfolioDay, ScoringPolicy, Segment
from analytics.scoring.measure_sql import windows
from customers.text.say import say, within


@dataclass(frozen=True)
class Policies:
    """The policies in force on a date: the one for everybody, and those for segments, the most specific first."""

    everybody: ScoringPolicy
    for_segments: tuple[ScoringPolicy, ...] = ()
    _known: dict[tuple[str, str], ScoringPolicy] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def on(cls, day: date) -> Self:
        """Return the published ones of ``day``, one a segment, by one query; raises ``DoesNotExist`` without any."""
        newest_first = ScoringPolicy.objects.published().filter(effective_from__lte=day)
        newest = _one_each(newest_first)
        in_force = {
            segment: policy
            for segment, policy in newest.items()
            if not policy.effective_until or policy.effective_until >= day
        }
        if EVERYBODY not in in_force:
            raise ScoringPolicy.DoesNotExist(say("No scoring policy is in force on {day}.", day=day))
        return cls._of(in_force)

    @classmethod
    def _of(cls, in_force: dict[Segment, ScoringPolicy]) -> Self:
        others = [policy for segment, policy in in_force.items() if segment != EVERYBODY]
        return cls(in_force[EVERYBODY], tuple(sorted(others, key=specificity, reverse=True)))

    def with_policy(self, policy: ScoringPolicy) -> Self:
        """Return these with another one, such as a draft, in place of that for the same segment."""
        return self._of({one.segment: one for one in (*self, policy)})

    def replaced_by(self, policy: ScoringPolicy) -> ScoringPolicy:
        """Return the one in whose place another one would be: that for the same segment, or that for everybody."""
        return next((one for one in self.for_segments if one.segment == policy.segment), self.everybody)

    def __iter__(self) -> Iterator[ScoringPolicy]:
        """Yield each, that for everybody first."""
        yield self.everybody
        yield from self.for_segments

    def of(self, cohort: str, stage: str) -> ScoringPolicy:
        """Return the policy that scores a customer of a cohort in a stage."""
        if not self.for_segments:
            return self.everybody
        key = cohort, stage
        if key not in self._known:
            fitting = (policy for policy in self.for_segments if _is_for(policy.segment, cohort, stage))
            self._known[key] = next(fitting, self.everybody)
        return self._known[key]


def measured_alike(policies: Iterable[ScoringPolicy]) -> list[list[ScoringPolicy]]:
    """Return policies in groups whose windows are the same, so that one reading of the feeds serves a group."""
    groups: dict[tuple[int, ...], list[ScoringPolicy]] = {}
    for policy in policies:
        groups.setdefault((policy.activity_days, *windows(policy).values()), []).append(policy)
    return list(groups.values())


def specificity(policy: ScoringPolicy) -> int:
    """Return how specific a policy is: 2 by cohorts and stages, 1 by one of them, 0 for everybody."""
    return sum(map(bool, policy.segment))


def _is_for(segment: Segment, cohort: str, stage: str) -> bool:
    cohorts, stages = segment
    return (not cohorts or cohort in cohorts) and (not stages or stage in stages)


def _one_each(newest_first: Iterable[ScoringPolicy]) -> dict[Segment, ScoringPolicy]:
    """Return the newest policy of each segment."""
    found: dict[Segment, ScoringPolicy] = {}
    for policy in newest_first:
        found.setdefault(policy.segment, policy)
    return found


def is_in_use(policy: ScoringPolicy) -> bool:
    """Return whether a policy was in force on a date when that was scored."""
    return PortfolioDay.objects.filter(Q(policy=policy) | Q(segment_policies__has_key=str(policy.pk))).exists()


def overlaps(draft: ScoringPolicy, first: date) -> list[str]:
    """Say with which policies a draft, in force from ``first`` on, would share customers; empty where with none."""
    published = list(ScoringPolicy.objects.published())
    then = _one_each(one for one in published if one.effective_from and one.effective_from <= first)
    later = [one for one in published if one.effective_from and one.effective_from > first]
    return [
        say(
            "“{draft}” and “{other}” ({whom}) would both score customers of {shared}."
            " Choose other cohorts or stages for the draft, or let “{other}” end first.",
            draft=draft.name,
            other=other.name,
            whom=other.for_whom,
            shared=shared,
        )
        for other in (*then.values(), *later)
        if not (other.effective_until and other.effective_until < first) and (shared := _shared(draft, other))
    ]


def _shared(one: ScoringPolicy, other: ScoringPolicy) -> str:
    """Say whose customers two policies would share, neither of them being more specific; '' for none."""
    if one.segment == other.segment or specificity(one) != specificity(other):
        return ""
    both: list[frozenset[str]] = []
    for mine, theirs in zip(one.segment, other.segment, strict=True):
        both.append(mine & theirs if mine and theirs else mine | theirs)
        if (mine or theirs) and not both[-1]:
            return ""
    cohorts, stages = both
    return within(ScoringPolicy(cohorts=list(cohorts), stages=list(stages)).for_whom)

"""Impact: how the score moved after a kind of action, beside similar customers without it.

A **case** is a customer and a scored date on which at least one task of a kind was closed as done
(``Task.closed_on``), or by which a playbook was started, whatever became of its steps: those whose steps were done
would be chosen by how they went. For each horizon of 14 and 28 days its **delta** is the score that many days later
less the score on that date.

Its **controls** are the similar customers: they had on that date the same status and a score within 5 points of the
case's, have a score that many days later too, and no task of that kind that was done within 28 days before or after
that date. The case's **difference** is its own delta less the mean delta of its controls. A kind's figures are the
plain means over its cases, so that each case counts once, however many controls it has.

Controls are taken from the **sample**: all customers where these are at most ``MAX_SAMPLE``, else a fixed part of
about that number, chosen by a hash of their ids. A mean over a few dozen is as telling as one over thousands, and
takes the same time however large the portfolio grows. Every case counts, in the sample or not.

Left out, and counted: cases whose days have **not passed** by the shown date, cases **without a score** on one of
the two dates, and cases **without controls**. Below ten cases there is no verdict. From ten on the verdict is
"no clear difference" where the mean difference is less than two standard errors from nothing.

Everything is as of the shown date D: tasks closed later, and scores of later dates, do not exist. Cases are those of
the 365 days to D. Four queries, and one for playbooks; the largest looks at each customer of the sample once for each
date with a case.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import accumulate
from math import sqrt
from statistics import fmean, stdev

from django.utils.translation import gettext

from analytics.insights.effect_cases import (
    HORIZONS,
    PLAYBOOK,
    Case,
    Groups,
    Kind,
    ScoreGroup,
    playbook_kinds,
    read_cases,
    read_sample,
    read_treated,
    sample_keys,
)
from analytics.models import ActionKind
from customers.text.say import say

NEAR = 5
MIN_CASES = 10
STANDARD_ERRORS = 2


@dataclass(frozen=True)
class Effect:
    """What followed a kind of action after ``days``; the means are None without a case."""

    kind: Kind
    days: int
    cases: int
    controls: int
    delta: float | None
    control_delta: float | None
    difference: float | None
    error: float | None
    not_passed: int
    no_score: int
    no_controls: int

    @property
    def key(self) -> str:
        """What the page's address calls the cases, such as ``call-14``."""
        return f"{self.kind.value}-{self.days}"

    @property
    def sign(self) -> int | None:
        """Whether it went better (1), worse (-1) or not clearly otherwise (0); None below ten cases."""
        if self.cases < MIN_CASES or self.difference is None or self.error is None:
            return None
        if abs(self.difference) <= STANDARD_ERRORS * self.error:
            return 0
        return 1 if self.difference > 0 else -1

    @property
    def verdict(self) -> str:
        """The same in words."""
        match self.sign:
            case None:
                return say("too few to tell: {cases} of {least}", cases=self.cases, least=MIN_CASES)
            case 0:
                return gettext("no clear difference")
            case 1:
                return gettext("better than without")
            case _:
                return gettext("worse than without")

    @property
    def tone(self) -> str:
        """How the verdict is coloured."""
        return {1: "healthy", -1: "at_risk"}.get(self.sign or 0, "inactive")

    @property
    def left_out(self) -> str:
        """Which cases do not count, in words; '' where all do."""
        parts = [
            (self.not_passed, say("{number} not yet {days} days ago", number=self.not_passed, days=self.days)),
            (self.no_score, say("{number} without a score", number=self.no_score)),
            (self.no_controls, say("{number} without comparable customers", number=self.no_controls)),
        ]
        return ", ".join(words for number, words in parts if number)


@dataclass(frozen=True)
class CountedCase:
    """A case that counts: its score and the later one, and the mean delta of its ``controls``, which are so many."""

    case: Case
    score: int
    later: int
    controls: int
    control_delta: float

    @property
    def delta(self) -> int:
        """By how many points the score moved."""
        return self.later - self.score

    @property
    def difference(self) -> float:
        """By how many points more than those of the controls."""
        return self.delta - self.control_delta


@dataclass
class _Sums:
    """What is gathered of a kind and a horizon."""

    counted: list[CountedCase] = field(default_factory=list)
    not_passed: int = 0
    no_score: int = 0
    no_controls: int = 0

    def effect(self, kind: Kind, days: int) -> Effect:
        """Return the means over the cases."""
        differences = [one.difference for one in self.counted]
        some = bool(differences)
        return Effect(
            kind=kind,
            days=days,
            cases=len(differences),
            controls=sum(one.controls for one in self.counted),
            delta=fmean(one.delta for one in self.counted) if some else None,
            control_delta=fmean(one.control_delta for one in self.counted) if some else None,
            difference=fmean(differences) if some else None,
            error=stdev(differences) / sqrt(len(differences)) if len(differences) > 1 else None,
            not_passed=self.not_passed,
            no_score=self.no_score,
            no_controls=self.no_controls,
        )


def effects_by_kind(day: date) -> list[tuple[Kind, list[Effect]]]:
    """Return the effects of each kind of action, then of each playbook, with a case, as of ``day``."""
    cases = read_cases(day)
    if not cases:
        return []
    keys = sample_keys()
    sample, treated = read_sample(day, keys), read_treated(day, keys)
    of_playbooks = playbook_kinds() if any(case.kind.startswith(PLAYBOOK) for case in cases) else []
    kinds: list[Kind] = [*ActionKind, *of_playbooks]
    by_kind = {kind: [case for case in cases if case.kind == kind.value] for kind in kinds}
    return [
        (
            kind,
            [
                effect(kind, index, own, sample[index], treated[index].get(kind.value, {}), day)
                for index in range(len(HORIZONS))
            ],
        )
        for kind, own in by_kind.items()
        if own
    ]


def counted_cases(day: date, kind: Kind, days: int) -> list[CountedCase]:
    """Return the cases that the effect of a kind after a horizon counts, as of ``day``, the newest first."""
    cases, keys, index = (
        [case for case in read_cases(day) if case.kind == kind.value],
        sample_keys(),
        HORIZONS.index(days),
    )
    sample, treated = read_sample(day, keys), read_treated(day, keys)
    return _sums(index, cases, sample[index], treated[index].get(kind.value, {}), day).counted[::-1]


def effect(kind: Kind, index: int, cases: Iterable[Case], sample: Groups, treated: Groups, day: date) -> Effect:
    """Return the effect after the horizon at ``index``; controls are those of the ``sample`` not ``treated``."""
    return _sums(index, cases, sample, treated, day).effect(kind, HORIZONS[index])


def _sums(index: int, cases: Iterable[Case], sample: Groups, treated: Groups, day: date) -> _Sums:
    sums = _Sums()
    everybody = {key: _RangeSums(groups) for key, groups in sample.items()}
    acted_on = {key: _RangeSums(groups) for key, groups in treated.items()}
    nobody = _RangeSums([])
    for case in cases:
        later = case.later[index]
        if case.day + timedelta(days=HORIZONS[index]) > day:
            sums.not_passed += 1
        elif case.score is None or case.status is None or later is None:
            sums.no_score += 1
        else:
            key = (case.day, case.status)
            count, delta = everybody.get(key, nobody).near(case.score)
            treated_count, treated_delta = acted_on.get(key, nobody).near(case.score)
            controls = count - treated_count
            if controls <= 0:
                sums.no_controls += 1
                continue
            sums.counted.append(CountedCase(case, case.score, later, controls, (delta - treated_delta) / controls))
    return sums


class _RangeSums:
    """Sums of groups over any range of scores."""

    def __init__(self, groups: Sequence[ScoreGroup]) -> None:
        self.scores = [group.score for group in groups]
        self.counts = list(accumulate((group.count for group in groups), initial=0))
        self.deltas = list(accumulate((group.delta for group in groups), initial=0))

    def near(self, score: int) -> tuple[int, int]:
        """Return how many have a score within NEAR of it, and the sum of their deltas."""
        first, last = bisect_left(self.scores, score - NEAR), bisect_right(self.scores, score + NEAR)
        return self.counts[last] - self.counts[first], self.deltas[last] - self.deltas[first]

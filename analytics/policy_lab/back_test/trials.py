"""Score a past month's end by the policies in force and with a draft, and keep what both say beside what came true.

Whom it is about and what came true are the cases of the forecast's back-test, so that the two pages agree.
"""

import hashlib
import json
import zlib
from collections.abc import Container, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Self

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from analytics.models import ForecastCase, ForecastTarget, HealthStatus, PolicyTrial, ScoringPolicy
from analytics.page_cache.version import DataVersion
from analytics.rounding import half_up
from analytics.scoring.components import COMPONENTS
from analytics.scoring.policies import Policies
from analytics.scoring.score import Health
from analytics.scoring.snapshot_rows import scored_by_each

MONTHS = 12
"""So many of the newest months' ends with known outcomes are tested."""
WHOLE = 100
"""A component's share of its most points is kept in parts of this."""
_BEFORE, _AFTER = range(2)
_NAMES = tuple(component.name for component in COMPONENTS)


@dataclass(frozen=True)
class Scores:
    """What one set of policies says of each customer; lists of one length."""

    scores: list[int]
    at_risk: list[bool]


@dataclass(frozen=True)
class MonthCases:
    """The customers of a month's end in the order of their keys, what both sides say and what came true."""

    customers: list[str]
    went_quiet: list[bool]
    since: list[int]
    """Days since the newest active day."""
    before: Scores
    after: Scores
    by_draft: list[bool]
    """Whether the draft scores the customer afterwards; others keep the policy of their segment."""
    shares: dict[str, list[int]]
    """By component what is given afterwards of its most points, in parts of ``WHOLE``."""

    def packed(self) -> bytes:
        """Return it as compressed JSON, which ``unpacked`` reads."""
        return zlib.compress(json.dumps(asdict(self), separators=(",", ":")).encode(), 1)

    @classmethod
    def unpacked(cls, packed: bytes | memoryview) -> Self:
        """Read what ``packed`` has written."""
        known = json.loads(zlib.decompress(packed))
        return cls(**{**known, "before": Scores(**known["before"]), "after": Scores(**known["after"])})

    def counts(self) -> dict[str, object]:
        """Return the customers, how many went quiet, and how many of those flagged At risk by each side did."""
        return {
            "customers": len(self.customers),
            "quiet": sum(self.went_quiet),
            "before": self._flagged(self.before),
            "after": self._flagged(self.after),
        }

    def _flagged(self, side: Scores) -> dict[str, int]:
        hits = sum(map(all, zip(side.at_risk, self.went_quiet, strict=True)))
        return {"flagged": sum(side.at_risk), "hits": hits}


@dataclass(frozen=True)
class PolicyBackTest:
    """What a draft's back-test is made of: the policies in force, those with the draft, and the months' ends.

    ``key`` is a digest of both policies' contents and of the data's version.
    """

    draft: ScoringPolicy
    before: Policies
    after: Policies
    key: str
    days: Sequence[date]

    @classmethod
    def of(cls, draft: ScoringPolicy, day: date, version: DataVersion) -> Self:
        """Return the back-test of a draft, beside what is in force on a day; raises ``DoesNotExist`` without any."""
        before = Policies.on(day)
        after = before.with_policy(draft)
        said = repr([*(sorted(one.content for one in policies) for policies in (before, after)), version])
        return cls(draft, before, after, hashlib.sha256(said.encode()).hexdigest(), months_ends())

    def known(self) -> dict[date, PolicyTrial]:
        """Return what is known of the months' ends, without the customers."""
        kept = PolicyTrial.objects.filter(draft=self.draft, key=self.key, date__in=self.days)
        return {trial.date: trial for trial in kept.defer("cases")}

    def following(self, known: Container[date]) -> date | None:
        """Return the next month's end to score, beside those that are ``known``; None where all are."""
        return next((day for day in self.days if day not in known), None)

    def make(self, day: date) -> bool:
        """Score a month's end and keep it; return whether the draft was still there to keep it of."""
        found = month_cases(day, self.before, self.after, self.draft.pk)
        with transaction.atomic():
            drafts = ScoringPolicy.objects.select_for_update().filter(state=ScoringPolicy.State.DRAFT)
            if not drafts.filter(pk=self.draft.pk).exists():
                return False
            PolicyTrial.objects.update_or_create(
                draft=self.draft,
                date=day,
                defaults={
                    "key": self.key,
                    "made_at": timezone.now(),
                    "counts": found.counts(),
                    "cases": found.packed(),
                },
            )
        return True

    def cases(self) -> dict[date, MonthCases]:
        """Return the customers of all months' ends that are known, the oldest first."""
        kept = PolicyTrial.objects.filter(draft=self.draft, key=self.key, date__in=self.days).order_by("date")
        return {trial.date: MonthCases.unpacked(trial.cases) for trial in kept}

    def cases_on(self, day: date) -> MonthCases | None:
        """Return the customers of a month's end; None where it is not known."""
        kept = PolicyTrial.objects.filter(draft=self.draft, key=self.key, date=day).first()
        return MonthCases.unpacked(kept.cases) if kept else None


def months_ends() -> list[date]:
    """Return the newest months' ends whose outcomes are known, the newest first; a query for each."""
    cases = ForecastCase.objects.of(ForecastTarget.QUIET).order_by()
    found: list[date] = []
    while len(found) < MONTHS:
        earlier = cases.filter(date__lt=found[-1]) if found else cases
        newest = earlier.aggregate(newest=Max("date"))["newest"]
        if newest is None:
            break
        found.append(newest)
    return found


def month_cases(day: date, before: Policies, after: Policies, draft: int) -> MonthCases:
    """Score the population of a month's end by both sets of policies, and put the outcomes beside it.

    ``draft`` is the key of the draft among those of ``after``.
    """
    cases = ForecastCase.objects.of(ForecastTarget.QUIET).on(day).order_by()
    went_quiet = dict(cases.values_list("customer_id", "came_true"))
    sides: tuple[dict[str, tuple[int, bool]], ...] = ({}, {})
    since: dict[str, int] = {}
    by_draft: set[str] = set()
    shares: dict[str, list[int]] = {}
    # Kept of each customer is what is needed: all that is known of 100,000 takes much room.
    for place, (policy, measures, health) in scored_by_each(day, (before, after), went_quiet):
        key = measures.customer_id
        sides[place][key] = health.score, health.status == HealthStatus.AT_RISK
        if place == _AFTER:
            since[key] = (day - measures.last_active).days if measures.last_active else 0
            shares[key] = _shares(policy, health)
            if policy.pk == draft:
                by_draft.add(key)
    # By the keys as Python orders them: databases differ.
    keys = sorted(since)
    return MonthCases(
        customers=keys,
        went_quiet=[went_quiet[key] for key in keys],
        since=[since[key] for key in keys],
        before=_side(keys, sides[_BEFORE]),
        after=_side(keys, sides[_AFTER]),
        by_draft=[key in by_draft for key in keys],
        shares={name: [shares[key][place] for key in keys] for place, name in enumerate(_NAMES)},
    )


def _side(keys: Sequence[str], said: Mapping[str, tuple[int, bool]]) -> Scores:
    return Scores([said[key][0] for key in keys], [said[key][1] for key in keys])


def _shares(policy: ScoringPolicy, health: Health) -> list[int]:
    """Return what each component gives of its most points, in parts of ``WHOLE``; nothing where it has none."""
    maxima = policy.maxima
    points = ((maxima[name], health.points[name] or 0) for name in _NAMES)
    return [half_up(WHOLE * given, most) if most else 0 for most, given in points]

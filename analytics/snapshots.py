"""Measure and score a date, and store what was known on it."""

import operator
from collections.abc import Iterator
from datetime import date
from typing import Any

from django.db import transaction
from django.utils import timezone

from analytics.cohort_days import Member, cohort_days
from analytics.measure import day_totals, measure
from analytics.models import CohortDay, HealthStatus, PortfolioDay, ScoringPolicy, Snapshot
from analytics.score import Health, Measures, health
from customers.models import Step, data_date
from customers.staging import analyze, copy_rows, table_of

_FROM_MEASURES = (
    "customer_id",
    "blocker_type",
    "issues_tagged",
    "prs_generated",
    "prs_merged",
    "prs_rejected",
    "support_requests",
    "days_active",
    "last_active",
    "active_weeks",
    "active_days",
    "window_prs_generated",
    "window_prs_merged",
    "window_support_requests",
    "csat_sum",
    "csat_count",
    "trend_now",
    "trend_before",
)
_FROM_HEALTH = (
    "score",
    "status",
    "trend",
    "stage",
    "activity",
    "pr_success",
    "adoption",
    "support",
    "nps",
    "onboarded",
    "completed_on",
    "days_to_complete",
)
_STEPS = tuple(step.value for step in Step)
_COLUMNS = ("date", "policy_id", "steps_done", *_STEPS, *_FROM_MEASURES, *_FROM_HEALTH)
_measured = operator.attrgetter(*_FROM_MEASURES)
_scored = operator.attrgetter(*_FROM_HEALTH)


class NotScorable(Exception):
    """The date cannot be scored; the message says why."""


def policy_to_score(day: date) -> ScoringPolicy:
    """The policy that scores ``day``; raises ``NotScorable`` for a date after today or before the first policy."""
    if day > timezone.localdate():
        raise NotScorable(f"{day} is in the future.")
    try:
        return ScoringPolicy.objects.in_force_on(day)
    except ScoringPolicy.DoesNotExist as error:
        raise NotScorable(str(error)) from error


def stale_days() -> list[date]:
    """The scored dates that must be scored again, because an import was undone; oldest first."""
    return list(PortfolioDay.objects.filter(stale=True).order_by("date").values_list("date", flat=True))


def score_day(day: date) -> PortfolioDay:
    """Score ``day`` with the policy in force on it and replace its snapshots; all or nothing.

    Raises ``NotScorable`` where there is no such policy, or the date is still to come.
    """
    policy = policy_to_score(day)
    tally = _Tally()
    with transaction.atomic():
        Snapshot.objects.filter(date=day)._raw_delete(Snapshot.objects.db)
        copy_rows(table_of(Snapshot), _COLUMNS, _rows(day, policy, tally))
        CohortDay.objects.filter(date=day).delete()
        CohortDay.objects.bulk_create(cohort_days(day, tally.members), batch_size=500)
        totals = day_totals(day)
        portfolio, _created = PortfolioDay.objects.update_or_create(
            date=day,
            defaults={
                "policy": policy,
                "scored_at": timezone.now(),
                "backfilled": day < data_date(),
                "stale": False,
                **tally.counts,
                **{f"day_{name}": totals[name] for name in _DAY_TOTALS},
            },
        )
    analyze(table_of(Snapshot))
    return portfolio


_DAY_TOTALS = ("issues_tagged", "prs_generated", "prs_merged", "support_requests")


def _rows(day: date, policy: ScoringPolicy, tally: "_Tally") -> Iterator[tuple[Any, ...]]:
    for measures in measure(day, policy):
        scored = health(measures, policy, day)
        tally.add(day, measures, scored)
        done = [scored.steps[step] for step in _STEPS]
        yield (day, policy.pk, sum(done), *done, *_measured(measures), *_scored(scored))


class _Tally:
    """The portfolio's sums, counted as the customers go by, and what its cohorts are counted from."""

    def __init__(self) -> None:
        self.members: list[Member] = []
        self.counts: dict[str, int] = dict.fromkeys(
            (
                "total",
                "active_today",
                "onboarded",
                "days_to_value",
                "prs_generated",
                "prs_merged",
                *_STEPS,
                *HealthStatus.values,
            ),
            0,
        )

    def add(self, day: date, measures: Measures, scored: Health) -> None:
        counts = self.counts
        counts["total"] += 1
        counts["active_today"] += measures.last_active == day
        counts["onboarded"] += scored.onboarded
        counts["days_to_value"] += scored.days_to_complete or 0
        counts["prs_generated"] += measures.prs_generated
        counts["prs_merged"] += measures.prs_merged
        counts[scored.status.value] += 1
        for step in _STEPS:
            counts[step] += scored.steps[step]
        self.members.append(
            Member(
                measures.cohort,
                measures.signup_date,
                scored.score,
                scored.status,
                scored.days_to_complete,
                measures.prs_generated,
                measures.prs_merged,
                measures.active_weeks,
            )
        )

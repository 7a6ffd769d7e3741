"""Measure and score a date, and store what was known on it."""

from collections import Counter
from collections.abc import Iterator
from datetime import date

from django.db import transaction
from django.db.models import Max

from analytics.clock import scoring_moment
from analytics.models import CohortDay, HealthStatus, PortfolioDay, ScoringPolicy, Snapshot
from analytics.scoring.cohort_days import Member, cohort_days
from analytics.scoring.components import STEPS
from analytics.scoring.measure import WEEKS, day_totals
from analytics.scoring.policies import Policies
from analytics.scoring.snapshot_rows import COLUMNS, ScoredCustomer, scored_customers, snapshot_row
from analytics.wording import counted
from customers.audit import trail
from customers.clock import program_today
from customers.core.limits import BATCH_SIZE
from customers.core.sql import analyze, copy_rows, group_in_memory, table_of
from customers.models import ImportRun, data_date


class NotScorable(Exception):
    """The date cannot be scored; the message says why."""


def policies_to_score(day: date) -> Policies:
    """Return the policies that score ``day``; raises ``NotScorable`` after today and before the first policy."""
    if day > program_today():
        raise NotScorable(f"{day:%-d %b %Y} is in the future.")
    try:
        return Policies.on(day)
    except ScoringPolicy.DoesNotExist as error:
        raise NotScorable(str(error)) from error


def dates_to_rescore() -> list[date]:
    """Return the scored dates to score again, because what they were scored from has changed; oldest first."""
    return list(PortfolioDay.objects.filter(stale=True).order_by("date").values_list("date", flat=True))


def score_day(day: date, newest: date | None = None) -> PortfolioDay:
    """Score ``day`` with the policies in force on it and replace its snapshots; all or nothing.

    ``newest`` is the data date, where the caller knows it. Raises ``NotScorable`` where there is no such policy, or
    the date is still to come.
    """
    policies = policies_to_score(day)
    tally = _Tally(day)
    with transaction.atomic():
        group_in_memory()
        last_run = ImportRun.objects.order_by().aggregate(newest=Max("pk"))["newest"] or 0
        Snapshot.objects.filter(date=day)._raw_delete(Snapshot.objects.db)
        copy_rows(table_of(Snapshot), COLUMNS, _rows(day, policies, tally))
        CohortDay.objects.filter(date=day).delete()
        CohortDay.objects.bulk_create(cohort_days(day, tally.members), batch_size=BATCH_SIZE)
        totals = day_totals(day)
        portfolio, _created = PortfolioDay.objects.update_or_create(
            date=day,
            defaults={
                "policy": policies.everybody,
                "segment_policies": {str(one.pk): one.name for one in policies.for_segments},
                "scored_at": scoring_moment(),
                "backfilled": day < (newest or data_date()),
                "stale": False,
                "erased": 0,
                "last_run": last_run,
                **tally.counts(),
                **{f"day_{name}": totals[name] for name in _DAY_TOTALS},
            },
        )
        analyze(table_of(Snapshot), _LOOKED_FOR)
        said = f"{counted(portfolio.total, 'customer')}, {portfolio.at_risk:,} at risk"
        trail.record(trail.Action.COMMAND, "score", detail=f"{day:%-d %b %Y}: {said}")
    return portfolio


_LOOKED_FOR = ("date", "customer_id", "score", "status")
_DAY_TOTALS = ("issues_tagged", "prs_generated", "prs_merged", "support_requests")


def _rows(day: date, policies: Policies, tally: "_Tally") -> Iterator[tuple[object, ...]]:
    text, add = day.isoformat(), tally.add
    for scored in scored_customers(day, policies):
        add(scored)
        yield snapshot_row(text, scored)


class _Tally:
    """The portfolio's sums and the members of its cohorts, gathered customer by customer."""

    def __init__(self, day: date) -> None:
        self._day = day
        self._tomorrow = day.toordinal() + 1
        self.members: list[Member] = []
        self._steps: Counter[tuple[bool, ...]] = Counter()
        self._last_active: Counter[date | None] = Counter()

    def add(self, scored: ScoredCustomer) -> None:
        _policy, measures, health = scored
        self._steps[tuple(health.steps.values())] += 1
        self._last_active[measures.last_active] += 1
        ended = min((self._tomorrow - measures.signup_date.toordinal()) // 7, WEEKS)
        self.members.append(
            Member(
                measures.cohort,
                measures.signup_date,
                health.score,
                health.status,
                health.onboarded,
                health.days_to_complete,
                measures.prs_generated,
                measures.prs_merged,
                measures.active_weeks & (1 << ended) - 1,
                ended,
            )
        )

    def counts(self) -> dict[str, int]:
        """Return the sums of the day."""
        members = self.members
        days = [member.days for member in members if member.days is not None]
        statuses = [member.status for member in members]
        steps = {
            step: sum(number for done, number in self._steps.items() if done[index])
            for index, step in enumerate(STEPS)
        }
        return {
            "total": len(members),
            "active_today": self._last_active[self._day],
            "onboarded": sum([member.onboarded for member in members]),
            "days_known": len(days),
            "days_to_value": sum(days),
            "prs_generated": sum([member.generated for member in members]),
            "prs_merged": sum([member.merged for member in members]),
            **steps,
            **{status.value: statuses.count(status) for status in HealthStatus},
        }

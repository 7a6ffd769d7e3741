"""Milestones: what each of them is, and who has reached which in a week.

The list, the dashboard, the customer's history and the API ask these declarations. A milestone is reached on the first
scored date on which it counts; the first scored date of a customer tells of those alone who had just signed up.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from django.db.models import Case, Count, DateField, Exists, FilteredRelation, OuterRef, Q, Subquery, Value, When
from django.db.models.query import QuerySet
from django.utils.translation import gettext_lazy as _

from analytics.models import HealthStatus, PortfolioDay, ReachedMilestones, Snapshot, SnapshotQuerySet
from analytics.page_cache import page_cache
from analytics.page_cache.version import DataVersion
from analytics.portfolio.comparison import SLACK, WEEK, newest_until
from customers.core.sql import Rows
from customers.text.choices import SpokenChoices


class Milestone(SpokenChoices):
    """The milestones, in the order in which a customer reaches them."""

    FIRST_ISSUE = "first_issue", _("First issue tagged")
    FIRST_PR = "first_pr", _("First PR generated")
    FIRST_MERGED = "first_merged", _("First PR merged")
    ONBOARDED = "onboarded", _("Onboarding completed")
    CHAMPION = "champion", _("Became Champion")


@dataclass(frozen=True)
class MilestoneMark:
    """By what a snapshot shows a milestone: a condition in SQL of its columns, and the same as look-ups of ``field``.

    ``comes_and_goes`` says that it counts the first time alone. What the history ``tells_anyway`` needs no entry more.
    """

    field: str
    sql: str
    holds: tuple[str, object]
    lacks: tuple[str, object]
    comes_and_goes: bool = False
    tells_anyway: bool = False


def _flag(field: str, *, tells_anyway: bool = False) -> MilestoneMark:
    return MilestoneMark(field, field, ("exact", True), ("exact", False), tells_anyway=tells_anyway)


_OTHERS = [status.value for status in HealthStatus if status != HealthStatus.CHAMPION]
MARKS = {
    Milestone.FIRST_ISSUE: _flag("first_issue_tagged", tells_anyway=True),
    Milestone.FIRST_PR: _flag("first_pr_generated", tells_anyway=True),
    Milestone.FIRST_MERGED: MilestoneMark("prs_merged", "prs_merged > 0", ("gt", 0), ("exact", 0)),
    Milestone.ONBOARDED: _flag("onboarded"),
    Milestone.CHAMPION: MilestoneMark(
        "status",
        f"status = '{HealthStatus.CHAMPION.value}'",
        ("exact", HealthStatus.CHAMPION.value),
        ("in", _OTHERS),
        comes_and_goes=True,
        tells_anyway=True,
    ),
}
"""Of each milestone; a new one needs its entry here, and nothing else."""
BITS = {milestone: 1 << place for place, milestone in enumerate(Milestone)}
"""By which a stored row has each. Whoever changes their order says by a migration that none are stored."""
DEFINITION = _(
    "Who has reached a milestone in the 7 days to the date: it counts on the newest scored date of these days, and "
    "did not on the one before them. The day is the first scored date on which it counts. Became Champion counts once "
    "for each customer. Of customers who are new to the files, those count who signed up in these days."
)


@dataclass(frozen=True)
class Week:
    """The 7 days to ``end``: their newest scored date, and the one before them that it is compared with, if any is."""

    end: date
    last: date
    before: date | None

    @property
    def since(self) -> date:
        """The day after which a milestone of the week is reached."""
        return self.before or self.end - timedelta(days=WEEK)


@dataclass(frozen=True)
class Reached:
    """A milestone that a customer has reached, and on which scored date."""

    customer: str
    milestone: Milestone
    day: date


def week_of(day: date, back: int = 0) -> Week | None:
    """Return the week that ends so many weeks before a scored date; None where nothing of it is scored. One query."""
    end = day - timedelta(days=WEEK * back)
    first = end - timedelta(days=WEEK)
    range_ = (first - timedelta(days=SLACK), end)
    scored = list(PortfolioDay.objects.filter(date__range=range_).values_list("date", flat=True))
    last = max((one for one in scored if one > first), default=None)
    return Week(end, last, newest_until(scored, first)) if last else None


def reaching(week: Week, milestones: Collection[Milestone] = tuple(Milestone)) -> SnapshotQuerySet:
    """Return the snapshots of who has reached any of the milestones in a week, each with the days, by ``_day_of``."""
    found = _beside_before(week)
    conditions = {milestone: _reached(MARKS[milestone], week) for milestone in milestones}
    days = {
        _day_of(milestone): Case(
            When(condition, then=_first_day(MARKS[milestone], week)), default=None, output_field=DateField()
        )
        for milestone, condition in conditions.items()
    }
    return found.filter(_any(conditions.values())).annotate(**days)


def reached_of(snapshots: "QuerySet[Snapshot]", milestones: Collection[Milestone]) -> list[Reached]:
    """Return what the snapshots of ``reaching`` tell of the milestones, the newest first; one query."""
    names = [_day_of(milestone) for milestone in milestones]
    rows = snapshots.order_by("customer_id").values_list("customer_id", *names)
    order = list(Milestone)

    def told() -> Iterator[Reached]:
        for customer, *days in rows:
            for milestone, day in zip(milestones, days, strict=True):
                if day:
                    yield Reached(customer, milestone, day)

    return sorted(told(), key=lambda one: (-one.day.toordinal(), order.index(one.milestone), one.customer))


class CountsKey(page_cache.DataKey):
    """Of how many have reached which milestone in the week to a scored date."""

    day: date


def counts_of_week(version: DataVersion, portfolio: PortfolioDay) -> dict[Milestone, int]:
    """Return how many customers have reached each milestone in the week to a scored date, kept until data change."""
    key = CountsKey(version=version, day=portfolio.date)
    return page_cache.get_or_set(key, lambda: _counts(week_of(portfolio.date), portfolio))


def _counts(week: Week | None, portfolio: PortfolioDay) -> dict[Milestone, int]:
    """Count who has reached each milestone in a week: as stored, where it is of this date and that before."""
    if week is None:
        return dict.fromkeys(Milestone, 0)
    is_stored = portfolio.milestones_stored and portfolio.urgency_before == week.before
    rows: Rows = ReachedMilestones.objects.order_by() if is_stored else reached_rows(week)
    counts = list(rows.values_list("reached").annotate(Count("pk")))
    return {one: sum(count for reached, count in counts if reached & bit) for one, bit in BITS.items()}


def reached_rows(week: Week) -> Rows:
    """Return the snapshots of who has reached any milestone in a week, with the sum of its ``BITS``, ``reached``."""
    conditions = {milestone: _reached(MARKS[milestone], week) for milestone in Milestone}
    bits = (Case(When(condition, then=Value(BITS[one])), default=Value(0)) for one, condition in conditions.items())
    return _beside_before(week).filter(_any(conditions.values())).annotate(reached=sum(bits, Value(0)))


def _beside_before(week: Week) -> SnapshotQuerySet:
    """Return the snapshots of the week's last date, each with that of the date before the week, ``before``."""
    then = Q(customer__snapshots__date=week.before or date.min)
    return Snapshot.objects.filter(date=week.last).annotate(
        before=FilteredRelation("customer__snapshots", condition=then)
    )


def _any(conditions: Iterable[Q]) -> Q:
    return Q(*conditions, pk__in=[], _connector=Q.OR)


def _day_of(milestone: Milestone) -> str:
    return f"reached_{milestone.value}"


def _of(prefix: str, field: str, look_up: tuple[str, object]) -> Q:
    name, value = look_up
    return Q(**{f"{prefix}{field}__{name}": value})


def _reached(mark: MilestoneMark, week: Week) -> Q:
    """Return the condition of a snapshot of the week's last date, beside that of the date ``before``."""
    is_new = Q(before=None, customer__signup_date__gt=week.since)
    condition = _of("", mark.field, mark.holds) & (is_new | _of("before__", mark.field, mark.lacks))
    return condition & Q(~Exists(_theirs(mark).filter(date__lte=week.since))) if mark.comes_and_goes else condition


def _first_day(mark: MilestoneMark, week: Week) -> Subquery:
    days = _theirs(mark).filter(date__gt=week.since, date__lte=week.last).order_by("date")
    return Subquery(days.values("date")[:1])


def _theirs(mark: MilestoneMark) -> SnapshotQuerySet:
    """Return the snapshots of the same customer that show the milestone."""
    return Snapshot.objects.filter(_of("", mark.field, mark.holds), customer=OuterRef("customer")).order_by()

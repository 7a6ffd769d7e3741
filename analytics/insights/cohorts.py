"""The cohorts page reads what was counted when a date was scored: a comparison, and the retention."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from urllib.parse import urlencode

from django.core.paginator import Page, Paginator
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from analytics.models import CohortDay
from analytics.portfolio.figure_rows import EVERYBODY
from analytics.portfolio.figures import Share, health_shares, mean_days
from analytics.portfolio.kpis import kpi_definition
from analytics.rounding import half_up, percent, success_rate
from analytics.scoring.measure import WEEKS
from analytics.segments.filters import NONE
from analytics.wording import known_of
from customers.text import written
from customers.text.say import Words, say

ROWS_PER_PAGE = 50
WEEKS_SHOWN = (12, 26, WEEKS)
"""How many weeks of retention a visitor may choose; the first is what is shown unasked."""
SHADES = 10
RETENTION = _(
    "Share of the members who were active on at least one day of each week after their own signup. Week 0 is the "
    "signup date and the six days after it."
)
"""What a cell of the triangle means."""


def definitions() -> list[tuple[str, Words]]:
    """Return what the columns of the comparison mean, as people are told."""
    return [
        (gettext("Onboarded"), kpi_definition("onboarding_rate")),
        (gettext("Time to value"), kpi_definition("avg_time_to_value")),
        (gettext("Success rate"), kpi_definition("success_rate")),
        (gettext("Average score"), gettext("Average of the members' health scores, as a whole number.")),
        (gettext("Health"), gettext("Share of the members with each health status.")),
    ]


@dataclass(frozen=True)
class CohortRow:
    """A row of the comparison; percentages and scores are whole, None where nothing was counted.

    ``days_known`` says over how many the days to value are, where that is not all of the onboarded.
    ``query`` is what narrows the list of customers to the members.
    """

    label: str
    query: str
    size: int
    onboarded: int
    onboarding_rate: int | None
    median_days: str | None
    mean_days: str | None
    days_known: str
    mean_score: int
    health: Sequence[Share]
    success_rate: int | None

    def bar(self) -> Iterator[tuple[str, int, int]]:
        """Yield the parts of the bar of statuses: each one's key, where it starts, how long it is."""
        start = 0
        for share in self.health:
            yield share.key, start, share.count
            start += share.count


@dataclass(frozen=True)
class RetentionCell:
    """A week of a cohort: how many were active in it, of the ``size`` members for whom it has ended by ``day``.

    ``members`` is how many the cohort has.
    """

    week: int
    active: int
    size: int
    members: int
    day: date

    @property
    def percent(self) -> int:
        """The share in whole percent."""
        return percent(self.active, self.size) or 0

    @property
    def shade(self) -> int:
        """How dark the cell is, from 0 (nobody) to 10 (everybody)."""
        return half_up(SHADES * self.active, self.size)

    @property
    def query(self) -> str:
        """What narrows the list of customers to those who were not active; where all were, to all of the ``size``."""
        if self.active < self.size:
            return f"quiet_week={self.week}"
        last_signup = self.day - timedelta(days=7 * self.week + 6)
        return f"signup_to={last_signup}" if self.size < self.members else ""

    @property
    def words(self) -> str:
        """The cell in words."""
        return say("{active} of {size} active in week {week}", active=self.active, size=self.size, week=self.week)


@dataclass(frozen=True)
class RetentionRow:
    """A row of the triangle: a cell for each week, None where it has ended for no member."""

    label: str
    query: str
    size: int
    cells: Sequence[RetentionCell | None]


@dataclass(frozen=True)
class Cohorts:
    """The page's two tables, of the rows of one ``page``; ``total`` and ``overall`` are about all of them.

    ``weeks`` are the columns of the triangle; ``more_weeks`` is whether there is any choice of how many.
    """

    page: Page[CohortDay]
    comparison: Sequence[CohortRow]
    total: CohortRow
    weeks: Sequence[int]
    more_weeks: bool
    retention: Sequence[RetentionRow]
    overall: RetentionRow


def cohort_comparison(day: date, by: CohortDay.By, weeks: int, page: str | None) -> Cohorts | None:
    """Return what is known of ``day``; None where nothing was counted by cohort when it was scored. One query."""
    rows, total = _counted(day, by)
    if total is None:
        return None
    ended = _ended(rows)
    columns = min(weeks, ended)
    shown = Paginator(rows, ROWS_PER_PAGE).get_page(page)
    return Cohorts(
        page=shown,
        comparison=[_cohort_row(row) for row in shown],
        total=_cohort_row(total),
        weeks=range(columns),
        more_weeks=ended > WEEKS_SHOWN[0],
        retention=[_retention_row(row, columns) for row in shown],
        overall=_retention_row(total, columns),
    )


def every_cohort(day: date, by: CohortDay.By) -> list[tuple[CohortRow, RetentionRow]]:
    """Return the rows of both tables side by side, all customers last, with every week that has ended. One query."""
    rows, total = _counted(day, by)
    if total is None:
        return []
    return [(_cohort_row(row), _retention_row(row, _ended(rows))) for row in (*rows, total)]


def _counted(day: date, by: CohortDay.By) -> tuple[list[CohortDay], CohortDay | None]:
    """Return what was counted of each cohort, in the order of the page, and of all customers."""
    known = list(CohortDay.objects.filter(date=day, by__in=(CohortDay.By.ALL, by)))
    total = next((one for one in known if one.by == CohortDay.By.ALL), None)
    return sorted((one for one in known if one.by == by), key=_sort_key), total


def _ended(rows: Sequence[CohortDay]) -> int:
    """Return how many weeks have ended for a member of any cohort."""
    return max(len(row.weeks) for row in rows)


def _sort_key(row: CohortDay) -> tuple[bool, str, str]:
    """By name, whatever its case, those without a cohort last; months in their order."""
    return not row.name, row.name.casefold(), row.name


def _label(row: CohortDay) -> str:
    if row.by == CohortDay.By.MONTH:
        return written.month(date.fromisoformat(f"{row.name}-01"))
    return row.name or (gettext("No cohort") if row.by == CohortDay.By.COHORT else gettext("All customers"))


def _query(row: CohortDay) -> str:
    if row.by == CohortDay.By.ALL:
        return EVERYBODY
    if row.by == CohortDay.By.MONTH:
        return urlencode({"signup": row.name})
    return urlencode({"cohort": row.name or NONE})


def _cohort_row(row: CohortDay) -> CohortRow:
    return CohortRow(
        label=_label(row),
        query=_query(row),
        size=row.size,
        onboarded=row.onboarded,
        onboarding_rate=percent(row.onboarded, row.size),
        median_days=None if row.middle_days is None else mean_days(row.middle_days, 2),
        mean_days=mean_days(row.days_to_value, row.days_known),
        days_known=known_of(row.days_known, row.onboarded),
        mean_score=half_up(row.score_sum, row.size),
        health=health_shares(row, row.size),
        success_rate=success_rate(row.prs_merged, row.prs_generated),
    )


def _retention_row(row: CohortDay, columns: int) -> RetentionRow:
    # A date scored by an earlier version has the weeks that had ended for every member.
    sizes = row.old_enough or [row.size] * len(row.weeks)
    known = zip(row.weeks[:columns], sizes[:columns], strict=True)
    cells = [RetentionCell(week, active, size, row.size, row.date) for week, (active, size) in enumerate(known)]
    return RetentionRow(_label(row), _query(row), row.size, [*cells, *[None] * (columns - len(cells))])

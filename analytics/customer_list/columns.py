"""The customer table: declarations, and a visual atom for each cell that is more than text."""

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import django_tables2 as tables
from django.db.models import Case, F, FloatField, Value, When
from django.db.models.functions import Cast, NullIf, Replace
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from analytics.display import atoms
from analytics.display.ordering import as_read, by_place, in_order, none_last
from analytics.models import Snapshot, SnapshotQuerySet, Stage, Trend
from analytics.portfolio.comparison import MONTH, WEEK
from analytics.portfolio.score_change import COLUMN_OF, ScoreChanges
from analytics.wording import ACTIVITY_TREND, DASH
from customers.core.people import by_name
from customers.models import ImportRun
from customers.text.codes import code_in_words
from customers.text.fold import Fold

CUT = {"td": {"class": "cut"}}
"""Of a column with text of any length."""
NUMBER = {"td": {"class": "number"}, "th": {"class": "number"}}
STANDARD = ("status", "score", "trend", "steps_done", "stage", "last_active", "cohort", "owner")
"""The columns that are shown unless the address chooses others; the name always is."""


class Column(tables.Column):
    """A column that makes a cell of a record, or of its value.

    django-tables2 does so by looking up the model's field and inspecting a signature for each cell, which took longer
    than what the cells say; so ``CustomerTable.lines`` asks the column itself.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"default": DASH, **options})

    def cell(self, record: Snapshot, table: "CustomerTable") -> Any:
        """The cell of a record."""
        value = self.accessor.resolve(record, quiet=True)
        return self.default if value in self.empty_values else self.text(value)

    def text(self, value: Any) -> Any:
        """What the cell says of a value."""
        return value


class DrawnColumn(Column):
    """A cell that a function makes of the record."""

    def __init__(self, draw: Callable[[Any], Any], **options: Any) -> None:
        super().__init__(**options)
        self.draw = draw

    def cell(self, record: Snapshot, table: "CustomerTable") -> Any:
        """What the function makes."""
        return self.draw(record)


class NameColumn(Column):
    """The name; its link takes the address along, so that the way back leads to the same filters."""

    def cell(self, record: Snapshot, table: "CustomerTable") -> SafeString:
        """The name with its marks."""
        return atoms.customer_name(record, table.address, may_tick=table.may_tick)


class DayColumn(Column):
    """A date as the pages write it."""

    def text(self, value: date) -> str:
        """``3 May 2025``."""
        return f"{value:%-d %b %Y}"


class RunColumn(Column):
    """An import run as the day on which it was, and its number."""

    def text(self, value: ImportRun) -> str:
        """``3 May 2025, run 7``."""
        return f"{timezone.localtime(value.started_at):%-d %b %Y}, run {value.pk}"


class CountColumn(Column):
    """A whole number with its thousands apart."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"attrs": NUMBER, **options})

    def text(self, value: int) -> str:
        """``1,200``."""
        return f"{value:,}"


class ChangeColumn(CountColumn):
    """What the score changed by in some days."""

    def __init__(self, days: int) -> None:
        super().__init__(verbose_name=f"Change, {days} days")
        self.days = days

    def cell(self, record: Snapshot, table: "CustomerTable") -> Any:
        """The points with their sign, the score of then on hover."""
        return table.change(record, self.days) or self.default


class ScoreColumn(Column):
    """The score with its way over a month and, unless it has a column of its own, its change over a week."""

    def cell(self, record: Snapshot, table: "CustomerTable") -> SafeString:
        """The score; no change is not worth a word here."""
        beside = table.change(record, WEEK) if record.change_7 and not table.shows_change else ""
        return atoms.score(record.score, record.sparkline, beside)


class PercentColumn(CountColumn):
    """A whole percentage."""

    def text(self, value: int) -> str:
        """``85%``."""
        return f"{value}%"


class CustomerTable(tables.Table):
    """The customers of a scored date; worst first, every order ends in the key."""

    customer = NameColumn(verbose_name="Name")
    status = DrawnColumn(lambda record: atoms.health_status(record.status))
    score = ScoreColumn(order_by=("score", "pk"), attrs=NUMBER)
    change_7 = ChangeColumn(WEEK)
    change_30 = ChangeColumn(MONTH)
    trend = DrawnColumn(lambda record: atoms.trend(record.trend), verbose_name=ACTIVITY_TREND)
    steps_done = DrawnColumn(
        lambda record: atoms.progress(record.onboarding_percent),
        verbose_name="Progress",
        order_by=("steps_done", "pk"),
    )
    stage = DrawnColumn(Snapshot.get_stage_display)
    last_active = DrawnColumn(lambda record: atoms.since(record.last_active, record.date))
    cohort = Column(accessor="customer__cohort", order_by=("customer__cohort", "pk"), attrs=CUT)
    owner = Column(accessor="customer__care__owner_name", verbose_name="Owner", attrs=CUT)
    industry = Column(accessor="customer__industry", order_by=("customer__industry", "pk"), attrs=CUT)
    signup_date = DayColumn(
        accessor="customer__signup_date", verbose_name="Signed up", order_by=("customer__signup_date", "pk")
    )
    team_size = CountColumn(accessor="customer__team_size", verbose_name="Team")
    email = Column(accessor="customer__email", order_by=("customer__email", "pk"), attrs=CUT)
    blocker_type = DrawnColumn(
        lambda record: code_in_words(record.blocker_type) or DASH,
        verbose_name="Blocker",
        attrs=CUT,
    )
    days_active = CountColumn(order_by=("days_active", "pk"))
    issues_tagged = CountColumn(order_by=("issues_tagged", "pk"))
    prs_generated = CountColumn(verbose_name="PRs generated", order_by=("prs_generated", "pk"))
    prs_merged = CountColumn(verbose_name="PRs merged", order_by=("prs_merged", "pk"))
    success_rate = PercentColumn(verbose_name="Success rate")
    support_requests = CountColumn(order_by=("support_requests", "pk"))
    missing = RunColumn(accessor="customer__missing_since", verbose_name="Missing from the feed")

    changes: ScoreChanges
    shows_change = False
    address = ""
    may_tick = False
    label = "List of customers"
    nothing_text = "Nobody had signed up by this date."

    class Meta:
        model = Snapshot
        fields = ("customer",)
        attrs = {"class": "rsolv-table"}
        order_by = ("status",)
        empty_text = "No customer matches these filters."

    def __init__(self, data: SnapshotQuerySet, *, changes: ScoreChanges, **options: Any) -> None:
        self.changes = changes
        super().__init__(data, **options)

    def change(self, record: Snapshot, days: int) -> SafeString | str:
        """What the score of a record changed by; '' where there is nothing to compare with."""
        points, then = getattr(record, COLUMN_OF[days]), self.changes.since[days]
        return "" if points is None else atoms.score_change(points, record.score - points, then)

    def lines(self) -> Iterator[tuple[str, SafeString]]:
        """The page's rows: the key of each one's customer, and its cells, whose attributes are their columns'."""
        self.shows_change = self.columns[COLUMN_OF[WEEK]].visible
        columns = [(column.attrs["td"].as_html(), column.column) for column in self.columns]
        for row in self.paginated_rows:
            cells = ((attrs, column.cell(row.record, self)) for attrs, column in columns)
            yield row.record.customer_id, format_html_join("", "<td {}>{}</td>", cells)

    def order_customer(self, queryset: SnapshotQuerySet, is_descending: bool) -> tuple[SnapshotQuerySet, bool]:
        """By name, as one reads it."""
        name = Fold("customer__organization")
        return queryset.order_by(name.desc() if is_descending else name.asc(), "pk"), True

    def order_status(self, queryset: SnapshotQuerySet, is_descending: bool) -> tuple[SnapshotQuerySet, bool]:
        """By urgency: at risk first."""
        return queryset.by_urgency(descending=is_descending), True

    def order_change_7(self, queryset: SnapshotQuerySet, is_descending: bool) -> tuple[SnapshotQuerySet, bool]:
        """By points, the greatest falls first; those without an earlier score come last in either order."""
        return none_last(self.changes.beside(queryset), F(COLUMN_OF[WEEK]), is_descending), True

    def order_change_30(self, queryset: SnapshotQuerySet, is_descending: bool) -> tuple[SnapshotQuerySet, bool]:
        """The same over a month."""
        return none_last(self.changes.beside(queryset), F(COLUMN_OF[MONTH]), is_descending), True

    def order_trend(self, queryset: SnapshotQuerySet, is_descending: bool) -> tuple[SnapshotQuerySet, bool]:
        """From declining to improving."""
        places = (Trend.DECLINING, Trend.STABLE, Trend.IMPROVING)
        return by_place(queryset, "trend", places, is_descending), True

    def order_stage(self, queryset: SnapshotQuerySet, is_descending: bool) -> tuple[SnapshotQuerySet, bool]:
        """From the first stage to the last."""
        return by_place(queryset, "stage", tuple(Stage), is_descending), True

    def order_last_active(self, queryset: SnapshotQuerySet, is_descending: bool) -> tuple[SnapshotQuerySet, bool]:
        """By date; those who never were come last in either order."""
        return none_last(queryset, F("last_active"), is_descending), True

    def order_cohort(self, queryset: SnapshotQuerySet, is_descending: bool) -> tuple[SnapshotQuerySet, bool]:
        """As one reads it."""
        return as_read(queryset, "customer__cohort", is_descending), True

    def order_industry(self, queryset: SnapshotQuerySet, is_descending: bool) -> tuple[SnapshotQuerySet, bool]:
        """As one reads it."""
        return as_read(queryset, "customer__industry", is_descending), True

    def order_email(self, queryset: SnapshotQuerySet, is_descending: bool) -> tuple[SnapshotQuerySet, bool]:
        """As one reads it."""
        return as_read(queryset, "customer__email", is_descending), True

    def order_owner(self, queryset: SnapshotQuerySet, is_descending: bool) -> tuple[SnapshotQuerySet, bool]:
        """By the owner's name; those without one come last in either order."""
        return in_order(queryset, by_name("customer__care__owner__"), is_descending), True

    def order_blocker_type(self, queryset: SnapshotQuerySet, is_descending: bool) -> tuple[SnapshotQuerySet, bool]:
        """By its words; those that nothing blocks come last in either order."""
        words = Fold(NullIf(Replace("blocker_type", Value("_"), Value(" ")), Value("")))
        return none_last(queryset, words, is_descending), True

    def order_team_size(self, queryset: SnapshotQuerySet, is_descending: bool) -> tuple[SnapshotQuerySet, bool]:
        """By size; those of unknown size come last in either order."""
        return none_last(queryset, F("customer__team_size"), is_descending), True

    def order_missing(self, queryset: SnapshotQuerySet, is_descending: bool) -> tuple[SnapshotQuerySet, bool]:
        """By the run whose file lacked them first; those who are in the feed come last in either order."""
        return none_last(queryset, F("customer__missing_since_id"), is_descending), True

    def order_success_rate(self, queryset: SnapshotQuerySet, is_descending: bool) -> tuple[SnapshotQuerySet, bool]:
        """By the whole percentage; those without any PR come last in either order."""
        return none_last(queryset, _success_rate(), is_descending), True


def _success_rate() -> Any:
    """Merged of generated PRs, at most 1; null without any."""
    return Case(
        When(prs_generated=0, then=None),
        When(prs_merged__gte=F("prs_generated"), then=1.0),
        default=Cast("prs_merged", FloatField()) / F("prs_generated"),
        output_field=FloatField(),
    )

"""The columns of the customer list, each declared once for the table and for the exported file."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

from django.db.models import Case, F, FloatField, Value, When
from django.db.models.expressions import Combinable
from django.db.models.functions import Cast, NullIf, Replace
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from analytics.customer_list.list_column import ListColumn, Order, Shown, field_as_text
from analytics.display import atoms
from analytics.display.ordering import as_read, by_rank, in_order, none_last
from analytics.display.tables import CUT, NUMBER, WRAPPED
from analytics.forecast.bands import DEFINITIONS, band_of, percent_of, shown_percent
from analytics.models import ForecastTarget, HealthStatus, Snapshot, SnapshotQuerySet, Stage, Trend
from analytics.portfolio.comparison import SPANS, WEEK
from analytics.portfolio.score_change import COLUMN_OF, ScoreChanges
from analytics.portfolio.status_change import STATUS_COLUMN_OF, WAS_OF, move_in_words, places_risen_in_sql
from analytics.rounding import onboarding_percent, success_rate
from analytics.wording import ACTIVITY_TREND, DASH
from customers.core.people import by_name, display_name
from customers.models import ImportRun
from customers.text import written
from customers.text.codes import code_in_words
from customers.text.fold import Fold
from customers.text.say import Words, english, kept_by_language, say, say_later

if TYPE_CHECKING:
    from analytics.customer_list.customer_table import CustomerTable

# --- Cells --------------------------------------------------------------------------------------------------------


def _run(run: ImportRun) -> str:
    return say("{day}, run {run}", day=timezone.localtime(run.started_at).date(), run=str(run.pk))


def _days(days: int) -> str:
    return say("{number}d", number=days)


def _name(record: Snapshot, table: "CustomerTable") -> SafeString:
    """Draw the name with its marks; its link takes the address along, so that the way back keeps the filters."""
    may_tick, may_create_task = table.may_tick, table.may_create_task
    return atoms.customer_name(record, table.address, may_tick=may_tick, may_create_task=may_create_task)


def _owner(record: Snapshot, table: "CustomerTable") -> str:
    return atoms.owner(record, table.edits[record.pk]["owner"], table.address, may_assign=table.may_tick)


def _score(record: Snapshot, table: "CustomerTable") -> SafeString:
    """Draw the score, its sparkline, and its change over a week unless that is 0 or has its own column."""
    column = COLUMN_OF[WEEK]
    change = table.change(record, WEEK) if getattr(record, column) and not table.columns[column].visible else ""
    return atoms.score(record.score, table.sparklines[record.customer_id], change)


@kept_by_language(1_000)
def _probable(thousandths: int) -> SafeString:
    """Draw a probability as its band and the whole percent."""
    band = band_of(thousandths)
    said = f"{band.label}, {written.percentage(percent_of(thousandths))}"
    return format_html('<span class="forecast-{}">{}</span>', band.name, said)


# --- Orders -------------------------------------------------------------------------------------------------------


def _by_customer_name(rows: SnapshotQuerySet, is_descending: bool, changes: ScoreChanges) -> SnapshotQuerySet:
    name = Fold("customer__organization")
    return rows.order_by(name.desc() if is_descending else name.asc(), "pk")


def _as_read(field: str) -> Order:
    return lambda rows, is_descending, changes: as_read(rows, field, is_descending)


def _by_rank(field: str, places: Sequence[str]) -> Order:
    return lambda rows, is_descending, changes: by_rank(rows, field, places, is_descending)


def _none_last(*values: Combinable) -> Order:
    return lambda rows, is_descending, changes: in_order(rows, values, is_descending)


BLOCKER = NullIf(Replace("blocker_type", Value("_"), Value(" ")), Value(""))
SUCCESS_RATE = Case(
    When(prs_generated=0, then=None),
    When(prs_merged__gte=F("prs_generated"), then=1.0),
    default=Cast("prs_merged", FloatField()) / F("prs_generated"),
    output_field=FloatField(),
)
"""Merged of generated PRs, at most 1; null without any."""


# --- The columns --------------------------------------------------------------------------------------------------


def _customer_text(name: str, heading: Words, shown: Shown = Shown.IF_CHOSEN) -> ListColumn:
    """Return a column of a text of the customer."""
    field = f"customer__{name}"
    return ListColumn(name, heading, order=_as_read(field), fields=(field,), shown=shown, attrs=CUT)


def _count(name: str, heading: Words) -> ListColumn:
    """Return a column of a whole number of the snapshot, its thousands apart."""
    return ListColumn(name, heading, field_as_text(name, written.number), attrs=NUMBER)


def _change(days: int) -> ListColumn:
    """Return a column of what the score changed by in some days; the greatest falls come first."""
    name = COLUMN_OF[days]
    return ListColumn(
        name,
        say_later("Change, {days} days", days=days),
        lambda record, table: table.change(record, days),
        lambda rows, is_descending, changes: none_last(changes.beside(rows), F(name), is_descending),
        file_heading=english(f"Score change, {days} days"),
        attrs=NUMBER,
        definition=say_later("Score less the score {days} days before.", days=days),
    )


def _status_change(days: int) -> ListColumn:
    """Return a column of which way the status went in some days; the worst changes come first."""
    return ListColumn(
        STATUS_COLUMN_OF[days],
        say_later("Status change, {days} days", days=days),
        lambda record, table: table.status_change(record, days),
        lambda rows, is_descending, changes: none_last(changes.beside(rows), places_risen_in_sql(days), is_descending),
        fields=(WAS_OF[days], "status"),
        value=lambda was, now: move_in_words(was, now) or None,
        definition=say_later("Status compared with {days} days before.", days=days),
    )


def _forecast(target: ForecastTarget) -> ListColumn:
    """Return a column of a forecast of the date, the least probable first."""
    name = f"forecast_{target.value}"
    return ListColumn(
        name,
        dict(ForecastTarget.choices)[target.value],
        field_as_text(name, _probable),
        lambda rows, is_descending, changes: none_last(rows.with_forecasts(of_over=False), F(name), is_descending),
        value=shown_percent,
        file_heading=name,
        unit="%",
        definition=DEFINITIONS[target],
    )


COLUMNS = (
    ListColumn("customer_id", _("Customer id"), shown=Shown.NEVER),
    ListColumn(
        "customer", _("Name"), _name, _by_customer_name, fields=("customer__organization",), shown=Shown.ALWAYS
    ),
    ListColumn(
        "status",
        _("Status"),
        lambda record, table: atoms.health_status(record.status),
        lambda rows, is_descending, changes: rows.by_urgency(descending=is_descending),
        value=lambda status: HealthStatus(status).label,
        shown=Shown.BY_DEFAULT,
        definition=_("Health by the score, or Inactive: without activity, or by account status."),
    ),
    ListColumn(
        "score",
        _("Score"),
        _score,
        shown=Shown.BY_DEFAULT,
        attrs=NUMBER,
        definition=_("Health score from 0 to 100: the sum of its components, which the customer's page explains."),
    ),
    ListColumn(
        "trend",
        ACTIVITY_TREND,
        lambda record, table: atoms.trend(record.trend),
        _by_rank("trend", (Trend.DECLINING, Trend.STABLE, Trend.IMPROVING)),
        value=lambda trend: Trend(trend).label,
        shown=Shown.BY_DEFAULT,
        definition=_("Activity of the last 7 days compared with the 7 days before."),
    ),
    ListColumn(
        "steps_done",
        _("Progress"),
        lambda record, table: atoms.progress(record.onboarding_percent),
        value=onboarding_percent,
        file_heading="Progress %",
        unit="%",
        shown=Shown.BY_DEFAULT,
        definition=_("Completed onboarding steps, as a share of all five."),
    ),
    ListColumn(
        "stage",
        _("Stage"),
        lambda record, table: Stage(record.stage).label,
        _by_rank("stage", tuple(Stage)),
        value=lambda stage: Stage(stage).label,
        shown=Shown.BY_DEFAULT,
        attrs=WRAPPED,
        definition=_("How far into the product: New signup, Onboarding, Initial adoption or Regular usage."),
    ),
    ListColumn(
        "last_active",
        _("Last active"),
        lambda record, table: atoms.since(record.last_active, record.date),
        _none_last(F("last_active")),
        shown=Shown.BY_DEFAULT,
        attrs=WRAPPED,
    ),
    _customer_text("cohort", _("Cohort"), Shown.BY_DEFAULT),
    ListColumn(
        "owner",
        _("Owner"),
        _owner,
        lambda rows, is_descending, changes: in_order(rows, by_name("customer__care__owner__"), is_descending),
        fields=tuple(f"customer__care__owner__{field}" for field in ("first_name", "last_name", "username")),
        value=lambda first, last, login: display_name(first or "", last or "", login) if login else "",
        shown=Shown.BY_DEFAULT,
        attrs=CUT,
        reads_edits=True,
    ),
    _customer_text("industry", _("Industry")),
    ListColumn(
        "signup_date",
        _("Signed up"),
        field_as_text("customer__signup_date", written.day),
        fields=("customer__signup_date",),
    ),
    ListColumn(
        "team_size",
        _("Team"),
        field_as_text("customer__team_size", written.number),
        _none_last(F("customer__team_size")),
        fields=("customer__team_size",),
        attrs=NUMBER,
    ),
    replace(_customer_text("email", _("Email")), file_heading="E-mail"),
    ListColumn(
        "blocker_type",
        _("Blocker"),
        lambda record, table: code_in_words(record.blocker_type) or DASH,
        _none_last(Fold(BLOCKER)),
        value=code_in_words,
        attrs=CUT,
    ),
    _count("days_active", _("Days active")),
    _count("issues_tagged", _("Issues tagged")),
    _count("prs_generated", _("PRs generated")),
    _count("prs_merged", _("PRs merged")),
    ListColumn(
        "success_rate",
        _("Success rate"),
        field_as_text("success_rate", written.percentage),
        _none_last(SUCCESS_RATE),
        fields=("prs_merged", "prs_generated"),
        value=success_rate,
        file_heading=english("Success rate %"),
        unit="%",
        attrs=NUMBER,
        definition=_("Pull requests that were merged, as a share of those that were generated."),
    ),
    _count("support_requests", _("Support requests")),
    ListColumn("date", _("As of"), shown=Shown.NEVER),
    *(_change(days) for days in SPANS),
    ListColumn(
        "missing",
        _("Missing from the feed"),
        field_as_text("customer__missing_since", _run),
        _none_last(F("customer__missing_since_id")),
        fields=("customer__missing_since__started_at",),
        value=lambda moment: moment and timezone.localtime(moment).date(),
        file_heading=english("Missing from the feed since"),
        related="customer__missing_since",
        definition=_("Gone from the newest full file; the customer is kept."),
    ),
    *(_status_change(days) for days in SPANS),
    *(_forecast(target) for target in ForecastTarget),
    ListColumn(
        "days_to_value",
        _("Time to value"),
        field_as_text("days_to_complete", _days),
        _none_last(F("days_to_complete")),
        fields=("days_to_complete",),
        file_heading=english("Time to value in days"),
        unit="d",
        attrs=NUMBER,
        definition=_("Days from signup to the end of onboarding; a dash where that day is not known."),
    ),
    ListColumn(
        "scoring_policy",
        _("Policy"),
        order=_as_read("policy__name"),
        fields=("policy__name",),
        file_heading="scoring_policy",
        related="policy",
        definition=_("The scoring policy that scored the customer on this date."),
    ),
    ListColumn(
        "provisional_to",
        _("So far"),
        field_as_text("provisional_to", written.day),
        _none_last(F("provisional_to")),
        file_heading="provisional_to",
        definition=_("What the product reported after this date counts, through this day; files follow."),
    ),
)
"""Every column, in the order of the exported file: a new one comes at the end."""
_BY_NAME = {one.name: one for one in COLUMNS}
_FIRST = ("customer", "status", *STATUS_COLUMN_OF.values(), "score", *COLUMN_OF.values())
"""In the table the changes stand beside what has changed."""
TABLE_COLUMNS = {name: _BY_NAME[name] for name in (*_FIRST, *_BY_NAME) if _BY_NAME[name].shown != Shown.NEVER}
"""Every column of the table by its name, in the standard order; the customer's name always comes first."""
STANDARD_COLUMNS = tuple(name for name, one in TABLE_COLUMNS.items() if one.shown == Shown.BY_DEFAULT)


def in_order_of(names: Sequence[str]) -> list[ListColumn]:
    """Return every column of the table: those named in that order, each other one after its usual neighbor."""
    order = ["customer", *names]
    for neighbor, name in pairwise(TABLE_COLUMNS):
        if name not in order:
            order.insert(order.index(neighbor) + 1, name)
    return [TABLE_COLUMNS[name] for name in order]

"""The filters of the customer table; every one of them is in the address."""

from calendar import monthrange
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import ClassVar

from django import forms
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db.models import F, Q, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce
from django.http import QueryDict
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django_filters import filters
from django_filters.filterset import FilterSet

from analytics.display.filter_choices import DELETED, FilterChoices, filter_choices, is_key, owner_in_words, with_asked
from analytics.forecast.bands import BANDS, thousandths_of
from analytics.models import Forecast, HealthStatus, Snapshot, SnapshotQuerySet, Stage, Trend
from analytics.portfolio.comparison import MONTH, WEEK
from analytics.portfolio.movers import Crossing, crossed
from analytics.portfolio.score_change import FILTER_OF, ScoreChanges
from analytics.portfolio.status_change import STATUS_COLUMN_OF, StatusMove
from analytics.scoring.measure import WEEKS
from analytics.wording import ACTIVITY_TREND
from customers.core.people import name_of
from customers.core.sql import is_postgres
from customers.models import Customer, Step, texts_have
from customers.text import written
from customers.text.say import Words, say, say_later

NONE = " "  # no cohort and no industry is called so: what the CSVs say is trimmed
ME, NOBODY = "me", "nobody"
MAX_WORDS = 20
MAX_GROUP_LENGTH = 100
"""Characters of a cohort or an industry."""
MISSING, GOT_WORSE = "missing", "got_worse"
ONLY = [
    ("active", _("Active on this date")),
    ("onboarded", _("Onboarded")),
    ("blocked", _("Blocked")),
    (MISSING, _("Missing from the feed")),
    (GOT_WORSE, _("Got worse this week")),
]
LAST_ACTIVE = [
    ("within_7", _("In the last 7 days")),
    ("within_30", _("In the last 30 days")),
    ("over_7", _("7+ days ago")),
    ("over_14", _("14+ days ago")),
    ("over_30", _("30+ days ago")),
    ("never", _("Never")),
]
"""``within_7`` are the 7 days that end with D; ``over_7`` is a day before them, but not never."""


DAY_FORMAT = "%Y-%m-%d"


class WholeNumberFilter(filters.Filter):
    """A field for a whole number."""

    field_class = forms.IntegerField  # type: ignore[assignment]  # django-filter has no types; it takes any field


def _number(label: Words, *, least: int = 0, most: int = 100, **options: str) -> WholeNumberFilter:
    """Return a field for a whole number within bounds."""
    digits = forms.TextInput(attrs={"inputmode": "numeric", "size": 4})
    bounds = {"min_value": least, "max_value": most, "widget": digits}
    return WholeNumberFilter(label=label, **bounds, **options)  # type: ignore[no-untyped-call]  # nor do its filters


def _day(label: Words, **options: str) -> filters.DateFilter:
    """Return a field for a day, as a browser sends it."""
    picker = forms.DateInput(format=DAY_FORMAT, attrs={"type": "date"})
    return filters.DateFilter(label=label, widget=picker, input_formats=[DAY_FORMAT], **options)


def _menu(label: Words, **options: object) -> filters.MultipleChoiceFilter:
    """Return a menu of checkboxes."""
    return filters.MultipleChoiceFilter(label=label, **{"choices": [], "distinct": False, **options})


def _choice(label: Words, choices: Sequence[tuple[str, Words]], method: str) -> filters.ChoiceFilter:
    """Return a menu of which one is chosen, or none."""
    return filters.ChoiceFilter(label=label, choices=choices, method=method, empty_label=_("Any"))


def _fall(days: int) -> WholeNumberFilter:
    """Return the filter for how many points the score fell by in some days, 0 without an earlier score."""
    return _number(say_later("Score fell in {days} days by at least", days=days), least=1, method="fell")


def _move(days: int) -> filters.ChoiceFilter:
    """Return the filter for which way the status went in some days; without an earlier one it went none."""
    return _choice(say_later("Status in {days} days", days=days), StatusMove.choices, "moved")


def _forecast(label: Words) -> filters.ChoiceFilter:
    """Return the filter for how probable a forecast is."""
    return _choice(label, [(band.name, band.label) for band in BANDS], "forecast")


class FilterForm(forms.Form):
    """Also compares what only makes sense together."""

    def clean(self) -> None:
        """Refuse each range that is none; both ends are then left out."""
        for first, last, refusal in RANGES:
            least, most = self.cleaned_data.get(first), self.cleaned_data.get(last)
            if least is not None and most is not None and least > most:
                self.add_error(last, refusal(value_in_words(most), value_in_words(least)))
                self.cleaned_data.pop(first)


def value_in_words(value: object) -> str:
    """Return a filter's value as people write it."""
    if isinstance(value, date):
        return written.day(value)
    return written.number(value) if isinstance(value, int) else str(value)


WITHOUT_FIELD = ("signup", "crossed", "quiet_week")
"""Of those below the ones that the form has no field for, and takes along."""
ON_REQUEST = ("done", *WITHOUT_FIELD)
"""Filters that only figures of other pages lead to; elsewhere they would take room for nothing."""
MAX_COUNT = 1_000_000
"""The largest team, and the most days, that a filter takes."""
RANGES: tuple[tuple[str, str, Callable[[str, str], str]], ...] = (
    (
        "score_min",
        "score_max",
        lambda last, first: say("{last} is below the lowest score asked for, {first}.", last=last, first=first),
    ),
    (
        "success_rate_min",
        "success_rate_max",
        lambda last, first: say("{last} is below the lowest success rate asked for, {first}.", last=last, first=first),
    ),
    (
        "days_active_min",
        "days_active_max",
        lambda last, first: say(
            "{last} is below the lowest number of days asked for, {first}.", last=last, first=first
        ),
    ),
    (
        "team_size_min",
        "team_size_max",
        lambda last, first: say("{last} is below the smallest team asked for, {first}.", last=last, first=first),
    ),
    (
        "signup_from",
        "signup_to",
        lambda last, first: say("{last} is before the first day asked for, {first}.", last=last, first=first),
    ),
)
"""The first and the last of what only makes sense together, and what to say where it makes none."""
MORE = (
    *("forecast_quiet", "forecast_first_pr", "status_change_7", "status_change_30", "fell_7", "fell_30"),
    *(name for first, last, _refusal in RANGES for name in (first, last) if not name.startswith("score_")),
)
"""Filters that stand behind "More filters": few need them at once."""
OF_MEMBERS = ("cohort", "industry", "forecast_quiet", "forecast_first_pr")
"""Filters that look for members among the snapshots of a date."""
READ_EDITS = ("owner",)
"""Filters that look at what people edit; all others look at the data alone, so whom they find is kept with these."""


def _month(value: str) -> date:
    """Return the first day of ``2025-05``."""
    try:
        return date.fromisoformat(f"{value}-01")
    except ValueError:
        raise ValidationError(gettext("Write a month as 2025-05.")) from None


class SnapshotFilter(FilterSet):
    """Narrow the customers of ``day`` for a ``user``, if any; the owner "me" is ``me``, or nobody.

    One query for the choices, unless they are known.
    """

    base_filters: ClassVar[dict[str, filters.Filter]]

    q = filters.CharFilter(method="search", label=_("Search"))
    status = _menu(_("Status"), method="of_status", choices=HealthStatus.choices)
    stage = _menu(_("Stage"), choices=Stage.choices)
    cohort = _menu(_("Cohort"), method="in_group")
    industry = _menu(_("Industry"), method="in_group")
    owner = _menu(_("Owner"), method="owned")
    trend = _menu(ACTIVITY_TREND, choices=Trend.choices)
    lacks = _menu(_("Missing step"), method="lacking", choices=Step.choices)
    only = _menu(_("Quick filters"), method="those", choices=ONLY)
    last_active = filters.ChoiceFilter(
        method="active", choices=LAST_ACTIVE, label=_("Last active"), empty_label=_("Last active")
    )
    score_min = _number(_("Score from"), field_name="score", lookup_expr="gte")
    score_max = _number(_("Score to"), field_name="score", lookup_expr="lte")
    fell_7 = _fall(WEEK)
    fell_30 = _fall(MONTH)
    status_change_7 = _move(WEEK)
    status_change_30 = _move(MONTH)
    success_rate_min = _number(_("Success rate from, %"), method="succeeded")
    success_rate_max = _number(_("Success rate to, %"), method="succeeded")
    days_active_min = _number(_("Days active from"), most=MAX_COUNT, field_name="days_active", lookup_expr="gte")
    days_active_max = _number(_("Days active to"), most=MAX_COUNT, field_name="days_active", lookup_expr="lte")
    team_size_min = _number(_("Team size from"), most=MAX_COUNT, field_name="customer__team_size", lookup_expr="gte")
    team_size_max = _number(_("Team size to"), most=MAX_COUNT, field_name="customer__team_size", lookup_expr="lte")
    signup_from = _day(_("Signed up from"), field_name="customer__signup_date", lookup_expr="gte")
    signup_to = _day(_("Signed up to"), field_name="customer__signup_date", lookup_expr="lte")
    forecast_quiet = _forecast(_("Going quiet forecast"))
    forecast_first_pr = _forecast(_("First PR forecast"))
    signup = filters.CharFilter(method="signed_up", label=_("Signup month"), validators=[_month])
    done = _menu(_("Completed step"), method="having", choices=Step.choices)
    crossed = filters.ChoiceFilter(label=_("In a week"), choices=Crossing.choices, method="crossing")
    quiet_week = filters.NumberFilter(
        method="quiet_in", label=_("Not active in week"), min_value=0, max_value=WEEKS - 1, decimal_places=0
    )

    class Meta:
        model = Snapshot
        form = FilterForm
        fields: list[str] = []

    def __init__(
        self,
        address: QueryDict,
        day: date,
        *,
        changes: ScoreChanges,
        user: User | None,
        me: User | None,
        known: FilterChoices | None = None,
    ) -> None:
        super().__init__(address, Snapshot.objects.on(day))  # type: ignore[no-untyped-call]  # django-filter has no types
        self.day = day
        self.changes = changes
        self.user = user
        self.me = me
        self.known = there_are = known or filter_choices()
        self.cut = there_are.cut
        for name, none in (("cohort", _("No cohort")), ("industry", _("No industry"))):
            choices = [(key or NONE, label or none) for key, label in getattr(there_are, name)]
            # One with a NUL is refused as no choice: PostgreSQL would not even look for it.
            asked = (value[:MAX_GROUP_LENGTH] for value in self.data.getlist(name) if "\0" not in value)
            self.filters[name].extra["choices"] = with_asked(choices, asked, {NONE: none}.get)
        self.filters["owner"].extra["choices"] = self._owners(there_are.owner)
        for name in ON_REQUEST:
            if name not in self.data:
                del self.filters[name]

    @property
    def more_set(self) -> int:
        """How many of those behind "More filters" the address sets, be they understood or not."""
        return sum(any(self.data.getlist(name)) for name in MORE)

    @property
    def me_key(self) -> str:
        """Who "me" is, as an address would say it; '' where it is nobody."""
        return str(self.me.pk) if self.me else ""

    def _owners(self, owners: list[tuple[str, str]]) -> list[tuple[str, Words]]:
        """Whose report it is and who asks come first; only a report's own address says "me"."""
        asked = self.data.getlist("owner")
        me: str = self.me_key
        first: dict[str, Words] = {me: DELETED}
        if self.me:
            first = {me: say_later("{name}, whose report it is", name=name_of(self.me))}
        if self.user:
            first[str(self.user.pk)] = say_later("Me ({name})", name=name_of(self.user))
        if ME in asked:
            first = {ME: first.pop(me), **first}
        elif not self.me:
            del first[me]
        rest = [(key, label) for key, label in owners if key not in {*first, me}]
        return with_asked([*first.items(), (NOBODY, _("Nobody")), *rest], filter(is_key, asked), owner_in_words)

    def search(self, queryset: SnapshotQuerySet, name: str, value: str) -> SnapshotQuerySet:
        """Name, email, GitHub name or key contain each of the words."""
        return searched(queryset, value.split()[:MAX_WORDS])

    def of_status(self, queryset: SnapshotQuerySet, name: str, value: list[str]) -> SnapshotQuerySet:
        """Their status on the date is one of these.

        Beside members PostgreSQL looks at it as they are met, in the order of the key: in half of the time.
        """
        if is_postgres() and any(any(self.data.getlist(other)) for other in OF_MEMBERS):
            return queryset.filter(status__in=value) if value else queryset
        return queryset.of_status(value) if value else queryset

    def in_group(self, queryset: SnapshotQuerySet, name: str, value: list[str]) -> SnapshotQuerySet:
        """In one of the cohorts or industries; a blank stands for none."""
        if not value:
            return queryset
        groups = ["" if group == NONE else group for group in value]
        members = Customer.objects.order_by().filter(**{f"{name}__in": groups})
        return queryset.alias(key=_key()).filter(key__in=members.values("pk"))

    def owned(self, queryset: SnapshotQuerySet, name: str, value: list[str]) -> SnapshotQuerySet:
        """Looked after by one of these; ``nobody`` is no owner at all."""
        if not value:
            return queryset
        keys = {int(key) for key in value if is_key(key)}
        if ME in value and self.me:
            keys.add(self.me.pk)
        found = Q(customer__care__owner__in=keys) if keys else Q(pk__in=[])
        return queryset.filter(found | Q(customer__care__owner=None) if NOBODY in value else found)

    def lacking(self, queryset: SnapshotQuerySet, name: str, value: list[str]) -> SnapshotQuerySet:
        """None of the steps is done."""
        return queryset.filter(**dict.fromkeys(value, False))

    def having(self, queryset: SnapshotQuerySet, name: str, value: list[str]) -> SnapshotQuerySet:
        """Each of the steps is done."""
        return queryset.filter(**dict.fromkeys(value, True))

    def crossing(self, queryset: SnapshotQuerySet, name: str, value: str) -> SnapshotQuerySet:
        """Keep those who crossed this line in a week; nobody did where there is no earlier date."""
        since = self.changes.since[WEEK]
        return crossed(queryset, since, Crossing(value)) if since else queryset.none()

    def those(self, queryset: SnapshotQuerySet, name: str, value: list[str]) -> SnapshotQuerySet:
        """In each of the groups behind the summary's figures."""
        methods = {"active": "active_today", **{name: name for name in ("onboarded", "blocked", MISSING)}}
        for group in value:
            queryset = self.changes.got_worse(queryset) if group == GOT_WORSE else getattr(queryset, methods[group])()
        return queryset

    def active(self, queryset: SnapshotQuerySet, name: str, value: str) -> SnapshotQuerySet:
        """By the time from the last active day to the scored date."""
        if value == "never":
            return queryset.filter(last_active=None)
        how, days = value.split("_")
        edge = self.day - timedelta(days=int(days))
        return queryset.filter(**{"last_active__gt" if how == "within" else "last_active__lte": edge})

    def succeeded(self, queryset: SnapshotQuerySet, name: str, value: int) -> SnapshotQuerySet:
        """By the success rate as it is shown, a whole number: at least or at most; none without a generated PR.

        From n - 0.5 on it is shown as n, and as 100 however many were merged; in whole numbers, as in Python.
        """
        found = queryset.filter(prs_generated__gt=0).alias(merged_200=F("prs_merged") * 200)
        if name == "success_rate_min":
            return found.filter(merged_200__gte=F("prs_generated") * (2 * value - 1))
        return found if value == 100 else found.filter(merged_200__lt=F("prs_generated") * (2 * value + 1))

    def fell(self, queryset: SnapshotQuerySet, name: str, value: int) -> SnapshotQuerySet:
        """Keep those whose score fell by at least so many points, in the days that the filter's name says."""
        [days] = [days for days, fell in FILTER_OF.items() if fell == name]
        return self.changes.fell(queryset, days, value)

    def moved(self, queryset: SnapshotQuerySet, name: str, value: str) -> SnapshotQuerySet:
        """Keep those whose status went this way, in the days that the filter's name says."""
        [days] = [days for days, moved in STATUS_COLUMN_OF.items() if moved == name]
        return self.changes.moved(queryset, days, StatusMove(value))

    def forecast(self, queryset: SnapshotQuerySet, name: str, value: str) -> SnapshotQuerySet:
        """Keep those of whom the date's forecast is in this band; nobody whose contract is over.

        As in a group, members are looked for: to join the forecasts took twice as long.
        """
        [band] = [band for band in BANDS if band.name == value]
        probable, field = thousandths_of(band), name.removeprefix("forecast_")
        bounds = {f"{field}__gte": probable.start, f"{field}__lt": probable.stop}
        found = Forecast.objects.order_by().filter(date=self.day, **bounds)
        over = Customer.objects.order_by().filter(status__in=Customer.Status.over())
        members = queryset.alias(key=_key()).filter(key__in=found.values("customer"))
        return members.exclude(key__in=over.values("pk"))

    def signed_up(self, queryset: SnapshotQuerySet, name: str, value: str) -> SnapshotQuerySet:
        """In that month."""
        first = _month(value)
        last = first.replace(day=monthrange(first.year, first.month)[1])
        return queryset.filter(customer__signup_date__range=(first, last))

    def quiet_in(self, queryset: SnapshotQuerySet, name: str, value: Decimal) -> SnapshotQuerySet:
        """Without an active day in that week after the signup, and old enough that it has ended."""
        ended = queryset.filter(customer__signup_date__lte=self.day - timedelta(days=7 * int(value) + 6))
        return ended.alias(active=F("active_weeks").bitand(1 << int(value))).filter(active=0)


def _key() -> Combinable:
    """Return the customer's key, by which members of a group are found among the snapshots of a date.

    A group is large. By the plain key SQLite would look into an index of all dates for each member, which took half
    as long again; PostgreSQL reads the members and the snapshots side by side, each in the order of the key.
    """
    return F("customer_id") if is_postgres() else Coalesce("customer", Value(""))


def searched(queryset: SnapshotQuerySet, words: list[str]) -> SnapshotQuerySet:
    """Keep those of whom each word occurs in one of the texts."""
    if not words:
        return queryset
    found = Customer.objects.order_by().filter(*map(texts_have, words))
    return queryset.filter(customer__in=found)

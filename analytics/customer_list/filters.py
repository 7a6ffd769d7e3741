"""The filters of the customer table; every one of them is in the address."""

from calendar import monthrange
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import django_filters
from django import forms
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db.models import F, Q, Value
from django.db.models.functions import Coalesce

from analytics.display.filter_choices import DELETED, filter_choices, is_key, owner_in_words, with_asked
from analytics.models import HealthStatus, Snapshot, SnapshotQuerySet, Stage
from analytics.portfolio.comparison import MONTH, WEEK
from analytics.portfolio.score_change import ScoreChanges
from analytics.scoring.measure import WEEKS
from customers.core.people import name_of
from customers.models import Customer, Step

NONE = " "  # no cohort and no industry is called so: what the CSVs say is trimmed
ME, NOBODY = "me", "nobody"
MOST_WORDS = 20
LONGEST_GROUP = 100
"""Characters of a cohort or an industry."""
MISSING = "missing"
ONLY = [
    ("active", "Active on this date"),
    ("onboarded", "Onboarded"),
    ("blocked", "Blocked"),
    (MISSING, "Missing from the feed"),
]
LAST_ACTIVE = [
    ("within_7", "In the last 7 days"),
    ("within_30", "In the last 30 days"),
    ("over_7", "7+ days ago"),
    ("over_14", "14+ days ago"),
    ("over_30", "30+ days ago"),
    ("never", "Never"),
]
"""``within_7`` are the 7 days to D, D included; ``over_7`` is the day 7 days before D or earlier, but not never."""


class ManyFilter(django_filters.MultipleChoiceFilter):
    """A menu of checkboxes."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"choices": [], "distinct": False, **options})


class ScoreFilter(django_filters.NumberFilter):
    """One end of a range of scores."""

    field_class = forms.IntegerField

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"min_value": 0, "max_value": 100, **options})


class FallFilter(django_filters.NumberFilter):
    """By how many points at least the score fell in some days; who has no earlier score did not fall."""

    field_class = forms.IntegerField

    def __init__(self, days: int) -> None:
        super().__init__(label=f"Score fell in {days} days by at least", min_value=1, max_value=100)
        self.days = days

    def filter(self, queryset: SnapshotQuerySet, value: int | None) -> SnapshotQuerySet:
        """Those whose score fell."""
        return self.parent.changes.fell(queryset, self.days, value) if value else queryset


class FilterForm(forms.Form):
    """Also compares what only makes sense together."""

    def clean(self) -> dict[str, Any]:
        """Refuse a range of scores that is none; both ends are then left out."""
        least, most = self.cleaned_data.get("score_min"), self.cleaned_data.get("score_max")
        if least is not None and most is not None and least > most:
            self.add_error("score_max", f"{most} is below the lowest score asked for, {least}.")
            self.cleaned_data.pop("score_min")
        return self.cleaned_data


ON_REQUEST = ("signup", "quiet_week")
"""Filters that only the cohorts' figures lead to; elsewhere they would take room for nothing."""


def _month(value: str) -> date:
    """The first day of ``2025-05``."""
    try:
        return date.fromisoformat(f"{value}-01")
    except ValueError:
        raise ValidationError("Write a month as 2025-05.") from None


class SnapshotFilter(django_filters.FilterSet):
    """Narrows the customers of ``day``; "me" is the one named, None is nobody. One query for the choices."""

    q = django_filters.CharFilter(method="search", label="Search")
    status = ManyFilter(choices=HealthStatus.choices, label="Status")
    stage = ManyFilter(choices=Stage.choices, label="Stage")
    cohort = ManyFilter(method="in_group", label="Cohort")
    industry = ManyFilter(method="in_group", label="Industry")
    owner = ManyFilter(method="owned", label="Owner")
    lacks = ManyFilter(method="lacking", choices=Step.choices, label="Lacks")
    only = ManyFilter(method="those", choices=ONLY, label="Only")
    last_active = django_filters.ChoiceFilter(
        method="active", choices=LAST_ACTIVE, label="Last active", empty_label="Last active"
    )
    score_min = ScoreFilter(field_name="score", lookup_expr="gte", label="Score from")
    score_max = ScoreFilter(field_name="score", lookup_expr="lte", label="Score to")
    fell_7 = FallFilter(WEEK)
    fell_30 = FallFilter(MONTH)
    signup = django_filters.CharFilter(method="signed_up", label="Signup month", validators=[_month])
    quiet_week = django_filters.NumberFilter(
        method="quiet_in", label="Not active in week", min_value=0, max_value=WEEKS - 1, decimal_places=0
    )

    class Meta:
        model = Snapshot
        form = FilterForm
        fields: list[str] = []

    def __init__(self, *args: Any, day: date, changes: ScoreChanges, me: User | None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.day = day
        self.changes = changes
        self.me = me
        there_are = filter_choices()
        self.cut = there_are.cut
        for name, none in (("cohort", "No cohort"), ("industry", "No industry")):
            choices = [(key or NONE, label or none) for key, label in getattr(there_are, name)]
            asked = (value[:LONGEST_GROUP] for value in self.data.getlist(name))
            self.filters[name].extra["choices"] = with_asked(choices, asked, {NONE: none}.get)
        self.filters["owner"].extra["choices"] = self._owners(there_are.owner)
        for name in ON_REQUEST:
            if name not in self.data:
                del self.filters[name]

    @property
    def me_key(self) -> str:
        """Who "me" is, as an address would say it; '' where it is nobody."""
        return str(self.me.pk) if self.me else ""

    def _owners(self, owners: list[tuple[str, str]]) -> list[tuple[str, str]]:
        """Whose report it is and who asks come first; only a report's own address says "me"."""
        visitor, asked = self.request.user, self.data.getlist("owner")
        me, words = self.me_key, f"{name_of(self.me)}, whose report it is" if self.me else DELETED
        first = {me: words, str(visitor.pk): f"Me ({name_of(visitor)})"}
        if ME in asked:
            first = {ME: first.pop(me), **first}
        elif not self.me:
            del first[me]
        rest = [(key, label) for key, label in owners if key not in {*first, me}]
        return with_asked([*first.items(), (NOBODY, "Nobody"), *rest], filter(is_key, asked), owner_in_words)

    def search(self, queryset: SnapshotQuerySet, name: str, value: str) -> SnapshotQuerySet:
        """Name, e-mail, GitHub name or key contain each of the words."""
        return searched(queryset, value.split()[:MOST_WORDS])

    def in_group(self, queryset: SnapshotQuerySet, name: str, value: list[str]) -> SnapshotQuerySet:
        """In one of the cohorts or industries; a blank stands for none.

        Such a group is large, so the date's snapshots are looked through for its members. By its plain key SQLite
        would look into an index of all dates for each member instead, which took half as long again.
        """
        if not value:
            return queryset
        groups = ["" if group == NONE else group for group in value]
        members = Customer.objects.order_by().filter(**{f"{name}__in": groups})
        return queryset.alias(key=Coalesce("customer", Value(""))).filter(key__in=members.values("pk"))

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

    def those(self, queryset: SnapshotQuerySet, name: str, value: list[str]) -> SnapshotQuerySet:
        """In each of the groups behind the summary's figures."""
        methods = {"active": "active_today", **{name: name for name in ("onboarded", "blocked", MISSING)}}
        for group in value:
            queryset = getattr(queryset, methods[group])()
        return queryset

    def active(self, queryset: SnapshotQuerySet, name: str, value: str) -> SnapshotQuerySet:
        """By the time from the last active day to the scored date."""
        if value == "never":
            return queryset.filter(last_active=None)
        how, days = value.split("_")
        edge = self.day - timedelta(days=int(days))
        return queryset.filter(**{"last_active__gt" if how == "within" else "last_active__lte": edge})

    def signed_up(self, queryset: SnapshotQuerySet, name: str, value: str) -> SnapshotQuerySet:
        """In that month."""
        first = _month(value)
        last = first.replace(day=monthrange(first.year, first.month)[1])
        return queryset.filter(customer__signup_date__range=(first, last))

    def quiet_in(self, queryset: SnapshotQuerySet, name: str, value: Decimal) -> SnapshotQuerySet:
        """Without an active day in that week after the signup, and old enough that it has ended."""
        ended = queryset.filter(customer__signup_date__lte=self.day - timedelta(days=7 * int(value) + 6))
        return ended.alias(active=F("active_weeks").bitand(1 << int(value))).filter(active=0)


def searched(queryset: SnapshotQuerySet, words: list[str]) -> SnapshotQuerySet:
    """Those of whom each word occurs in one of the texts."""
    if not words:
        return queryset
    found = Customer.objects.order_by()
    for word in words:
        columns = {f"{name}__finds": word for name in ("organization", "email", "github_username", "pk")}
        found = found.filter(Q(**columns, _connector=Q.OR))
    return queryset.filter(customer__in=found)

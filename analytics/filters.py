"""The filters of the customer table; every one of them is in the address."""

from calendar import monthrange
from datetime import date
from decimal import Decimal
from typing import Any

import django_filters
from django.core.exceptions import ValidationError
from django.db.models import F, Q

from analytics.measure import WEEKS
from analytics.models import HealthStatus, Snapshot, SnapshotQuerySet, Stage
from customers.models import Customer, Step

NO_COHORT = " "  # no cohort is called so: what the CSVs say is trimmed
MOST_WORDS = 20
ON_REQUEST = ("signup", "quiet_week")
"""Filters that only the cohorts' figures lead to; elsewhere they would take room for nothing."""


def _month(value: str) -> date:
    """The first day of ``2025-05``."""
    try:
        return date.fromisoformat(f"{value}-01")
    except ValueError:
        raise ValidationError("Write a month as 2025-05.") from None


class SnapshotFilter(django_filters.FilterSet):
    """Narrows the customers of a scored date."""

    q = django_filters.CharFilter(method="search", label="Search")
    status = django_filters.MultipleChoiceFilter(choices=HealthStatus.choices, label="Status", distinct=False)
    stage = django_filters.MultipleChoiceFilter(choices=Stage.choices, label="Stage", distinct=False)
    cohort = django_filters.MultipleChoiceFilter(
        field_name="customer__cohort", label="Cohort", choices=[], distinct=False
    )
    lacks = django_filters.ChoiceFilter(method="lacking", choices=Step.choices, label="Lacks", empty_label="Any step")
    only = django_filters.ChoiceFilter(
        method="those",
        choices=[("active", "Active today"), ("onboarded", "Onboarded"), ("blocked", "Blocked")],
        label="Only",
        empty_label="All customers",
    )
    signup = django_filters.CharFilter(method="signed_up", label="Signup month", validators=[_month])
    quiet_week = django_filters.NumberFilter(
        method="quiet_in", label="Not active in week", min_value=0, max_value=WEEKS - 1, decimal_places=0
    )

    class Meta:
        model = Snapshot
        fields: list[str] = []

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        cohorts = Customer.objects.order_by("cohort").values_list("cohort", flat=True).distinct()
        self.filters["cohort"].extra["choices"] = [
            (cohort, cohort) if cohort else (NO_COHORT, "No cohort") for cohort in cohorts
        ]
        self.filters["cohort"].method = "in_cohort"
        for name in ON_REQUEST:
            if name not in self.data:
                del self.filters[name]

    def search(self, queryset: SnapshotQuerySet, name: str, value: str) -> SnapshotQuerySet:
        """Name, e-mail, GitHub name or key contain the words."""
        fields = ("organization", "email", "github_username", "id")
        for word in value.split()[:MOST_WORDS]:
            found = Q()
            for field in fields:
                found |= Q(**{f"customer__{field}__icontains": word})
            queryset = queryset.filter(found)
        return queryset

    def in_cohort(self, queryset: SnapshotQuerySet, name: str, value: list[str]) -> SnapshotQuerySet:
        """In one of the cohorts; ``-`` stands for none."""
        cohorts = ["" if cohort == NO_COHORT else cohort for cohort in value]
        return queryset.filter(customer__cohort__in=cohorts) if cohorts else queryset

    def lacking(self, queryset: SnapshotQuerySet, name: str, value: str) -> SnapshotQuerySet:
        """The step is not done."""
        return queryset.filter(**{value: False})

    def those(self, queryset: SnapshotQuerySet, name: str, value: str) -> SnapshotQuerySet:
        """One of the groups behind the summary's figures."""
        return {"active": queryset.active_today, "onboarded": queryset.onboarded, "blocked": queryset.blocked}[value]()

    def signed_up(self, queryset: SnapshotQuerySet, name: str, value: str) -> SnapshotQuerySet:
        """In that month."""
        first = _month(value)
        last = first.replace(day=monthrange(first.year, first.month)[1])
        return queryset.filter(customer__signup_date__range=(first, last))

    def quiet_in(self, queryset: SnapshotQuerySet, name: str, value: Decimal) -> SnapshotQuerySet:
        """Without an active day in that week after the signup, which has ended."""
        return queryset.alias(active=F("active_weeks").bitand(1 << int(value))).filter(active=0)

"""The customer table: declarations, and one small template for each cell that is more than text."""

from collections.abc import Sequence

import django_tables2 as tables
from django.db.models import Case, F, SmallIntegerField, When
from django.db.models.functions import Lower

from analytics.models import Snapshot, SnapshotQuerySet, Stage, Trend

ROWS_PER_PAGE = 25
CUT = {"td": {"class": "cut"}}
"""Of a column with text of any length."""


def _address(table: tables.Table) -> dict[str, str]:
    """What a link takes along, so that the way back leads to the same filters."""
    return {"address": table.request.GET.urlencode()}


class CustomerTable(tables.Table):
    """The customers of a scored date; worst first, every order ends in the key."""

    customer = tables.TemplateColumn(
        template_name="analytics/cells/customer.html", verbose_name="Name", extra_context=_address
    )
    status = tables.TemplateColumn(template_name="analytics/cells/status.html")
    score = tables.Column(order_by=("score", "pk"), attrs={"td": {"class": "number"}, "th": {"class": "number"}})
    trend = tables.TemplateColumn(template_name="analytics/cells/trend.html")
    steps_done = tables.TemplateColumn(
        template_name="analytics/cells/progress.html", verbose_name="Progress", order_by=("steps_done", "pk")
    )
    stage = tables.Column()
    last_active = tables.TemplateColumn(template_name="analytics/cells/last_active.html")
    cohort = tables.Column(accessor="customer__cohort", order_by=("customer__cohort", "pk"), default="–", attrs=CUT)
    owner = tables.Column(accessor="customer__care__owner_name", verbose_name="Owner", default="–", attrs=CUT)

    label = "List of customers"

    class Meta:
        model = Snapshot
        fields = ("customer", "status", "score", "trend", "steps_done", "stage", "last_active", "cohort", "owner")
        attrs = {"class": "rsolv-table"}
        order_by = ("status",)
        empty_text = "No customer matches these filters."

    def order_customer(self, queryset: SnapshotQuerySet, is_descending: bool) -> tuple[SnapshotQuerySet, bool]:
        """By name, whatever its case."""
        name = Lower("customer__organization")
        return queryset.order_by(name.desc() if is_descending else name.asc(), "pk"), True

    def order_status(self, queryset: SnapshotQuerySet, is_descending: bool) -> tuple[SnapshotQuerySet, bool]:
        """By urgency: at risk first."""
        return queryset.by_urgency(descending=is_descending), True

    def order_trend(self, queryset: SnapshotQuerySet, is_descending: bool) -> tuple[SnapshotQuerySet, bool]:
        """From declining to improving."""
        places = (Trend.DECLINING, Trend.STABLE, Trend.IMPROVING)
        return _by_place(queryset, "trend", places, is_descending), True

    def order_stage(self, queryset: SnapshotQuerySet, is_descending: bool) -> tuple[SnapshotQuerySet, bool]:
        """From the first stage to the last."""
        return _by_place(queryset, "stage", tuple(Stage), is_descending), True

    def order_last_active(self, queryset: SnapshotQuerySet, is_descending: bool) -> tuple[SnapshotQuerySet, bool]:
        """By date; those who never were come last in either order."""
        return _none_last(queryset, "last_active", is_descending), True

    def order_owner(self, queryset: SnapshotQuerySet, is_descending: bool) -> tuple[SnapshotQuerySet, bool]:
        """By the owner's login; those without one come last in either order."""
        return _none_last(queryset, "customer__care__owner__username", is_descending), True


def _none_last(queryset: SnapshotQuerySet, column: str, is_descending: bool) -> SnapshotQuerySet:
    order = F(column).desc(nulls_last=True) if is_descending else F(column).asc(nulls_last=True)
    return queryset.order_by(order, "pk")


def _by_place(queryset: SnapshotQuerySet, column: str, places: Sequence[str], is_descending: bool) -> SnapshotQuerySet:
    whens = [When(**{column: value}, then=place) for place, value in enumerate(places)]
    order = Case(*whens, output_field=SmallIntegerField())
    return queryset.order_by(order.desc() if is_descending else order.asc(), "pk")

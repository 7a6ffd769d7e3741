"""The customer table: declarations, and one small template for each cell that is more than text."""

import django_tables2 as tables
from django.db.models import F
from django.db.models.functions import Lower

from analytics.models import Snapshot, SnapshotQuerySet

ROWS_PER_PAGE = 25


class CustomerTable(tables.Table):
    """The customers of a scored date; worst first, every order ends in the key."""

    customer = tables.TemplateColumn(template_name="analytics/cells/customer.html", verbose_name="Name")
    status = tables.TemplateColumn(template_name="analytics/cells/status.html")
    score = tables.Column(attrs={"td": {"class": "number"}, "th": {"class": "number"}})
    trend = tables.TemplateColumn(template_name="analytics/cells/trend.html")
    steps_done = tables.TemplateColumn(template_name="analytics/cells/progress.html", verbose_name="Progress")
    stage = tables.Column()
    last_active = tables.TemplateColumn(template_name="analytics/cells/last_active.html")
    cohort = tables.Column(accessor="customer__cohort", default="–")
    owner = tables.Column(
        accessor="customer__care__owner_name", verbose_name="Owner", default="–", attrs={"td": {"class": "owner"}}
    )

    class Meta:
        model = Snapshot
        fields = ("customer", "status", "score", "trend", "steps_done", "stage", "last_active", "cohort", "owner")
        attrs = {"class": "rsolv-table"}
        order_by = ("status", "score")
        empty_text = "No customer matches these filters."

    def order_customer(self, queryset: SnapshotQuerySet, is_descending: bool) -> tuple[SnapshotQuerySet, bool]:
        """By name, whatever its case."""
        name = Lower("customer__organization")
        return queryset.order_by(name.desc() if is_descending else name.asc(), "pk"), True

    def order_status(self, queryset: SnapshotQuerySet, is_descending: bool) -> tuple[SnapshotQuerySet, bool]:
        """By urgency: at risk first."""
        return queryset.by_urgency(descending=is_descending), True

    def order_last_active(self, queryset: SnapshotQuerySet, is_descending: bool) -> tuple[SnapshotQuerySet, bool]:
        """By date; those who never were come last in either order."""
        column = F("last_active")
        order = column.desc(nulls_last=True) if is_descending else column.asc(nulls_last=True)
        return queryset.order_by(order, "pk"), True

    def order_owner(self, queryset: SnapshotQuerySet, is_descending: bool) -> tuple[SnapshotQuerySet, bool]:
        """By the owner's login; those without one come last in either order."""
        column = F("customer__care__owner__username")
        order = column.desc(nulls_last=True) if is_descending else column.asc(nulls_last=True)
        return queryset.order_by(order, "pk"), True

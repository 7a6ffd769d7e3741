"""Scoring policies in the admin: one that has scored a date is read-only, a new one takes its place."""

from django.contrib import admin
from django.http import HttpRequest

from analytics.alerts import admin as alerts_admin  # noqa: F401 - it registers, as the next three do
from analytics.models import PortfolioDay, ScoringPolicy
from analytics.nights import admin as nights_admin  # noqa: F401
from analytics.outreach import admin as outreach_admin  # noqa: F401
from analytics.tasks import admin as tasks_admin  # noqa: F401
from customers.editing.model_admin import ModelAdmin


@admin.register(ScoringPolicy)
class ScoringPolicyAdmin(ModelAdmin):
    """Weights, windows and thresholds."""

    nothing_yet = "Without a policy nothing can be scored."
    list_display = ["name", "effective_from"]

    def has_change_permission(self, request: HttpRequest, obj: ScoringPolicy | None = None) -> bool:
        """Only while no date is scored with it."""
        return super().has_change_permission(request, obj) and not _in_use(obj)

    def has_delete_permission(self, request: HttpRequest, obj: ScoringPolicy | None = None) -> bool:
        """Only while no date is scored with it."""
        return super().has_delete_permission(request, obj) and not _in_use(obj)


def _in_use(policy: ScoringPolicy | None) -> bool:
    return policy is not None and PortfolioDay.objects.filter(policy=policy).exists()

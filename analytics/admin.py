"""Scoring policies in the admin: drafts are made and changed here, what is published is read-only."""

from django import forms
from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.utils import timezone

from analytics.alerts import admin as alerts_admin  # noqa: F401 - it registers, as the next three do
from analytics.models import ScoringPolicy
from analytics.nights import admin as nights_admin  # noqa: F401
from analytics.outreach import admin as outreach_admin  # noqa: F401
from analytics.tasks import admin as tasks_admin  # noqa: F401
from customers.core.pages import user_of
from customers.editing.model_admin import ModelAdmin


@admin.register(ScoringPolicy)
class ScoringPolicyAdmin(ModelAdmin):
    """Weights, windows and thresholds."""

    nothing_yet = "Without a policy nothing can be scored."
    list_display = ["name", "state", "for_whom", "effective_from"]
    exclude = ["cohorts", "stages"]

    def has_change_permission(self, request: HttpRequest, obj: ScoringPolicy | None = None) -> bool:
        """Only of drafts: what is published, or has scored a date, stays as it is."""
        return super().has_change_permission(request, obj) and (obj is None or obj.is_draft)

    def has_delete_permission(self, request: HttpRequest, obj: ScoringPolicy | None = None) -> bool:
        """Only of drafts."""
        return super().has_delete_permission(request, obj) and (obj is None or obj.is_draft)

    def save_model(self, request: HttpRequest, obj: Model, form: forms.Form, change: bool) -> None:
        """Store a draft; a new one says who made it."""
        if isinstance(obj, ScoringPolicy) and not change:
            obj.state, obj.made_at = ScoringPolicy.State.DRAFT, timezone.now()
            obj.made_by = user_of(request).get_username()
        super().save_model(request, obj, form, change)

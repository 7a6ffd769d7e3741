"""Alert rules in the admin, one of each kind, to be tuned or turned off; digests to be read."""

from django.contrib import admin
from django.http import HttpRequest

from analytics.models import AlertRule, Digest
from customers.editing.model_admin import ModelAdmin, NeverEdited


@admin.register(AlertRule)
class AlertRuleAdmin(ModelAdmin):
    """When an alert is raised, who hears of it, and when it is over."""

    list_display = ["__str__", "severity", "active", "audience", "recovery"]
    readonly_fields = ["kind"]

    def get_fields(self, request: HttpRequest, obj: AlertRule | None = None) -> tuple[str, ...]:
        """Return the fields, without the N where the rule has none."""
        has_none = obj is not None and not AlertRule.Kind(obj.kind).needs_threshold
        return ("kind", "active", "severity", *(() if has_none else ("threshold",)), "audience", "recovery")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Let nobody add a rule: each kind has one."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: AlertRule | None = None) -> bool:
        """Let nobody delete a rule: it is turned off instead."""
        return False


@admin.register(Digest)
class DigestAdmin(NeverEdited):
    """What was sent to whom, and what could not be."""

    list_display = ["day", "kind", "recipient", "channel_short", "state", "subject"]
    list_filter = ["state", "kind"]
    list_select_related = ["recipient"]
    search_fields = ["subject", "recipient__username"]

    @admin.display(description="channel")
    def channel_short(self, digest: Digest) -> str:
        """Return the beginning of the channel's fingerprint, as ``send_alerts`` says it."""
        return digest.channel[:8]

"""Alert rules in the admin: one of each built-in kind, and people's own; and what was sent, to be read."""

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from analytics.alerts.kinds import CUSTOMER_KINDS
from analytics.alerts.own_rules.forms import AlertRuleForm, rule_segment
from analytics.alerts.own_rules.preview import preview
from analytics.display.filter_choices import filter_choices
from analytics.models import Alert, AlertRule, Digest
from customers.core.pages import user_of
from customers.editing.model_admin import ModelAdmin, NeverEdited
from customers.text.say import say_later
from customers.text.written import number

SHORT_DAYS, LONG_DAYS = 30, 90
"""Over how many days the list says how often a rule fired."""


@admin.register(AlertRule)
class AlertRuleAdmin(ModelAdmin):
    """When an alert is raised, who hears of it, and when it is over."""

    nothing_yet = _("A rule says when you want to hear of a customer.")
    form = AlertRuleForm
    list_display = ["__str__", "severity", "state", "audience", "fired_short", "fired_long", "seen", "still_open"]
    list_fullwidth = True
    readonly_fields = ["kind"]
    change_form_after_template = "analytics/alerts/rule_preview.html"  # type: ignore[assignment]  # unfold says None

    class Media:
        css = {"all": ["analytics/table.css", "analytics/alerts.css", "analytics/rule_lab.css"]}
        js = ["analytics/rule_lab.js"]

    def get_fields(self, request: HttpRequest, obj: AlertRule | None = None) -> tuple[str, ...]:
        """Return the fields: of an own rule its name and conditions, of others the N, where it has one."""
        common = ("severity", "audience", "recovery", "cooldown", "active")
        if obj is None or obj.is_own:
            return ("name", "query", *common)
        return ("kind", *(("threshold",) if AlertRule.Kind(obj.kind).needs_threshold else ()), *common)

    def get_form(
        self, request: HttpRequest, obj: AlertRule | None = None, change: bool = False, **kwargs: Any
    ) -> type[forms.ModelForm]:  # type: ignore[type-arg]  # no generic at runtime
        """Return the form, whose conditions may be the address of a report that the visitor sees."""
        form = super().get_form(request, obj, change, **kwargs)
        if issubclass(form, AlertRuleForm):
            # The class was made for this request alone; its fields are not.
            form.user = user_of(request)
        return form

    def has_delete_permission(self, request: HttpRequest, obj: AlertRule | None = None) -> bool:
        """Let own rules be deleted; a built-in one is turned off instead."""
        return (obj is None or obj.is_own) and super().has_delete_permission(request, obj)

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        """Return the list, each rule with how often it fired, by one query for all; an own one is read by two."""
        changes = super().get_changelist_instance(request)
        now, rules = timezone.now(), list(changes.result_list)
        short, long = (Q(raised_at__gte=now - timedelta(days=days)) for days in (SHORT_DAYS, LONG_DAYS))
        counts = {
            row["rule"]: row
            for row in Alert.objects.order_by()
            .values("rule")
            .annotate(
                short=Count("pk", filter=short),
                long=Count("pk", filter=long),
                seen=Count("pk", filter=long & Q(acknowledged_at__isnull=False)),
                open=Count("pk", filter=Q(closed_on=None)),
            )
        }
        known = filter_choices() if any(rule.is_own for rule in rules) else None
        for rule in rules:
            rule.counts = counts.get(rule.pk, {})
            rule.is_broken = rule.is_own and bool(rule_segment(rule.query, known).problems)
        changes.result_list = rules
        return changes

    @admin.display(description=_("state"), ordering="active")
    def state(self, rule: AlertRule) -> str:
        """Return whether the rule is on, and does anything."""
        if not rule.active:
            return gettext("Off")
        if getattr(rule, "is_broken", False):
            return gettext("On, but not understood: raises nothing")
        return gettext("On")

    @admin.display(description=say_later("fired in {days} days", days=SHORT_DAYS))
    def fired_short(self, rule: AlertRule) -> str:
        """Return how many alerts the rule has raised lately."""
        return _count(rule, "short")

    @admin.display(description=say_later("in {days} days", days=LONG_DAYS))
    def fired_long(self, rule: AlertRule) -> str:
        """Return how many alerts the rule has raised in the longer time."""
        return _count(rule, "long")

    @admin.display(description=_("acknowledged of these"))
    def seen(self, rule: AlertRule) -> str:
        """Return how many of the alerts of the longer time somebody acknowledged."""
        return _count(rule, "seen")

    @admin.display(description=_("open"))
    def still_open(self, rule: AlertRule) -> SafeString | str:
        """Return how many of the rule's alerts are open, with a link to them."""
        still = _count(rule, "open")
        if still == "0":
            return still
        address = f"{reverse('analytics:alerts')}?told=&rule={rule.pk if rule.is_own else rule.kind}"
        return format_html('<a href="{}">{}</a>', address, still)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Show the form with what its rule would do: as stored, or as typed to be previewed; or why it does none."""
        form = context["adminform"].form
        rule: AlertRule = form.instance
        may_see = request.user.has_perm("customers.view_customer")
        may_save = self.has_change_permission(request, rule) if rule.pk else self.has_add_permission(request)
        context["may_try"] = may_see and may_save and (rule.is_own or rule.kind in CUSTOMER_KINDS)
        if rule.is_own:
            sent = form.is_bound and not form.errors
            query = rule.query if sent or (not form.is_bound and rule.pk) else form.initial.get("query", "")
            segment = rule_segment(query)
            context["is_own_rule"] = True
            context["not_saved"] = sent
            if rule.pk and not form.is_bound:
                context["rule_problems"] = segment.problems
            if may_see and query and not segment.problems and not form.errors:
                context["preview"] = preview(rule, segment)
        return super().render_change_form(request, context, *args, **kwargs)


def _count(rule: AlertRule, name: str) -> str:
    return number(getattr(rule, "counts", {}).get(name, 0))


@admin.register(Digest)
class DigestAdmin(NeverEdited):
    """What was sent to whom, and what could not be."""

    nothing_yet = _("Digests appear here once they are sent, by the nightly run.")
    list_display = ["day", "kind", "recipient", "channel_short", "state", "subject"]
    list_filter = ["state", "kind"]
    list_select_related = ["recipient"]
    search_fields = ["subject", "recipient__username"]

    @admin.display(description="channel")
    def channel_short(self, digest: Digest) -> str:
        """Return the beginning of the channel's fingerprint, as ``send_alerts`` says it."""
        return digest.channel[:8]

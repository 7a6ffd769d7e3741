"""Scoring policies in the admin: drafts are made, copied and changed here, what is published is read-only."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from django import forms
from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from analytics.alerts import admin as alerts_admin  # noqa: F401 - it registers, as the next six do
from analytics.display.filter_choices import filter_choices, with_asked
from analytics.models import MAXIMA, PolicyTrial, ScoringPolicy, Stage
from analytics.nights import admin as nights_admin  # noqa: F401
from analytics.outreach import admin as outreach_admin  # noqa: F401
from analytics.playbooks import admin as playbooks_admin  # noqa: F401
from analytics.scoring.policies import Policies, is_in_use
from analytics.tasks import admin as tasks_admin  # noqa: F401
from analytics.webhooks import admin as webhooks_admin  # noqa: F401
from analytics.webhooks import log as webhooks_log  # noqa: F401
from analytics.wording import DASH, moment_in_words
from customers.clock import program_today
from customers.core.pages import user_of
from customers.core.people import name_of_login
from customers.editing.conflicts import EditConflictMixin
from customers.editing.model_admin import ModelAdmin
from customers.text.choices import SpokenChoices
from customers.text.numbers import number_or_none
from customers.text.say import say

if TYPE_CHECKING:
    from django.contrib.admin.options import _FieldsetSpec

COPY = "copy"
"""In the address of a new policy: the key of that whose values it begins with."""
FIELDSETS: "_FieldsetSpec" = (
    (_("Activity level"), {"fields": ("activity_max", "activity_points_per_day", "activity_days")}),
    (_("PR success rate"), {"fields": ("pr_max", "pr_days")}),
    (_("Feature adoption"), {"fields": ("adoption_points_per_step",)}),
    (
        _("Support satisfaction"),
        {"fields": ("support_max", "support_points_per_request", "support_days", "csat_days")},
    ),
    (_("NPS score"), {"fields": ("nps_max", "nps_days")}),
    (_("Health status"), {"fields": ("champion_from", "healthy_from", "needs_attention_from", "inactive_days")}),
    (_("Activity trend"), {"fields": ("trend_days", "trend_percent", "trend_slope")}),
)


class PolicyState(SpokenChoices):
    """Whether a policy scores anybody, and when."""

    DRAFT = "draft", _("Draft")
    IN_FORCE = "in_force", _("In force")
    PLANNED = "planned", _("Planned")
    REPLACED = "replaced", _("No longer in force")


class CohortsField(forms.MultipleChoiceField):
    """The cohorts that customers have, and those chosen that nobody has any more."""

    def get_bound_field(self, form: forms.BaseForm, field_name: str) -> forms.BoundField:
        """Offer what there is now, which is read once for each form."""
        known = [choice for choice in filter_choices().cohort if choice[0]]
        self.choices = with_asked(known, form.get_initial_for_field(self, field_name) or [], str)
        return super().get_bound_field(form, field_name)


class PolicyForm(EditConflictMixin, forms.ModelForm):  # type: ignore[type-arg]  # no generic at runtime
    """A draft: its name, its segment and its numbers."""

    cohorts = CohortsField(
        label=_("Cohorts"),
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text=_("None chosen: every cohort. Otherwise customers of other cohorts keep their policy."),
    )
    stages = forms.MultipleChoiceField(
        label=_("Stages"),
        choices=Stage.choices,
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text=_("None chosen: every stage. Otherwise customers in other stages keep their policy."),
    )

    def clean_name(self) -> str:
        """Return the name on one line."""
        name = " ".join(self.cleaned_data["name"].split())
        if not name:
            raise ValidationError(gettext("Give the policy a name."))
        return name


@admin.register(ScoringPolicy)
class ScoringPolicyAdmin(ModelAdmin):
    """Weights, windows and thresholds, for whom, and from when on."""

    nothing_yet = _("Without a policy nothing can be scored.")
    form = PolicyForm
    list_display = ["name", "status", "for_whom", "dates", "made", "published", "ways"]
    list_fullwidth = True
    change_form_outer_before_template = "analytics/policy_lab/policy_head.html"  # type: ignore[assignment]  # unfold says None

    class Media:
        css = {"all": ["analytics/policies.css"]}
        js = ["analytics/policy_form.js"]

    def get_fieldsets(self, request: HttpRequest, obj: Model | None = None) -> "_FieldsetSpec":
        """Return the fields of a form; the head of a page that is only read says for whom the policy is."""
        may_change = obj is None or (isinstance(obj, ScoringPolicy) and self.has_change_permission(request, obj))
        shown = ("name", "cohorts", "stages") if may_change else ("name",)
        return [(gettext("Policy"), {"fields": shown}), *FIELDSETS]

    def has_change_permission(self, request: HttpRequest, obj: ScoringPolicy | None = None) -> bool:
        """Only of drafts: what is published, or has scored a date, stays as it is."""
        return super().has_change_permission(request, obj) and (obj is None or obj.is_draft)

    def has_delete_permission(self, request: HttpRequest, obj: ScoringPolicy | None = None) -> bool:
        """Only of drafts."""
        return super().has_delete_permission(request, obj) and (obj is None or obj.is_draft)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, str | list[str]]:
        """Begin a copy with the values of the policy that the address names."""
        original = _copied(request)
        if original is None:
            return super().get_changeform_initial_data(request)
        name = say("{name} (copy)", name=original.name)[: ScoringPolicy._meta.get_field("name").max_length]
        numbers = {each: str(number) for each, number in original.numbers.items()}
        return {"name": name, "cohorts": original.cohorts, "stages": original.stages, **numbers}

    def save_model(self, request: HttpRequest, obj: Model, form: forms.Form, change: bool) -> None:
        """Store a draft; a new one says who made it, and of which one it is a copy."""
        if isinstance(obj, ScoringPolicy) and not change:
            obj.state, obj.made_at = ScoringPolicy.State.DRAFT, timezone.now()
            obj.made_by, obj.copied_from = user_of(request).get_username(), _copied(request)
            # Its weights are as much learnt from those month ends as the original's.
            obj.learnt_through = obj.copied_from.learnt_through if obj.copied_from else None
        super().save_model(request, obj, form, change)

    def response_post_save_add(self, request: HttpRequest, obj: ScoringPolicy) -> HttpResponseRedirect:
        """Lead to the lab, which says what the draft would do."""
        return self._to_lab(request, obj) or super().response_post_save_add(request, obj)

    def response_post_save_change(self, request: HttpRequest, obj: ScoringPolicy) -> HttpResponseRedirect:
        """Lead to the lab, which says what the draft would do."""
        return self._to_lab(request, obj) or super().response_post_save_change(request, obj)

    def _to_lab(self, request: HttpRequest, policy: ScoringPolicy) -> HttpResponseRedirect | None:
        may_look = user_of(request).has_perm("customers.view_customer")
        return redirect("analytics:policy-lab", policy.pk) if may_look else None

    def get_deleted_objects(
        self, objs: Sequence[Model] | QuerySet[Model], request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """Name the drafts alone: the month ends of their back-tests go without saying."""
        listed, counts, missing, protected = super().get_deleted_objects(objs, request)
        counts.pop(str(PolicyTrial._meta.verbose_name_plural), None)
        return [one for one in listed if isinstance(one, str)], counts, missing, protected

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        """Return the list, each policy with whether it is in force now and may be copied; two queries for all."""
        changes = super().get_changelist_instance(request)
        policies, now = list(changes.result_list), {one.pk for one in _in_force()}
        for policy in policies:
            policy.in_force = policy.pk in now
            policy.may_copy = self.has_add_permission(request)
        changes.result_list = policies
        return changes

    @display(
        description=_("state"),  # type: ignore[arg-type]  # the theme types it as a str
        ordering="state",
        label={
            PolicyState.DRAFT: "info",
            PolicyState.IN_FORCE: "success",
            PolicyState.PLANNED: "warning",
            PolicyState.REPLACED: "default",
        },
    )
    def status(self, policy: ScoringPolicy) -> tuple[str, str]:
        """Say whether it scores anybody, as a pill."""
        state = policy_state(policy, getattr(policy, "in_force", False))
        return state.value, state.label

    @admin.display(description=_("for"))
    def for_whom(self, policy: ScoringPolicy) -> str:
        """Return for which customers it is."""
        return policy.for_whom

    @admin.display(description=pgettext_lazy("from a day on", "from"), ordering="effective_from")
    def dates(self, policy: ScoringPolicy) -> str:
        """Return from when on, and until when, it is in force."""
        return policy.period or DASH

    @admin.display(description=_("made"), ordering="made_at")
    def made(self, policy: ScoringPolicy) -> str:
        """Return who made it, and when."""
        return _by(policy.made_by, policy.made_at)

    @admin.display(description=_("published"))
    def published(self, policy: ScoringPolicy) -> str:
        """Return who published it, and when."""
        return _by(policy.published_by, policy.published_at)

    @admin.display(description=_("actions"))
    def ways(self, policy: ScoringPolicy) -> SafeString:
        """Lead to the lab and to a copy, as far as the visitor may go there."""
        ways = (
            [(reverse("analytics:policy-lab", args=[policy.pk]), gettext("Open in the lab"))]
            if policy.is_draft
            else []
        )
        ways += [(copy_address(policy), gettext("Copy as draft"))] if getattr(policy, "may_copy", False) else []
        return format_html_join(" ", '<a class="way" href="{}">{}</a>', ways)

    def changeform_view(  # type: ignore[override]  # as the one it calls
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, object] | None = None,
    ) -> HttpResponse:
        """Show or take the form, with what is known of the policy, what can be done with it, and its maxima."""
        policy = _policy_of(unquote(object_id)) if object_id else None
        shown = policy or _copied(request) or ScoringPolicy()
        context: dict[str, object] = {
            "maxima": json.dumps(dict(MAXIMA.values())),
            "points": list(shown.maxima.values()),
            "sum": sum(shown.maxima.values()),
            **(self._head(policy) if policy else {}),
            **(extra_context or {}),
        }
        return super().changeform_view(request, object_id, form_url, context)

    def _head(self, policy: ScoringPolicy) -> dict[str, object]:
        is_published = not policy.is_draft
        return {
            "policy": policy,
            "state": policy_state(policy, policy in _in_force()).label,
            "copy_address": copy_address(policy),
            "made": self.made(policy),
            "published": self.published(policy),
            "may_withdraw": is_published and not is_in_use(policy),
            "may_end": is_published and policy.is_for_segment and not policy.effective_until,
        }


def policy_state(policy: ScoringPolicy, in_force: bool) -> PolicyState:
    """Say whether a policy is a draft, scores the newest date, will score, or no longer does."""
    if policy.is_draft:
        return PolicyState.DRAFT
    if in_force:
        return PolicyState.IN_FORCE
    is_to_come = policy.effective_from and policy.effective_from > program_today()
    return PolicyState.PLANNED if is_to_come else PolicyState.REPLACED


def _in_force() -> list[ScoringPolicy]:
    try:
        return list(Policies.on(program_today()))
    except ScoringPolicy.DoesNotExist:
        return []


def _by(login: str, moment: datetime | None) -> str:
    return f"{name_of_login(login)}, {moment_in_words(moment)}" if moment else DASH


def copy_address(policy: ScoringPolicy) -> str:
    """Return where the form of a copy is; nothing is stored before that is sent."""
    return f"{reverse('admin:analytics_scoringpolicy_add')}?{COPY}={policy.pk}"


def _copied(request: HttpRequest) -> ScoringPolicy | None:
    return _policy_of(request.GET.get(COPY, ""))


def _policy_of(key: str) -> ScoringPolicy | None:
    number = number_or_none(key)
    return None if number is None else ScoringPolicy.objects.filter(pk=number).first()

"""The rules of recommended actions in the admin, each with how many customers it speaks of now."""

import re
from typing import Any
from weakref import WeakKeyDictionary

from django import forms
from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models.base import ModelState
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from analytics.models import PortfolioDay, RecommendationRule
from analytics.tasks.conditions import count_matches
from analytics.wording import counted
from customers.editing.model_admin import ModelAdmin

PREVIEW = "_preview"


class RuleForm(forms.ModelForm):  # type: ignore[type-arg]  # no generic at runtime
    """A rule; a form that was sent to be previewed is not saved, however right it is."""

    def is_valid(self) -> bool:
        """Whether to save it."""
        return super().is_valid() and not self.previewed

    @property
    def previewed(self) -> bool:
        """Whether only the number of customers is asked for."""
        return PREVIEW in self.data


@admin.register(RecommendationRule)
class RecommendationRuleAdmin(ModelAdmin):
    """What is recommended where which condition holds."""

    nothing_yet = _("A rule recommends an action to whoever looks after a customer.")
    form = RuleForm
    list_display = ["text", "condition_in_words", "matches", "kind", "urgency", "rest", "active"]
    list_filter = ["active", "kind"]
    search_fields = ["text"]
    list_fullwidth = True
    fields = ["text", "kind", "condition", "threshold", "urgency", "rest_days", "active"]
    change_form_after_template = "analytics/tasks/rule_preview.html"  # type: ignore[assignment]  # unfold says None

    class Media:
        css = {"all": ["analytics/table.css", "analytics/rule_lab.css"]}
        js = ["analytics/rule_lab.js"]

    # By the state, because the rules of two requests are equal.
    _numbers: WeakKeyDictionary[ModelState, int] = WeakKeyDictionary()

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        """Return the list, each rule with the number of customers that it matches; one query for all."""
        changes = super().get_changelist_instance(request)
        rules = list(changes.result_list)
        portfolio = PortfolioDay.objects.newest()
        for rule, number in zip(rules, count_matches(rules, portfolio.date if portfolio else None), strict=True):
            self._numbers[rule._state] = number
        changes.result_list = rules
        return changes

    @admin.display(description=_("condition"), ordering="condition")
    def condition_in_words(self, rule: RecommendationRule) -> str:
        """Return the condition with its N."""
        return condition_text(rule)

    @admin.display(description=_("matches now"))
    def matches(self, rule: RecommendationRule) -> str:
        """Return how many customers the rule matches on the newest scored date, on cooldown for them or not."""
        return counted(self._numbers[rule._state], "customer")

    @admin.display(description=_("cooldown"), ordering="rest_days")
    def rest(self, rule: RecommendationRule) -> str:
        """Return for how long the rule is not recommended again once its task is closed."""
        return counted(rule.rest_days, "day").replace(" ", "\N{NO-BREAK SPACE}")

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """The form, with the number for what it says now: what is stored, or what was typed to be previewed."""
        form = context["adminform"].form
        sent = form.is_bound and not form.errors
        rule = form.instance if sent or (not form.is_bound and form.instance.pk) else None
        may_save = self.has_change_permission(request) if form.instance.pk else self.has_add_permission(request)
        context["may_try"] = may_save and request.user.has_perm("customers.view_customer")
        if rule:
            portfolio = PortfolioDay.objects.newest()
            [number] = count_matches([rule], portfolio.date if portfolio else None)
            context["preview"] = counted(number, "customer")
            context["previewed_condition"] = condition_text(rule)
            context["previewed_day"] = portfolio and portfolio.date
            context["not_saved"] = sent
        return super().render_change_form(request, context, *args, **kwargs)


def condition_text(rule: RecommendationRule) -> str:
    """Return a rule's condition with its N in place."""
    words = rule.get_condition_display()
    return re.sub(r"\bN\b", f"{rule.threshold:,}", words) if rule.threshold is not None else words

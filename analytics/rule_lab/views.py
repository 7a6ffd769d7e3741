"""The part of a rule's form that says what the rule would have done, with the values as they are typed."""

from collections.abc import Callable
from typing import TypeVar

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext

from analytics.models import AlertRule, RecommendationRule
from analytics.rule_lab.outcomes import everybody
from analytics.rule_lab.trial import ShownTrial, Trial, Tried
from analytics.rule_lab.tried_rules import TriedAlertRule, TriedRecommendation
from customers.core.pages import admin_page, admin_response, sent_by_form
from customers.models import Customer
from customers.text.numbers import number_or_none

RULE, CARRIED = "tried_rule", "tried_so_far"
"""In what is sent beside the form's own fields: the rule's key, and what was tried before."""
Rule = TypeVar("Rule", AlertRule, RecommendationRule)


@admin_page("customers.view_customer", "analytics.change_alertrule")
@sent_by_form(lambda: reverse("admin:analytics_alertrule_changelist"))
def try_alert_rule(request: HttpRequest) -> HttpResponse:
    """Say how many alerts a rule would have raised, for whom, and how many before a silence."""
    return _answer(request, AlertRule, TriedAlertRule.of)


@admin_page("customers.view_customer", "analytics.change_recommendationrule")
@sent_by_form(lambda: reverse("admin:analytics_recommendationrule_changelist"))
def try_recommendation(request: HttpRequest) -> HttpResponse:
    """Say for how many customers an action would have been recommended anew, and how many before a silence."""
    return _answer(request, RecommendationRule, TriedRecommendation)


def _answer(request: HttpRequest, model: type[Rule], tried_of: Callable[[Rule], Tried | None]) -> HttpResponse:
    """Show what was tried so far of the rule as the form says it, alone or as a page for who has no script."""
    form = _form(request, model)
    context: dict[str, object] = {
        "title": gettext("What would it have raised?")
        if model is AlertRule
        else gettext("What would it have recommended?"),
        "address": request.path,
        "form_address": _form_address(form.instance),
        "rule_key": form.instance.pk,
        "is_alert": model is AlertRule,
        "sent": [
            (name, value)
            for name, values in request.POST.lists()
            for value in values
            if name not in {RULE, CARRIED, "csrfmiddlewaretoken"}
        ],
    }
    # The form's own check: that of a form which is saved knows more, such as that it is only previewed.
    if form.errors:
        context["refused"] = [(_label(form, name), error) for name, some in form.errors.items() for error in some]
    elif tried := tried_of(form.instance):
        trial = Trial.begun(tried, request.POST.get(CARRIED, ""))
        trial.go_on(tried)
        named = {key for day in trial.days for key in day.first}
        names = dict(Customer.objects.filter(pk__in=named).values_list("pk", "organization"))
        compared = everybody(trial.dates) if trial.is_over else None
        context |= {"trial": trial, "shown": ShownTrial(trial, names, compared)}
    else:
        context["nothing"] = True
    template = "part" if "HX-Request" in request.headers else "page"
    return admin_response(request, f"analytics/rule_lab/{template}.html", context)


def _form(request: HttpRequest, model: type[Rule]) -> "forms.ModelForm[Rule]":
    """Return the admin's form of a rule as it was sent; raise ``PermissionDenied`` for who may not save it."""
    key = number_or_none(request.POST.get(RULE, ""))
    rule = None if key is None else get_object_or_404(model, pk=key)
    of_admin = admin.site.get_model_admin(model)
    if not (of_admin.has_add_permission(request) if rule is None else of_admin.has_change_permission(request, rule)):
        raise PermissionDenied
    made: type[forms.ModelForm[Rule]] = of_admin.get_form(request, rule, change=rule is not None)
    return made(request.POST, instance=rule)


def _form_address(rule: AlertRule | RecommendationRule) -> str:
    name = f"admin:{rule._meta.app_label}_{rule._meta.model_name}"
    return reverse(f"{name}_change", args=[rule.pk]) if rule.pk else reverse(f"{name}_add")


def _label(form: forms.BaseForm, name: str) -> str:
    return str(form[name].label) if name in form.fields else ""

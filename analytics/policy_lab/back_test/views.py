"""The back-test of a draft: month by month, the customers behind its numbers, and the weights that it suggests."""

from datetime import date
from typing import NamedTuple

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext

from analytics.models import HORIZON, ScoringPolicy
from analytics.pages.as_of import as_of
from analytics.pages.user_summary import user_summary
from analytics.policy_lab.back_test.customers import KINDS, list_group
from analytics.policy_lab.back_test.page import back_test_page
from analytics.policy_lab.back_test.suggestion import NothingToSuggest, suggest
from analytics.policy_lab.back_test.trials import PolicyBackTest
from analytics.policy_lab.history import note_made
from analytics.policy_lab.views import MAY_LOOK
from customers.core.pages import admin_page, admin_response, sent_by_form, user_of
from customers.text.say import english, say


class _Asked(NamedTuple):
    """A policy, and its back-test or why it has none."""

    policy: ScoringPolicy
    back_test: PolicyBackTest | None
    why_not: str = ""


def _asked(request: HttpRequest, pk: int) -> _Asked:
    policy = get_object_or_404(ScoringPolicy, pk=pk)
    newest = as_of(request).newest
    if not policy.is_draft:
        why = gettext("This policy is published. To test other numbers, copy it as a draft.")
        return _Asked(policy, None, why)
    if newest is None:
        return _Asked(policy, None, gettext("Nothing is scored yet."))
    try:
        policy.clean()
        return _Asked(policy, PolicyBackTest.of(policy, newest, user_summary(request).version.data))
    except ValidationError as error:
        return _Asked(policy, None, " ".join(error.messages))
    except ScoringPolicy.DoesNotExist as error:
        return _Asked(policy, None, str(error))


@admin_page(*MAY_LOOK)
def back_test(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The back-test as far as it is; what is sent scores the next month end. htmx gets the part alone."""
    asked = _asked(request, pk)
    is_sent, is_part = request.method == "POST", "HX-Request" in request.headers
    following = None
    if is_sent and asked.back_test:
        following = asked.back_test.following(asked.back_test.known())
        if following:
            asked.back_test.make(following)
    if is_sent and not is_part:
        return redirect(f"{reverse('analytics:policy-back-test', args=[pk])}#back-test")
    context: dict[str, object] = {
        "title": say("Back-test of {policy}", policy=asked.policy.name),
        "policy": asked.policy,
        "why_not": asked.why_not,
        "horizon": HORIZON,
        "running": is_sent,
        "begun": "begin" in request.POST,
    }
    if asked.back_test:
        # The figures take as long as a month end, so that htmx asks for them once more.
        page = back_test_page(asked.back_test, user_summary(request).version.data, compare=following is None)
        context |= {"back_test": page, "comparing": following and not page.next}
    if is_part:
        return render(request, "analytics/policy_lab/back_test.html", context)
    return admin_response(request, "analytics/policy_lab/back_test_page.html", context)


@admin_page(*MAY_LOOK)
def month_customers(request: HttpRequest, pk: int, day: str) -> HttpResponse:
    """The customers behind a number of a month end: ``?who=after-missed``."""
    try:
        month = date.fromisoformat(day)
    except ValueError:
        raise Http404 from None
    asked = _asked(request, pk)
    cases = asked.back_test.cases_on(month) if asked.back_test else None
    who = request.GET.get("who", "")
    kind = who if who in KINDS else next(iter(KINDS))
    context: dict[str, object] = {
        "title": say("Back-test of {policy}", policy=asked.policy.name),
        "policy": asked.policy,
        "day": month,
        "kind": kind,
        "kinds": KINDS,
        "horizon": HORIZON,
        "group": list_group(cases, kind, request.GET.get("page", "")) if cases else None,
    }
    return admin_response(request, "analytics/policy_lab/back_test_customers.html", context)


@admin_page(*MAY_LOOK, "analytics.add_scoringpolicy")
@sent_by_form(lambda pk: reverse("analytics:policy-back-test", args=[pk]))
def suggest_weights(request: HttpRequest, pk: int) -> HttpResponse:
    """Make a new draft whose weights say most about going quiet, and lead to its back-test."""
    asked = _asked(request, pk)
    if asked.back_test is None:
        messages.error(request, asked.why_not)
        return redirect("analytics:policy-back-test", pk)
    try:
        made = suggest(asked.back_test, user_of(request).get_username())
        note_made(made, user_of(request), english(f"Weights suggested by the back-test of {asked.policy}."))
    except NothingToSuggest as why:
        messages.warning(request, str(why))
        return redirect("analytics:policy-back-test", pk)
    messages.success(
        request,
        say(
            "“{policy}” is a new draft. Its weights are learnt from the month ends to {day}. Back-test it: only later "
            "ones count. Who is At risk follows from the thresholds, which are as they were.",
            policy=made.name,
            day=made.learnt_through or "",
        ),
    )
    return redirect("analytics:policy-lab", made.pk)

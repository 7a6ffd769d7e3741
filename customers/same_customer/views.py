"""The page on which somebody decides whether two customers are the same, or takes the decision back."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect

from customers.core.pages import admin_page, admin_response
from customers.jobs.pages import IMPORT_OR_SCORING_RUNS, failures_told
from customers.models import KeyChange
from customers.same_customer.join import (
    Carried,
    NotJoinable,
    carried_counts,
    carried_summary,
    join,
    part,
    preview_join,
    set_apart,
    why_not_joined,
    why_not_parted,
)
from customers.text.say import say

MAY_JOIN = ("customers.view_customer", "customers.join_customer")
JOIN, APART, UNDO = "join", "apart", "undo"


@admin_page(*MAY_JOIN)
def same_customer(request: HttpRequest, pk: int) -> HttpResponse:
    """Show both customers and what would move; once sent, carry out the decision, and show the page again."""
    pair = get_object_or_404(KeyChange.objects.select_related("customer", "former__missing_since", "run"), pk=pk)
    with failures_told(request, NotJoinable, busy=IMPORT_OR_SCORING_RUNS):
        if request.method == "POST":
            _decide(request, pair)
            return redirect(request.path)
        joined = pair.state == KeyChange.State.JOINED
        reason = why_not_parted(pair) if joined else why_not_joined(pair)
        carried: Carried = pair.carried if joined else {} if reason else preview_join(pk)
        context = {
            "title": say("Is {former} now {key}?", former=pair.former_id, key=pair.customer_id),
            "pair": pair,
            "joined": joined,
            "reason": reason,
            "carried": carried_counts(carried),
            "stays": carried.get("stays", []),
        }
        return admin_response(request, "customers/same_customer/page.html", context)
    return redirect("admin:customers_keychange_changelist")


def _decide(request: HttpRequest, pair: KeyChange) -> None:
    actor, wanted = request.user.get_username(), request.POST.get("decide", "")
    if wanted == JOIN:
        done = join(pair.pk, actor)
        messages.success(
            request,
            say(
                "{former} is the same customer as {key}. {carried}.",
                former=done.former_id,
                key=done.customer_id,
                carried=carried_summary(done.carried),
            ),
        )
    elif wanted == APART:
        set_apart(pair.pk, actor)
        messages.success(
            request,
            say(
                "{former} and {key} are two customers; nothing has moved.", former=pair.former_id, key=pair.customer_id
            ),
        )
    elif wanted == UNDO:
        parted = part(pair.pk, actor)
        messages.success(request, say("Undone: what had moved is with {key} again.", key=pair.former_id))
        for text in parted.left:
            messages.warning(request, f"{text}.")

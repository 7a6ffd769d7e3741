"""The page that decides whether two customers are the same: what would move, then yes or no, and the way back."""

from django.contrib import admin, messages
from django.db import Error
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse

from customers.core.pages import admin_page, tell_database_error
from customers.jobs.lock import LockHeld
from customers.models.key_change import KeyChange
from customers.same_customer.join import (
    NotJoinable,
    in_words,
    join,
    listed,
    part,
    preview,
    set_apart,
    why_not,
    why_not_undone,
)

MAY_JOIN = ("customers.view_customer", "customers.join_customer")
JOIN, APART, UNDO = "join", "apart", "undo"


@admin_page(*MAY_JOIN)
def same_customer(request: HttpRequest, pk: int) -> HttpResponse:
    """Show both customers and what would move; when sent, do what was chosen, and come back."""
    pair = get_object_or_404(KeyChange.objects.select_related("customer", "former__missing_since", "run"), pk=pk)
    try:
        if request.method == "POST":
            _decide(request, pair)
            return redirect(request.path)
        joined = pair.state == KeyChange.State.JOINED
        reason = why_not_undone(pair) if joined else why_not(pair)
        carried = pair.carried if joined else {} if reason else preview(pk)
    except NotJoinable as error:
        messages.error(request, str(error))
    except LockHeld:
        messages.error(request, "An import or a scoring is running; try again when it has ended.")
    except Error:
        tell_database_error(request)
    else:
        context = {
            **admin.site.each_context(request),
            "title": f"Is {pair.former_id} now {pair.customer_id}?",
            "pair": pair,
            "joined": joined,
            "reason": reason,
            "carried": listed(carried),
            "stays": carried.get("stays", []),
        }
        return TemplateResponse(request, "customers/same_customer/page.html", context)
    return redirect("admin:customers_keychange_changelist")


def _decide(request: HttpRequest, pair: KeyChange) -> None:
    actor, wanted = request.user.get_username(), request.POST.get("decide", "")
    if wanted == JOIN:
        done = join(pair.pk, actor)
        messages.success(
            request, f"{done.former_id} is the same customer as {done.customer_id}. {in_words(done.carried)}."
        )
    elif wanted == APART:
        set_apart(pair.pk, actor)
        messages.success(request, f"{pair.former_id} and {pair.customer_id} are two customers; nothing has moved.")
    elif wanted == UNDO:
        parted = part(pair.pk, actor)
        messages.success(request, f"Undone: what had moved is with {pair.former_id} again.")
        for text in parted.left:
            messages.warning(request, f"{text}.")

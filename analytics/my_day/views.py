"""My day: the list of customers to act on, and the forms by which they are dealt with in place."""

from http import HTTPStatus

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext

from analytics.customer_list.first_view import OWNER
from analytics.my_day.acts import ACTS, Asked, NothingDone, SentAct
from analytics.my_day.forms import SNOOZE_DAYS
from analytics.my_day.members import TEAM
from analytics.my_day.page import customer_item, earlier_list, my_day, with_owner_in_full
from analytics.my_day.worklist import LISTED, LISTED_BY_HEALTH
from analytics.pages.as_of import as_of
from analytics.portfolio.comparison import comparison_day
from customers.core.pages import admin_page, admin_response, next_page, user_of
from customers.editing.form_keys import create_once
from customers.editing.undo import tell_done
from customers.models import Customer

PAGE, ACT_PAGE, FORM = (f"analytics/my_day/{name}.html" for name in ("page", "act_page", "act"))


@admin_page("customers.view_customer")
def day(request: HttpRequest) -> HttpResponse:
    """Show the customers to act on: mine, the team's or nobody's; as of an earlier date without today's state."""
    shown = as_of(request)
    if shown.portfolio is None:
        context = {"title": gettext("My day"), "as_of": shown, "any_customer": Customer.objects.exists()}
        return admin_response(request, "analytics/my_day/empty.html", context)
    if not shown.is_newest:
        before = comparison_day(shown.portfolio.date)
        context = {"title": gettext("Customers to act on"), "listed": LISTED_BY_HEALTH, "as_of": shown}
        return admin_response(request, PAGE, {**context, **earlier_list(request, shown.portfolio, before)})
    if address := with_owner_in_full(request):
        return redirect(f"{request.path}?{address}")
    context = {"title": gettext("My day"), "listed": LISTED, "as_of": shown}
    return admin_response(request, PAGE, {**context, **my_day(request, shown.portfolio)})


@admin_page("customers.view_customer")
def needs(request: HttpRequest) -> HttpResponse:
    """Lead from the former address of the list to the team's."""
    address = request.GET.copy()
    address.setdefault(OWNER, TEAM)
    return redirect(f"{reverse('analytics:my-day')}?{address.urlencode()}")


@admin_page("customers.view_customer")
@create_once
def act_on(request: HttpRequest, pk: str, act: str) -> HttpResponse:
    """Ask for what an act needs; do it, and go back to where the visitor was.

    The script of the page asks for the form alone, and puts it under the customer.
    """
    if act not in ACTS:
        raise Http404
    todo, user = ACTS[act], user_of(request)
    if not user.has_perm(todo.permission):
        raise PermissionDenied
    customer = get_object_or_404(Customer.objects.select_related("care__owner"), pk=pk)
    sent = SentAct(request.POST if request.method == "POST" else None, customer, user)
    asked = todo.ask(sent)
    asked.form.auto_id = f"{act}-%s"
    if sent.data is None:
        return _ask(request, act, asked, customer)
    if not asked.form.is_valid():
        return _ask(request, act, asked, customer, HTTPStatus.UNPROCESSABLE_ENTITY)
    _do(request, asked, customer)
    return redirect(next_page(request, reverse("analytics:my-day")))


def _do(request: HttpRequest, asked: Asked, customer: Customer) -> None:
    try:
        with transaction.atomic():
            done = asked.apply()
    except NothingDone as error:
        messages.warning(request, f"{customer.organization}: {error}")
    else:
        tell_done(request, f"{customer.organization}: {done.words}.", done.undo)


def _ask(
    request: HttpRequest, name: str, asked: Asked, customer: Customer, status: int = HTTPStatus.OK
) -> HttpResponse:
    context = {
        "title": f"{ACTS[name].label}: {customer.organization}",
        "customer": customer,
        "name": name,
        "act": ACTS[name],
        "form": asked.form,
        "snooze_days": SNOOZE_DAYS if name == "snooze" else (),
        "next": next_page(request, reverse("analytics:my-day")),
    }
    if "HX-Request" in request.headers:
        return render(request, FORM, context, status=status)
    return admin_response(request, ACT_PAGE, context | {"item": customer_item(request, customer)}, status=status)

"""Asks who shall look after some customers, says how many they are, and assigns them."""

from collections.abc import Sequence
from datetime import UTC, datetime

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone

from customers.audit import trail
from customers.core.people import name_of
from customers.editing.conflicts import CONFLICT
from customers.editing.last_changes import actor_names, ago
from customers.models import Customer, CustomerCare
from customers.owners.assign import OwnersChanged, able_and, assign, count_owned, marked_name, owners_hash
from customers.text.numbers import number_or_none

MAY_ASSIGN = "customers.change_customercare"
NOBODY = "nobody"
MOST_NAMES = 10
MOST_TOLD = 5
MOST_ENTRIES = 200
MAX_TIMESTAMP = 9_999_999_999
UNPROCESSABLE = 422


class OwnerForm(forms.Form):
    """Who shall look after the customers, and of how many the page spoke that the user has seen."""

    owner = forms.ChoiceField(label="Owner")
    expected = forms.IntegerField(widget=forms.HiddenInput, required=False)
    seen = forms.CharField(widget=forms.HiddenInput, required=False)

    def __init__(self, *args: object, user: User, owner: int | None, **kwargs: object) -> None:
        super().__init__(*args, initial={"owner": owner and str(owner)}, **kwargs)
        self.people = {str(one.pk): one for one in able_and(owner)}
        me = self.people.pop(str(user.pk), None)
        if me:
            self.people = {str(me.pk): me, **self.people}
        names = [(key, f"{marked_name(one)}{' (me)' if one == me else ''}") for key, one in self.people.items()]
        self.fields["owner"].choices = [*names, (NOBODY, "Nobody")]

    @property
    def chosen(self) -> User | None:
        """The chosen one."""
        return self.people.get(self.cleaned_data["owner"])


def assign_page(
    request: HttpRequest, customers: QuerySet[Customer], sent: Sequence[tuple[str, str]], back: str
) -> HttpResponse:
    """Ask and, once it is confirmed, assign; ``sent`` are the form's hidden values, which say who is meant.

    Where the customers are no longer as many as the user was told, it asks again.
    """
    owned, status = count_owned(customers), 200
    confirming = request.method == "POST" and "expected" in request.POST
    form = OwnerForm(request.POST if confirming else None, user=request.user, owner=_owner_of_one(customers))
    if confirming and form.is_valid():
        if form.cleaned_data["expected"] == owned.customers:
            mark, _at, since = form.cleaned_data["seen"].partition("@")
            try:
                done = assign(customers, form.chosen, request.user, mark)
            except OwnersChanged:
                status = CONFLICT
                _tell_changed(request, customers, since)
            else:
                messages.success(request, _words(done.changed, done.same, name_of(form.chosen)))
                return redirect(back)
        else:
            messages.warning(request, "The customers are not as many as before: look again.")
    context = {
        **admin.site.each_context(request),
        "title": "Assign owner",
        "form": form,
        "owned": owned,
        "names": customers[:MOST_NAMES],
        "others": owned.customers - MOST_NAMES,
        "sent": sent,
        "seen": f"{owners_hash(customers)}@{int(timezone.now().timestamp())}",
        "back": back,
    }
    return TemplateResponse(
        request, "customers/owners/assign.html", context, status=UNPROCESSABLE if form.errors else status
    )


def _tell_changed(request: HttpRequest, customers: QuerySet[Customer], since: str) -> None:
    """Say who has changed the owners of which customers since the page was shown."""
    seconds = number_or_none(since)
    moment = timezone.now() if seconds is None else datetime.fromtimestamp(min(seconds, MAX_TIMESTAMP), UTC)
    keys = customers.order_by().values("pk")
    entries = trail.AuditEntry.objects.filter(
        model=CustomerCare._meta.label_lower, customer__in=keys, at__gte=moment
    ).order_by("-pk")
    found = [each for each in entries[:MOST_ENTRIES] if "owner" in each.changes]
    people = actor_names(found)
    names = dict(customers.filter(pk__in=[each.customer for each in found]).values_list("pk", "organization"))
    for each in found[:MOST_TOLD]:
        owner, of = each.changes["owner"][1] or "nobody", names.get(each.customer, each.customer)
        messages.warning(request, f"{people[each.actor]} made {owner} the owner of {of} {ago(each.at)}.")
    messages.warning(request, "Somebody else has changed owners since you opened this page: nothing is assigned yet.")


def _owner_of_one(customers: QuerySet[Customer]) -> int | None:
    """The owner to begin with, where it is about one customer who has one."""
    some = list(customers.select_related("care")[:2])
    care = getattr(some[0], "care", None) if len(some) == 1 else None
    return care.owner_id if care else None


def _words(changed: int, same: int, owner: str) -> str:
    noun = "customer" if changed == 1 else "customers"
    if not changed:
        return "Nothing to change: that is their owner already." if same else "There was no customer to assign."
    before = f" {same:,} had that owner already." if same and owner != "nobody" else ""
    if owner == "nobody":
        return f"{changed:,} {noun} without an owner now."
    return f"{owner} now looks after {changed:,} more {noun}.{before}"

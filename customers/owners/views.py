"""The page that assigns an owner to customers: it says how many they are, and asks for the owner."""

from collections.abc import Sequence
from datetime import UTC, datetime
from http import HTTPStatus

from django import forms
from django.contrib import messages
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext

from customers.core.pages import admin_response, user_of
from customers.core.people import name_of
from customers.editing.last_changes import YOU, actor_names, ago
from customers.editing.undo import MAX_ROWS, Undo, tell_done
from customers.models import AuditEntry, Customer, CustomerCare
from customers.owners.assign import (
    UNDO_OWNERS,
    OwnersChanged,
    assign,
    count_owned,
    eligible_owners,
    marked_name,
    owners_hash,
)
from customers.text.numbers import number_or_none
from customers.text.say import say, say_n

MAY_ASSIGN = "customers.change_customercare"
NOBODY = "nobody"
MAX_NAMES = 10
MAX_CHANGES_TOLD = 5
MAX_ENTRIES = 200
MAX_TIMESTAMP = 9_999_999_999


class OwnerForm(forms.Form):
    """The owner to assign, and how many customers with which owners the page had shown."""

    expected = forms.IntegerField(widget=forms.HiddenInput, required=False)
    seen = forms.CharField(widget=forms.HiddenInput, required=False)

    def __init__(self, data: QueryDict | None, *, user: User, owner: int | None) -> None:
        super().__init__(data, initial={"owner": owner and str(owner)})
        self.people = {str(one.pk): one for one in eligible_owners(including=owner)}
        me = self.people.pop(str(user.pk), None)
        if me:
            self.people = {str(me.pk): me, **self.people}
        names = [(key, marked_name(one)) for key, one in self.people.items()]
        if me:
            names[0] = (names[0][0], say("{name} (me)", name=names[0][1]))
        self.fields["owner"] = forms.ChoiceField(label=gettext("Owner"), choices=[*names, (NOBODY, gettext("Nobody"))])

    @property
    def chosen(self) -> User | None:
        """Return the chosen owner; None for nobody."""
        return self.people.get(self.cleaned_data["owner"])


def assign_page(
    request: HttpRequest, customers: QuerySet[Customer], sent: Sequence[tuple[str, str]], back: str
) -> HttpResponse:
    """Ask for the owner and, once confirmed, assign; ``sent`` are hidden values that name the customers.

    The page asks again where the number of customers, or an owner, has changed.
    """
    user, owned = user_of(request), count_owned(customers)
    status = HTTPStatus.OK
    confirming = request.method == "POST" and "expected" in request.POST
    form = OwnerForm(request.POST if confirming else None, user=user, owner=_owner_of_one(customers))
    if confirming and form.is_valid():
        if form.cleaned_data["expected"] == owned.customers:
            seen, _at, since = form.cleaned_data["seen"].partition("@")
            try:
                done = assign(customers, form.chosen, user, seen)
            except OwnersChanged:
                status = HTTPStatus.CONFLICT
                _tell_changed(request, customers, since)
            else:
                undo = Undo(UNDO_OWNERS, done.former) if done.changed <= MAX_ROWS else None
                tell_done(request, _result(done.changed, done.same, form.chosen), undo)
                return redirect(back)
        else:
            messages.warning(request, gettext("The customers are not as many as before: look again."))
    context = {
        "title": gettext("Assign owner"),
        "form": form,
        "owned": owned,
        "names": customers[:MAX_NAMES],
        "others": owned.customers - MAX_NAMES,
        "sent": sent,
        "seen": f"{owners_hash(customers)}@{int(timezone.now().timestamp())}",
        "back": back,
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if form.errors else status
    return admin_response(request, "customers/owners/assign.html", context, status=status)


def _tell_changed(request: HttpRequest, customers: QuerySet[Customer], since: str) -> None:
    """Tell who has changed the owners of which customers since the page was shown."""
    seconds = number_or_none(since)
    moment = timezone.now() if seconds is None else datetime.fromtimestamp(min(seconds, MAX_TIMESTAMP), UTC)
    keys = customers.order_by().values("pk")
    entries = AuditEntry.objects.filter(
        model=CustomerCare._meta.label_lower, customer__in=keys, at__gte=moment
    ).order_by("-pk")
    changed = [each for each in entries[:MAX_ENTRIES] if "owner" in each.changes]
    people = actor_names(changed)
    names = dict(customers.filter(pk__in=[each.customer for each in changed]).values_list("pk", "organization"))
    for each in changed[:MAX_CHANGES_TOLD]:
        customer = names.get(each.customer, each.customer)
        messages.warning(request, _told(people[each.actor], each.changes["owner"][1], customer, ago(each.at)))
    messages.warning(
        request, gettext("Somebody else has changed owners since you opened this page: nothing is assigned yet.")
    )


def _told(who: str, owner: str | None, customer: str, when: str) -> str:
    """Return who made whom the owner of a customer; ``when`` is how long ago."""
    if who == YOU and owner:
        return say("You made {owner} the owner of {customer} {ago}.", owner=owner, customer=customer, ago=when)
    if who == YOU:
        return say("You made nobody the owner of {customer} {ago}.", customer=customer, ago=when)
    if owner:
        values = {"who": who, "owner": owner, "customer": customer, "ago": when}
        return say("{who} made {owner} the owner of {customer} {ago}.", **values)
    return say("{who} made nobody the owner of {customer} {ago}.", who=who, customer=customer, ago=when)


def _owner_of_one(customers: QuerySet[Customer]) -> int | None:
    """Return the owner of the one customer that this is about, if there is one."""
    some = list(customers.select_related("care")[:2])
    care = getattr(some[0], "care", None) if len(some) == 1 else None
    return care.owner_id if care else None


def _result(changed: int, same: int, owner: User | None) -> str:
    if not changed and same:
        return gettext("Nothing to change: that is their owner already.")
    if not changed:
        return gettext("There was no customer to assign.")
    if owner is None:
        return say_n("{number} customer without an owner now.", "{number} customers without an owner now.", changed)
    said = say_n(
        "{owner} now looks after {number} more customer.",
        "{owner} now looks after {number} more customers.",
        changed,
        owner=name_of(owner),
    )
    rest = say_n("{number} had that owner already.", "{number} had that owner already.", same)
    return f"{said} {rest}" if same else said

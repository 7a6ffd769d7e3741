"""Owners of customers: who can be one, and how customers get one, with an audit entry each."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypedDict

from django.conf import settings
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models import Count, Q, QuerySet, Value

from customers.audit import trail
from customers.core.limits import batches
from customers.core.people import by_name, name_of
from customers.core.roles import staff_who_may
from customers.models import Customer, CustomerCare
from customers.text.say import english, in_english, say

UNDO_OWNERS = "owners"
"""The kind of ``Undo`` whose rows are ``Former``."""

if TYPE_CHECKING:
    from django_stubs_ext import WithAnnotations

    class MayAct(TypedDict):
        """The annotation of ``eligible_owners``."""

        may_act: bool

    EligibleOwner = WithAnnotations[User, MayAct]


Former = tuple[str, int | None, int | None]
"""A customer's key, and the keys of its owner before and after; None for nobody."""


@dataclass(frozen=True)
class Assigned:
    """The number of customers that got another owner, and of those that had that one already.

    ``former`` says how to give those that changed back.
    """

    changed: int
    same: int
    former: Sequence[Former] = field(default=(), compare=False)


@dataclass(frozen=True)
class Owned:
    """The number of customers, and of those that have an owner."""

    customers: int
    owned: int


def eligible_owners(*, including: int | None = None) -> "QuerySet[EligibleOwner]":
    """Return the active staff who may act on customers, by name, and the present owner ``including``.

    ``may_act`` is false for a present owner who has lost that right.
    """
    staff = staff_who_may(settings.OWNERS_MAY)
    if including is None:
        return staff.annotate(may_act=Value(True)).order_by(*by_name(""))
    keys = staff.values("pk")
    people = User.objects.filter(Q(pk__in=keys) | Q(pk=including))
    return people.annotate(may_act=Q(pk__in=keys)).order_by(*by_name(""))


def marked_name(user: "EligibleOwner") -> str:
    """Return the name of an eligible owner, with a note where that person may not act any more."""
    return name_of(user) if user.may_act else cannot_act(name_of(user))


def cannot_act(name: str) -> str:
    """Return an owner's name with the note that this person may not act any more."""
    return say("{name} (may not act)", name=name)


def count_owned(customers: QuerySet[Customer]) -> Owned:
    """Count customers, and those of them that have an owner, in one query."""
    counts = Customer.objects.filter(pk__in=customers.order_by().values("pk")).aggregate(
        all=Count("pk"), owned=Count("pk", filter=Q(care__owner__isnull=False))
    )
    return Owned(counts["all"], counts["owned"])


class OwnersChanged(Exception):
    """Somebody else has assigned some of the customers since they were shown."""


def owners_hash(customers: QuerySet[Customer], *, lock: bool = False) -> str:
    """Hash the owners of customers, to notice later whether they have changed."""
    cares = CustomerCare.objects.filter(customer__in=customers.order_by().values("pk"), owner__isnull=False)
    if lock:
        cares = cares.select_for_update(of=("self",))
    owners = list(cares.order_by("pk").values_list("pk", "owner_id"))
    return hashlib.sha256(json.dumps(owners).encode()).hexdigest()[:16]


def assign(customers: QuerySet[Customer], owner: User | None, by: User, seen: str = "") -> Assigned:
    """Give customers an owner, or none; leave those alone that have that owner already.

    Raises ``OwnersChanged``, with nothing changed, where ``owners_hash`` is no longer ``seen``.
    """
    former: list[Former] = []
    same = 0
    with transaction.atomic():
        if seen and owners_hash(customers, lock=True) != seen:
            raise OwnersChanged
        for keys in batches(list(customers.order_by("pk").values_list("pk", flat=True))):
            changed = _assign_some(keys, owner, by)
            former += changed
            same += len(keys) - len(changed)
    return Assigned(len(former), same, former)


def give_back(former: Iterable[Former], by: User) -> int:
    """Give customers their former owners, unless somebody has assigned them since; return how many."""
    groups: dict[tuple[int | None, int | None], list[str]] = {}
    for key, before, after in former:
        groups.setdefault((before, after), []).append(key)
    people = User.objects.in_bulk([before for before, _after in groups if before is not None])
    given = 0
    with transaction.atomic():
        for (before, after), keys in groups.items():
            cares = CustomerCare.objects.select_for_update(of=("self",)).filter(pk__in=keys, owner=after)
            still = Customer.objects.filter(pk__in=list(cares.order_by("pk").values_list("pk", flat=True)))
            given += assign(still, people.get(before) if before else None, by).changed
    return given


def _assign_some(keys: Sequence[str], owner: User | None, by: User) -> list[Former]:
    cares = CustomerCare.objects.select_for_update(of=("self",)).select_related("owner")
    known = {care.pk: care for care in cares.filter(pk__in=keys).order_by("pk")}
    new = [CustomerCare(customer_id=key, owner=owner) for key in keys if owner and key not in known]
    # Somebody else may be adding the same rows.
    CustomerCare.objects.bulk_create(new, ignore_conflicts=True)
    if new and cares.filter(pk__in=[care.pk for care in new]).exclude(owner=owner).exists():
        raise OwnersChanged
    changed = [care for care in known.values() if care.owner_id != (owner and owner.pk)]
    was = {care.pk: care.owner_id for care in changed}
    CustomerCare.objects.filter(pk__in=[care.pk for care in changed]).update(owner=owner)
    trail.record_all(
        trail.entry(
            trail.Action.CHANGE,
            care,
            actor=by.get_username(),
            changes={"owner": (former.get_username() if former else None, owner.get_username() if owner else None)},
        )
        for care, former in [*((care, care.owner) for care in changed), *((care, None) for care in new)]
    )
    with in_english():
        LogEntry.objects.bulk_create(
            _logged(care, owner, before, by)
            for care, before in [*((care, care.owner) for care in changed), *((care, None) for care in new)]
        )
    after = owner.pk if owner else None
    return [*((care.pk, was[care.pk], after) for care in changed), *((care.pk, None, after) for care in new)]


def _logged(care: CustomerCare, owner: User | None, before: User | None, by: User) -> LogEntry:
    return LogEntry(
        user=by,
        content_type=ContentType.objects.get_for_model(CustomerCare),
        object_id=care.pk,
        object_repr=str(care)[:200],
        action_flag=CHANGE,
        change_message=english(f"Owner: {name_of(owner)} (before: {name_of(before)})."),
    )

"""Who looks after which customer: assigned for one or many at once, each change in the admin's log."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from django.conf import settings
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models import Count, Q, QuerySet

from customers.audit import trail
from customers.core.people import by_name, name_of
from customers.core.staff import staff_who_may
from customers.models import Customer, CustomerCare

CHUNK = 500
CANNOT_ACT = "may not act"


@dataclass(frozen=True)
class Assigned:
    """How many customers got another owner, and how many had that one already."""

    changed: int
    same: int


@dataclass(frozen=True)
class Owned:
    """How many customers there are, and how many of them somebody looks after."""

    customers: int
    owned: int


def able() -> QuerySet[User]:
    """Who can look after customers: active staff who may do something about them, by name."""
    return staff_who_may(settings.OWNERS_MAY).order_by(*by_name(""))


def able_and(owner: int | None) -> QuerySet[User]:
    """The same, and who is the owner already, whatever became of that person's rights; each with ``may_act``."""
    keys = able().order_by().values("pk")
    people = User.objects.filter(Q(pk__in=keys) | Q(pk=owner)) if owner else User.objects.filter(pk__in=keys)
    return people.annotate(may_act=Q(pk__in=keys)).order_by(*by_name(""))


def marked_name(user: User) -> str:
    """The name of one of ``able_and``, and that they cannot act where they cannot."""
    return name_of(user) if user.may_act else f"{name_of(user)} ({CANNOT_ACT})"


def count_owned(customers: QuerySet[Customer]) -> Owned:
    """How many customers these are, and how many of them have an owner; one query."""
    found: dict[str, Any] = Customer.objects.filter(pk__in=customers.order_by().values("pk")).aggregate(
        all=Count("pk"), owned=Count("pk", filter=Q(care__owner__isnull=False))
    )
    return Owned(found["all"], found["owned"])


class OwnersChanged(Exception):
    """Somebody else has assigned some of the customers meanwhile."""


def owners_hash(customers: QuerySet[Customer], *, lock: bool = False) -> str:
    """A hash of who looks after which of the customers, to be known again later."""
    cares = CustomerCare.objects.filter(customer__in=customers.order_by().values("pk"), owner__isnull=False)
    if lock:
        cares = cares.select_for_update(of=("self",))
    owners = list(cares.order_by("pk").values_list("pk", "owner_id"))
    return hashlib.sha256(json.dumps(owners).encode()).hexdigest()[:16]


def assign(customers: QuerySet[Customer], owner: User | None, by: User, seen: str = "") -> Assigned:
    """Make ``owner`` (None: nobody) look after the customers; those who have that owner already stay untouched.

    Raises ``OwnersChanged``, with nothing changed, where the owners are others than those of the mark ``seen``.
    """
    changed = same = 0
    with transaction.atomic():
        if seen and owners_hash(customers, lock=True) != seen:
            raise OwnersChanged
        for keys in _chunks(list(customers.order_by("pk").values_list("pk", flat=True))):
            told = _assign_some(keys, owner, by)
            changed += told
            same += len(keys) - told
    return Assigned(changed, same)


def _assign_some(keys: Sequence[str], owner: User | None, by: User) -> int:
    cares = CustomerCare.objects.select_for_update(of=("self",)).select_related("owner")
    known = {care.pk: care for care in cares.filter(pk__in=keys).order_by("pk")}
    new = [CustomerCare(customer_id=key, owner=owner) for key in keys if owner and key not in known]
    # Somebody else may be adding the same rows.
    CustomerCare.objects.bulk_create(new, ignore_conflicts=True)
    if new and cares.filter(pk__in=[care.pk for care in new]).exclude(owner=owner).exists():
        raise OwnersChanged
    changed = [care for care in known.values() if care.owner_id != (owner and owner.pk)]
    CustomerCare.objects.filter(pk__in=[care.pk for care in changed]).update(owner=owner)
    before = [*((care, name_of(care.owner)) for care in changed), *((care, "nobody") for care in new)]
    trail.record_all(
        trail.entry(
            trail.Action.CHANGE,
            care,
            actor=by.get_username(),
            changes={"owner": (was and was.get_username(), owner and owner.get_username())},
        )
        for care, was in [*((care, care.owner) for care in changed), *((care, None) for care in new)]
    )
    kind = ContentType.objects.get_for_model(CustomerCare)
    LogEntry.objects.bulk_create(
        LogEntry(
            user=by,
            content_type=kind,
            object_id=care.pk,
            object_repr=str(care)[:200],
            action_flag=CHANGE,
            change_message=f"Owner: {name_of(owner)} (before: {was}).",
        )
        for care, was in before
    )
    return len(before)


def _chunks(keys: list[str]) -> Iterator[list[str]]:
    rest = iter(keys)
    while chunk := list(islice(rest, CHUNK)):
        yield chunk

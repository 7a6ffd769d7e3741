"""Customers put aside by staff: snoozed until a day, dismissed for a reason, and brought back."""

from collections.abc import Iterable
from datetime import date

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone

from analytics.models import Deferral
from customers.audit.trail import update_rows
from customers.models import Customer

UNDO_DEFERRALS = "deferrals"
"""The kind of ``Undo`` whose rows are ``PutAside``."""
PutAside = tuple[int, int | None]
"""The key of a deferral, and of the one that it took the place of."""


def snooze(customer: Customer, until: date, by: User) -> PutAside:
    """Put a customer aside until a day; this replaces what put it aside before."""
    return _put_aside(Deferral(customer=customer, until=until, created_by=by.get_username()))


def dismiss(customer: Customer, reason: str, text: str, by: User) -> PutAside:
    """Put a customer aside until there is a new reason; this replaces what put it aside before."""
    return _put_aside(Deferral(customer=customer, reason=reason, text=text, created_by=by.get_username()))


def bring_back(customer: Customer, by: User) -> bool:
    """End what put a customer aside; False where nothing does."""
    return bool(_end(customer, by.get_username()))


def undo_deferrals(rows: Iterable[PutAside], by: User) -> int:
    """Take back deferrals of one's own that still stand, and let those stand again that they replaced; count them."""
    undone, login = 0, by.get_username()
    with transaction.atomic():
        for new, former in rows:
            mine = Deferral.objects.standing().filter(pk=new, created_by=login)
            if update_rows(mine, ended_at=timezone.now(), ended_by=login):
                if former is not None:
                    update_rows(Deferral.objects.filter(pk=former), ended_at=None)
                undone += 1
    return undone


def _put_aside(new: Deferral) -> PutAside:
    """Store it in the place of the standing one; of two at one moment the second replaces the first."""
    for is_last in (False, True):
        try:
            with transaction.atomic():
                former = Deferral.objects.standing().filter(customer=new.customer).values_list("pk", flat=True).first()
                _end(new.customer, "")
                new.save(force_insert=True)
            break
        except IntegrityError:
            if is_last:
                raise
            new.pk = None
    return new.pk, former


def _end(customer: Customer, login: str) -> int:
    standing = Deferral.objects.standing().filter(customer=customer)
    return update_rows(standing, ended_at=timezone.now(), ended_by=login)

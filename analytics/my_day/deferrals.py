"""Customers put aside by staff: snoozed until a day, dismissed for a reason, and brought back."""

from datetime import date

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone

from analytics.models import Deferral
from customers.audit.trail import update_rows
from customers.models import Customer


def snooze(customer: Customer, until: date, by: User) -> None:
    """Put a customer aside until a day; this replaces what put it aside before."""
    _put_aside(Deferral(customer=customer, until=until, created_by=by.get_username()))


def dismiss(customer: Customer, reason: str, text: str, by: User) -> None:
    """Put a customer aside until there is a new reason; this replaces what put it aside before."""
    _put_aside(Deferral(customer=customer, reason=reason, text=text, created_by=by.get_username()))


def bring_back(customer: Customer, by: User) -> bool:
    """End what put a customer aside; False where nothing does."""
    return bool(_end(customer, by.get_username()))


def _put_aside(new: Deferral) -> None:
    """Store it in the place of the standing one; of two at one moment the second replaces the first."""
    for is_last in (False, True):
        try:
            with transaction.atomic():
                _end(new.customer, "")
                new.save(force_insert=True)
            return
        except IntegrityError:
            if is_last:
                raise
            new.pk = None


def _end(customer: Customer, login: str) -> int:
    standing = Deferral.objects.standing().filter(customer=customer)
    return update_rows(standing, ended_at=timezone.now(), ended_by=login)

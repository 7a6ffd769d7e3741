"""Turns a playbook on, for everybody from now on or for those, too, for whom its start holds; and off."""

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q

from analytics.models import Playbook, PortfolioDay
from analytics.playbooks.conditions import is_known
from analytics.playbooks.end import end_all
from analytics.playbooks.start import NotUnderstood, forget_left, pass_over
from customers.audit import trail
from customers.clock import program_today
from customers.text.say import english


def switch_on(playbook: Playbook, *, also_those: bool) -> int:
    """Turn a playbook on; return how many it passes over, for whom its start holds by now."""
    newest, passed = PortfolioDay.objects.newest(), 0
    with transaction.atomic():
        if not trail.update_rows(Playbook.objects.filter(pk=playbook.pk, active=False), active=True):
            return 0
        if newest:
            forget_left(playbook, newest.date, Q())
        if newest and not also_those and is_known(playbook, newest.date):
            try:
                passed = pass_over(playbook, newest.date, program_today())
            except NotUnderstood:
                # It starts for nobody until its filters are understood again.
                passed = 0
        if passed:
            trail.record(trail.Action.CHANGE, playbook, detail=english(f"{passed} customers passed over"))
    return passed


def switch_off(playbook: Playbook, by: User) -> int:
    """Turn a playbook off, and end its runs; return how many."""
    with transaction.atomic():
        trail.update_rows(Playbook.objects.filter(pk=playbook.pk, active=True), active=False)
        ended = end_all(playbook, by.get_username())
        if ended:
            trail.record(trail.Action.CHANGE, playbook, detail=english(f"ended for {ended} customers"))
    return ended

"""Who hears of an alert: its customer's owner, the program managers, or both."""

from datetime import date

from django.contrib.auth.models import User
from django.db.models import Q, QuerySet

from analytics.models import Alert, AlertRule
from customers.core.roles import Role, staff_who_may

_TO_OWNER = Q(rule__audience__in=[AlertRule.Audience.OWNER, AlertRule.Audience.BOTH])
_TO_MANAGERS = Q(rule__audience__in=[AlertRule.Audience.MANAGERS, AlertRule.Audience.BOTH])


def may_be_told() -> QuerySet[User]:
    """Return who may be told of alerts: staff who may see them, and can log in to do so."""
    return staff_who_may("customers.view_customer", "analytics.view_alert")


def managers() -> QuerySet[User]:
    """Return the program managers, those who have left among them."""
    return User.objects.filter(groups__name=Role.PROGRAM_MANAGER)


def owners() -> QuerySet[User]:
    """Return the owners of customers with alerts, those who have left among them."""
    concerned = Alert.objects.exclude(customer=None).values("customer__care__owner")
    return User.objects.filter(pk__in=concerned.exclude(customer__care__owner=None))


def is_manager(user: User) -> bool:
    """Return whether somebody is told what is for managers.

    The user of a request needs no query: ``rsolv_cs.login.second_factor`` sets ``is_program_manager`` on it.
    """
    known: bool | None = getattr(user, "is_program_manager", None)
    return user.groups.filter(name=Role.PROGRAM_MANAGER).exists() if known is None else known


def manager_alerts() -> Q:
    """Select the alerts of the managers: theirs by the rule, of feeds, and where the owner is nobody or untold."""
    unheard = Q(customer__care__owner__isnull=False) & ~Q(customer__care__owner__in=may_be_told().values("pk"))
    nobody_else = Q(customer=None) | Q(customer__care=None) | Q(customer__care__owner=None) | unheard
    return _TO_MANAGERS | nobody_else


def alerts_for(user: User, *, manager: bool) -> Q:
    """Select the alerts that a user is told of, who is a ``manager`` or not."""
    own = _TO_OWNER & Q(customer__care__owner=user.pk)
    return own | manager_alerts() if manager else own


def told_to(user: User) -> Q:
    """Select the alerts that a user is told of."""
    return alerts_for(user, manager=is_manager(user))


def alerts_waiting_for(user: User, today: date, *, manager: bool) -> QuerySet[Alert]:
    """Return the open alerts that wait for a user: neither acknowledged nor snoozed."""
    return Alert.objects.waiting(today).filter(alerts_for(user, manager=manager))

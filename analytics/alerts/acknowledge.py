"""Acknowledge alerts: somebody has seen them, and they are told to nobody else."""

from django.contrib.auth.models import User
from django.utils import timezone

from analytics.models.alerts import AlertQuerySet
from customers.audit.trail import update_rows


def acknowledge(alerts: AlertQuerySet, by: User) -> int:
    """Acknowledge those of the alerts that are open and not acknowledged yet; return how many they were."""
    fresh = alerts.open().filter(acknowledged_at=None)
    return update_rows(fresh, acknowledged_at=timezone.now(), acknowledged_by=by.get_username())

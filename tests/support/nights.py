"""Nights of the ledger."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from analytics.models import Night


def make_night(state: str = "done", *, hours_ago: float = 1, **overrides: Any) -> Night:
    """A night that ended some hours ago."""
    started = timezone.now() - timedelta(hours=hours_ago)
    ended = None if state == "running" else started + timedelta(minutes=3)
    values = {"state": state, "started_at": started, "finished_at": ended, "started_by": "cron", **overrides}
    return Night.objects.create(**values)


def moment(night: Night) -> str:
    """When a night began, in words."""
    return f"{timezone.localtime(night.started_at):%-d %b %Y, %H:%M}"

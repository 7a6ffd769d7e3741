"""When a run or a night began, and how long it took."""

from datetime import datetime
from typing import Protocol

from django.contrib import admin
from django.utils.formats import date_format
from django.utils.timezone import localtime


class Timed(Protocol):
    """A run or a night."""

    started_at: datetime
    finished_at: datetime | None


@admin.display(description="started", ordering="started_at")
def when(row: Timed) -> str:
    """Return when it began, in one line: a column of an admin's list."""
    return date_format(localtime(row.started_at), "j M Y, H:i").replace(" ", "\u00a0")


@admin.display(description="duration")
def took(row: Timed) -> str:
    """Return how long it took, in one line: a column of an admin's list."""
    return (duration(row.started_at, row.finished_at) or "–").replace(" ", "\u00a0")


def duration(started_at: datetime, finished_at: datetime | None) -> str | None:
    """Return in words how long a run or a night took; None while it has not ended."""
    if finished_at is None:
        return None
    seconds = max((finished_at - started_at).total_seconds(), 0)
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds >= 0.1 else "< 0.1 s"
    minutes, seconds = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s"

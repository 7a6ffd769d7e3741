"""When a run or a night began, and how long it took."""

from datetime import datetime
from typing import Protocol

from django.contrib import admin
from django.utils.translation import gettext_lazy

from customers.text.say import say
from customers.text.written import decimals, moment


class Timed(Protocol):
    """A run or a night."""

    started_at: datetime
    finished_at: datetime | None


@admin.display(description=gettext_lazy("started"), ordering="started_at")
def when(row: Timed) -> str:
    """Return when it began, in one line: a column of an admin's list."""
    return moment(row.started_at).replace(" ", "\u00a0")


@admin.display(description=gettext_lazy("duration"))
def took(row: Timed) -> str:
    """Return how long it took, in one line: a column of an admin's list."""
    return (duration(row.started_at, row.finished_at) or "–").replace(" ", "\u00a0")


def duration(started_at: datetime, finished_at: datetime | None) -> str | None:
    """Return in words how long a run or a night took; None while it has not ended."""
    if finished_at is None:
        return None
    seconds = max((finished_at - started_at).total_seconds(), 0)
    if seconds < 60:
        if seconds < 0.1:
            return say("< {seconds} s", seconds=decimals(0.1, 1))
        return say("{seconds} s", seconds=decimals(seconds, 1))
    minutes, seconds = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return say("{hours} h {minutes} min", hours=hours, minutes=minutes)
    return say("{minutes} min {seconds} s", minutes=minutes, seconds=seconds)

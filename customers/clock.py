"""Days as the program counts them: in ``TIME_ZONE``, whatever the time zone of whoever looks at a page."""

from datetime import date, datetime, timedelta

from django.utils import timezone

_SATURDAY = 5


def program_today() -> date:
    """Return today's date in ``TIME_ZONE``: what is loaded, scored or scheduled depends on nobody's preferences."""
    return timezone.localdate(timezone=timezone.get_default_timezone())


def program_day(moment: datetime) -> date:
    """Return the day of a moment in ``TIME_ZONE``."""
    return timezone.localdate(moment, timezone=timezone.get_default_timezone())


def is_weekend(day: date) -> bool:
    """Return whether a day is a Saturday or a Sunday."""
    return day.weekday() >= _SATURDAY


def working_day(day: date) -> date:
    """Return the day, or the Monday after it where it is on a weekend."""
    return day + timedelta(days=7 - day.weekday()) if is_weekend(day) else day

"""Days as the program counts them: in ``TIME_ZONE``, whatever the time zone of whoever looks at a page."""

from datetime import date, datetime

from django.utils import timezone


def program_today() -> date:
    """Return today's date in ``TIME_ZONE``: what is loaded, scored or scheduled depends on nobody's preferences."""
    return timezone.localdate(timezone=timezone.get_default_timezone())


def program_day(moment: datetime) -> date:
    """Return the day of a moment in ``TIME_ZONE``."""
    return timezone.localdate(moment, timezone=timezone.get_default_timezone())

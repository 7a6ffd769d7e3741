"""Days as the program counts them: in ``TIME_ZONE``, whatever the time zone of whoever looks at a page."""

from datetime import date

from django.utils import timezone


def program_today() -> date:
    """Return today's date in ``TIME_ZONE``: what is loaded, scored or scheduled depends on nobody's preferences."""
    return timezone.localdate(timezone=timezone.get_default_timezone())

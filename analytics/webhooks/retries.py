"""When a delivery that was not taken is tried again."""

import math
import random
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

DELAYS = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    *(timedelta(hours=hours) for hours in (2, 5, 10, 14, 20, 24)),
)
"""After the first attempt, the second, and so on: three days in all."""
MOST_TRIES = len(DELAYS) + 1
JITTER = 0.1
"""So large a part is added at most, so that what failed together does not come back together."""
LONGEST_REST = timedelta(hours=24)
"""What a receiver asks for beyond it is not obeyed."""


def next_try(tries: int, now: datetime) -> datetime | None:
    """Return when to try again after so many attempts; None where it was the last one."""
    if tries >= MOST_TRIES:
        return None
    return now + DELAYS[tries - 1] * (1 + random.uniform(0, JITTER))  # noqa: S311 - no secret


def rest_asked_for(retry_after: str, now: datetime) -> datetime | None:
    """Return until when an answer asks us to rest, by seconds or a date; None where it does not, or in no words."""
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        seconds = min(int(text), math.ceil(LONGEST_REST.total_seconds()))
        return now + timedelta(seconds=seconds) if seconds else None
    try:
        asked = parsedate_to_datetime(text)
    except (TypeError, ValueError, OverflowError):
        return None
    asked = asked if asked.tzinfo else asked.replace(tzinfo=UTC)
    return min(asked, now + LONGEST_REST) if asked > now else None

"""What the product may report: the types of events, and how each is judged by itself."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from json import dumps
from math import isfinite

from django.utils import timezone

from customers.feeds.cell_types import FIRST_DATE, Key, Value
from customers.inbox.bodies import Json
from customers.models import InboxEvent, Step
from customers.text.quoted import quoted
from customers.text.say import english

ISSUE_RESOLUTION, SUPPORT_REQUEST = "issue_resolution", "support_request"
PR_MERGED, PR_REJECTED = "pr_merged", "pr_rejected"
STEP_PREFIX = "onboarding_step_"
STEP_OF_TYPE = {f"{STEP_PREFIX}{step.value}": step for step in Step}
TYPES = (*STEP_OF_TYPE, ISSUE_RESOLUTION, SUPPORT_REQUEST, PR_MERGED, PR_REJECTED)

CLOCK_TOLERANCE = timedelta(minutes=5)
"""The product's clock may be so far ahead of ours."""
MAX_METADATA = 10_000
"""Characters of an event's metadata, as JSON."""
_MAX_DEPTH = 20
_LAST_YEAR = 9_000
"""Later ones leave no room for a zone."""


def read_event(entry: Json, position: int, received_at: datetime) -> InboxEvent:
    """Return the event that an entry of a body is, not yet saved: waiting, or invalid with every reason.

    An invalid one keeps its valid id, type, customer and time, and no metadata.
    """
    event = InboxEvent(position=position, occurred_at=received_at)
    if not isinstance(entry, dict):
        event.state, event.reason = InboxEvent.State.INVALID, english("row: is not an object")
        return event
    reasons = []
    for name, (field, read) in _READERS.items():
        try:
            setattr(event, field, read(entry.get(name), received_at))
        except ValueError as error:
            reasons.append(f"{name}: {error}")
    if reasons:
        event.state, event.reason, event.metadata = InboxEvent.State.INVALID, "; ".join(reasons), {}
    return event


def _customer(value: Json, received_at: datetime) -> Value:
    return Key().parse(_text(value, "an id"), received_at.date())


def _event_type(value: Json, _received_at: datetime) -> str:
    text = _text(value, english("one of the types"))
    if text not in TYPES:
        raise ValueError(f"{quoted(text)} is not one of {', '.join(TYPES)}")
    return text


def _event_id(value: Json, _received_at: datetime) -> str:
    if value is None:
        return ""
    text = _text(value, english("a text"))
    if not text.isprintable():
        raise ValueError("has a character that cannot be printed")
    if len(text) > InboxEvent.MAX_ID_LENGTH:
        raise ValueError(f"is longer than {InboxEvent.MAX_ID_LENGTH} characters")
    return text


def _occurred_at(value: Json, received_at: datetime) -> datetime:
    if value is None:
        return received_at
    try:
        at = datetime.fromisoformat(_text(value, english("a time")))
    except ValueError:
        raise ValueError("must be a time as 2026-11-29T16:30:00+01:00") from None
    if timezone.is_naive(at):
        raise ValueError("must have a zone, as 2026-11-29T16:30:00+01:00 has")
    if not FIRST_DATE.year <= at.year <= _LAST_YEAR:
        raise ValueError(f"is before {FIRST_DATE.year}" if at.year < FIRST_DATE.year else "is in the future")
    if at > received_at + CLOCK_TOLERANCE:
        raise ValueError("is in the future")
    return at


def _metadata(value: Json, _received_at: datetime) -> dict[str, Json]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ValueError("must be an object")
    check_storable(value)
    if len(dumps(value, ensure_ascii=False)) > MAX_METADATA:
        raise ValueError(f"is longer than {MAX_METADATA:,} characters")
    return value


def _text(value: Json, what: str) -> str:
    if value is None:
        raise ValueError("is required")
    if not isinstance(value, str) or not value:
        raise ValueError(f"must be {what}, in quotes")
    return value


def check_storable(value: Json, depth: int = _MAX_DEPTH) -> None:
    """Refuse what a database does not take: NUL, half of a surrogate pair, infinity, and deep nesting."""
    if not depth:
        raise ValueError(f"is nested more than {_MAX_DEPTH} deep")
    if isinstance(value, dict):
        for name, inner in value.items():
            check_storable(name, depth)
            check_storable(inner, depth - 1)
    elif isinstance(value, list):
        for inner in value:
            check_storable(inner, depth - 1)
    elif isinstance(value, str) and ("\0" in value or (not value.isascii() and _has_surrogate(value))):
        raise ValueError("has a character that cannot be stored")
    elif isinstance(value, float) and not isfinite(value):
        raise ValueError("has a number that is too large")


def _has_surrogate(text: str) -> bool:
    return any("\ud800" <= char <= "\udfff" for char in text)


_READERS: Mapping[str, tuple[str, Callable[[Json, datetime], object]]] = {
    "customer_id": ("customer_key", _customer),
    "event_type": ("event_type", _event_type),
    "event_id": ("event_id", _event_id),
    "occurred_at": ("occurred_at", _occurred_at),
    "metadata": ("metadata", _metadata),
}
"""For each name of JSON the event's field, and how it is read; a reader raises ``ValueError``."""

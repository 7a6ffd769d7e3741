"""One protocol for all that leaves this tool: claim a row, send it, record what came of it.

A row is claimed by an update that succeeds only while nobody else has touched the row, so that two processes never
send the same one. Where a process is killed between sending and recording, nobody can know whether it has left: the
row stays claimed. The next run sends it again, under the same Message-ID; or a person does, where the table is not
``REPEATABLE``. So a kill repeats one mail at most.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from analytics.mail.channels import NotDelivered
from analytics.mail.post import REFUSED, Unreachable
from analytics.models.outgoing.outbox import OutboxEntry
from analytics.wording import one_line
from customers.audit import trail
from customers.text.say import in_english

MAX_REASON_LENGTH = 300


class Result(Enum):
    """What came of sending; of all but the last it is known whether something has left."""

    SENT = "sent"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Outcome:
    """What came of sending, and why in words where it was not sent."""

    result: Result
    reason: str = ""


def claim(entry: OutboxEntry, moment: datetime, **values: object) -> bool:
    """Make a row this process's own, with ``values``; False where another one was quicker."""
    as_read = {"pk": entry.pk, "state": entry.state, entry.CLAIMED_AT: getattr(entry, entry.CLAIMED_AT)}
    claimed = {"state": entry.CLAIMED, entry.CLAIMED_AT: moment, "error": "", **values}
    return _update(entry, type(entry)._default_manager.filter(**as_read), claimed) == 1


def add(entry: OutboxEntry) -> bool:
    """Store a new row, which is claimed by that; False where another process has stored the same."""
    try:
        with transaction.atomic():
            entry.save(force_insert=True)
    except IntegrityError:
        return False
    return True


def reason_of(result: Result, error: BaseException) -> str:
    """Say why something was not sent, in the error's own words, which are stored."""
    with in_english():
        return one_line(str(error), MAX_REASON_LENGTH) or type(error).__name__


def deliver(
    entry: OutboxEntry,
    send: Callable[[], None],
    *,
    audit: Callable[[], object] | None = None,
    words: Callable[[Result, BaseException], str] = reason_of,
    **values: object,
) -> Outcome:
    """Send a claimed row by ``send``, and record what came of it: ``audit`` and ``values`` where it was sent."""
    outcome = Outcome(Result.SENT)
    try:
        send()
    except Unreachable as error:
        outcome = Outcome(Result.UNREACHABLE, words(Result.UNREACHABLE, error.__cause__ or error))
    except (NotDelivered, *REFUSED) as error:
        outcome = Outcome(Result.REFUSED, words(Result.REFUSED, error))
    except OSError as error:  # Every other error of SMTP is one, too.
        outcome = Outcome(Result.UNKNOWN, words(Result.UNKNOWN, error))
    with transaction.atomic():
        if outcome.result != Result.SENT:
            record(entry, outcome)
        else:
            record(entry, outcome, **values)
            if audit:
                audit()
    return outcome


def record(entry: OutboxEntry, outcome: Outcome, **values: object) -> None:
    """Store what became of a claimed row; it stays claimed where nobody knows, unless it may be repeated."""
    state = entry.SENT if outcome.result == Result.SENT else entry.FAILED
    if outcome.result == Result.UNKNOWN and not entry.REPEATABLE:
        state = entry.CLAIMED
    sent_at = timezone.now() if state == entry.SENT else None
    rows = type(entry)._default_manager.filter(pk=entry.pk)
    _update(entry, rows, {"state": state, "sent_at": sent_at, "error": outcome.reason, **values})


def release(entry: OutboxEntry, state: str) -> None:
    """Give a claimed row back unsent, in the state in which it waits."""
    _update(entry, type(entry)._default_manager.filter(pk=entry.pk), {"state": state, entry.CLAIMED_AT: None})


def _update(entry: OutboxEntry, rows: QuerySet[OutboxEntry], values: dict[str, object]) -> int:
    return trail.update_rows(rows, trail.Action.MAIL, detail="", **values) if entry.AUDITED else rows.update(**values)

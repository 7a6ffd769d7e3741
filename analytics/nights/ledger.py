"""The ledger of nights: written while a night runs, and read to tell how the last one went."""

import logging
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from types import FrameType
from typing import Any

from django.conf import settings
from django.db import Error, connection, transaction
from django.db.models import BigIntegerField, CharField, DateTimeField, Field
from django.db.models.expressions import RawSQL
from django.utils import timezone
from django.utils.translation import pgettext_lazy

from analytics.models import Destination, EventKind, Night
from analytics.webhook_events.announce import Told, announce
from analytics.wording import one_line
from customers.core import log_context
from customers.core.sql import table_of
from customers.text.say import Words, english, say

logger = logging.getLogger(__name__)

MAX_MESSAGE_LENGTH = 500
DONE, WARNED, FAILED, SKIPPED = "done", english("done with a warning"), "failed", "skipped"
_RESULTS: dict[str, Words] = {
    DONE: pgettext_lazy("a step", "done"),
    WARNED: pgettext_lazy("a step", "done with a warning"),
    FAILED: pgettext_lazy("a step", "failed"),
    SKIPPED: pgettext_lazy("a step", "skipped"),
}
_NAMES: dict[str, Words] = {
    "ingest": pgettext_lazy("a step", "ingest"),
    "import": pgettext_lazy("a step", "import"),
    "score": pgettext_lazy("a step", "score"),
    "forecast": pgettext_lazy("a step", "forecast"),
    "alerts": pgettext_lazy("a step", "alerts"),
    "playbooks": pgettext_lazy("a step", "playbooks"),
    "export": pgettext_lazy("a step", "export"),
    "reports": pgettext_lazy("a step", "reports"),
    "push": pgettext_lazy("a step", "push"),
    "expire": pgettext_lazy("a step", "expire"),
}
MAY_SEE = "customers.view_importrun"


@dataclass(frozen=True)
class NightStep:
    """A step after the import: its command with options, and the step, or the import, that must be done before."""

    name: str
    command: str
    options: tuple[str, ...] = ()
    after: str = ""
    only_if: Callable[[], bool] | None = None
    """Where it says no, the night has no such step."""


def _is_pushed() -> bool:
    return Destination.objects.filter(enabled=True, nightly=True).exists()


IMPORT, SCORE, ALERTS = "import", "score", "alerts"
STEPS = (
    NightStep(SCORE, "score", after=IMPORT),
    NightStep("forecast", "forecast", ("--backtest-if-due",), after=SCORE),
    # Whatever went wrong before is what somebody must be told of.
    NightStep(ALERTS, "send_alerts"),
    NightStep("playbooks", "playbooks", after=SCORE),
    NightStep("export", "export_metrics", after=SCORE),
    NightStep("reports", "send_reports", after=SCORE),
    NightStep("push", "push", ("--nightly",), after=SCORE, only_if=_is_pushed),
    NightStep("expire", "expire"),
)
"""Everything that a night does after the import, in this order."""


def steps_now() -> list[NightStep]:
    """Return the steps that a night of now has."""
    return [step for step in STEPS if step.only_if is None or step.only_if()]


# --- Writing ------------------------------------------------------------------------------------------------------


class NightLog:
    """A night that runs. What cannot be written of it is logged, and does not end the night."""

    def __init__(self, night: Night) -> None:
        self.night = night
        self._since = time.monotonic()

    def add(self, name: str, result: str, message: str = "") -> None:
        """Note how a step ended; it took the time since the last one was noted."""
        now = time.monotonic()
        seconds, self._since = round(now - self._since, 1), now
        message = one_line(message, MAX_MESSAGE_LENGTH)
        self.night.steps.append({"name": name, "result": result, "seconds": seconds, "message": message})
        self._save()

    def end(self, state: str) -> None:
        """Note how the night ended."""
        self.night.state, self.night.finished_at = state, timezone.now()
        self._save(tell=True)

    def _save(self, *, tell: bool = False) -> None:
        try:
            # After a lost connection the first query fails, and the next one has a new connection.
            if not connection.in_atomic_block:
                connection.close_if_unusable_or_obsolete()
            with transaction.atomic():
                self.night.save(update_fields=["state", "finished_at", "steps"])
                if tell:
                    announce([_ended(self.night)])
        except Error:
            logger.exception("The ledger of night %s could not be written", self.night.pk)


@contextmanager
def night_log(started_by: str) -> Iterator[NightLog]:
    """Note a night from its beginning to its end, whatever ends it.

    The caller holds the lock of nights, so that one that still seems to run was killed; it is marked as interrupted.
    Nights older than ``NIGHT_DAYS`` are removed.
    """
    now = timezone.now()
    for killed in Night.objects.filter(state=Night.State.RUNNING):
        NightLog(killed).end(Night.State.INTERRUPTED)
    if settings.NIGHT_DAYS:
        Night.objects.filter(started_at__lt=now - timedelta(days=settings.NIGHT_DAYS)).delete()
    noted = NightLog(Night.objects.create(started_by=started_by, started_at=now))
    with log_context.about(night=noted.night.pk), _asked_to_stop():
        try:
            yield noted
        except Exception:
            noted.end(Night.State.FAILED)
            raise
        except BaseException:
            noted.end(Night.State.INTERRUPTED)
            raise
        noted.end(_state_of({step["result"] for step in noted.night.steps}))


def _ended(night: Night) -> Told:
    """Return what other tools are told of a night that has ended."""
    done = night.state in {Night.State.DONE, Night.State.WARNED}
    failed = [step["name"] for step in night.steps if step["result"] == FAILED]
    kind = EventKind.NIGHT_FINISHED if done else EventKind.NIGHT_FAILED
    return Told(kind, "running", str(night.state), more={"night": night.pk, "failed_steps": failed})


def _state_of(results: set[str]) -> str:
    if results <= {DONE}:
        return Night.State.DONE
    return Night.State.WARNED if results <= {DONE, WARNED} else Night.State.FAILED


@contextmanager
def _asked_to_stop() -> Iterator[None]:
    """SIGTERM ends the night as Ctrl-C does, so that the ledger says at once that it was interrupted."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, _frame: FrameType | None) -> None:
        sys.exit(128 + number)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


# --- Reading ------------------------------------------------------------------------------------------------------


def step_name(name: str) -> str:
    """Return a step's name in the reader's language; one that no night has any more as it is stored."""
    return str(_NAMES.get(name, name))


def result_name(result: str) -> str:
    """Return how a step ended in the reader's language."""
    return str(_RESULTS.get(result, result))


@dataclass(frozen=True)
class NightProblem:
    """What is wrong with the last night, in words, and the night to look at."""

    text: str
    night: int | None


Row = Mapping[str, Any]  # A row of ``values()``, of which Django knows no types.
_NIGHT = table_of(Night)
_ENDED = f"FROM {_NIGHT} WHERE state <> '{Night.State.RUNNING}' ORDER BY id DESC LIMIT 1"
# As the ORM's own subqueries they take ten times as long to write as to answer.
_COLUMNS: "dict[str, tuple[str, Field[object, object]]]" = {
    "night": (f"SELECT id {_ENDED}", BigIntegerField()),
    "night_state": (f"SELECT state {_ENDED}", CharField()),
    "night_of": (f"SELECT started_at {_ENDED}", DateTimeField()),
    "night_put_right": (f"SELECT put_right_at {_ENDED}", DateTimeField()),
    "night_begun": (f"SELECT started_at FROM {_NIGHT} ORDER BY id DESC LIMIT 1", DateTimeField()),
}
STATUS_COLUMNS = tuple(_COLUMNS)


def status_columns() -> dict[str, RawSQL]:
    """Return columns for any query: the last night that ended, and when the last one began."""
    return {name: RawSQL(sql, (), field) for name, (sql, field) in _COLUMNS.items()}  # noqa: S611 - no value in it


def read_status() -> Row:
    """Read the ``status_columns`` by queries of their own, where there is no other query to join."""
    nights = Night.objects.order_by("-pk")
    ended = nights.exclude(state=Night.State.RUNNING).values_list("pk", "state", "started_at", "put_right_at").first()
    begun = nights.values_list("started_at", flat=True).first()
    return dict(zip(STATUS_COLUMNS, (*(ended or (None,) * 4), begun), strict=True))


_CLOCKS_DIFFER = timedelta(minutes=10)
"""Two machines' clocks may differ by as much, and nothing is wrong."""


def night_problem(found: Row) -> NightProblem | None:
    """Say what is wrong with the last night, given the ``status_columns``; nothing before there was one.

    A night that runs is not judged, so what the one before it did holds until it has ended.
    """
    begun, hours = found["night_begun"], settings.NIGHTLY_HOURS
    if begun and begun - timezone.now() > _CLOCKS_DIFFER:
        text = say(
            "The last nightly run started, by its own record, on {moment}, which is in the future: check the clock.",
            moment=begun,
        )
        return NightProblem(text, found["night"])
    if begun and hours and timezone.now() - begun > timedelta(hours=hours):
        return NightProblem(say("No nightly run has started since {moment}.", moment=begun), found["night"])
    if found["night_put_right"]:
        return None
    if found["night_state"] == Night.State.FAILED:
        return NightProblem(say("The nightly run of {moment} failed.", moment=found["night_of"]), found["night"])
    if found["night_state"] == Night.State.INTERRUPTED:
        text = say("The nightly run of {moment} was interrupted.", moment=found["night_of"])
        return NightProblem(text, found["night"])
    return None

"""The feeds as CSV again, written so that spreadsheets run nothing and our reader gets back what was stored."""

import csv
import hashlib
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from django.db.models import Exists, OuterRef, QuerySet

from customers.core.limits import FETCH_SIZE
from customers.feeds.cell_types import Value, to_cell
from customers.feeds.declarations import EVENTS, FEEDS, Feed
from customers.models import COUNTER_OF_STEP, Engagement, Event, ReportedRow, StepSighting
from customers.text.cells import safe_cell

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

BOM = "\ufeff"
"""By which Excel knows that a CSV is UTF-8; without it, it takes the system's code page."""


@dataclass(frozen=True)
class Written:
    """A file that was written: its data rows and the SHA-256 of its bytes."""

    rows: int
    sha256: str


def write_csv(
    file: IO[bytes], header: Sequence[str], rows: Iterable[Sequence[str]], *, for_people: bool = True
) -> Written:
    """Write a CSV (UTF-8, CRLF, each cell safe for spreadsheets) to a binary file.

    ``for_people`` puts a byte order mark before it; programs that read our archive by its contract get none.
    """
    hashing = _Hashing(file)
    text = io.TextIOWrapper(io.BufferedWriter(hashing), encoding="utf-8", newline="")
    text.write(BOM if for_people else "")
    writer = csv.writer(text)
    writer.writerow(header)
    count = 0
    for row in rows:
        writer.writerow([safe_cell(cell) for cell in row])
        count += 1
    text.flush()
    text.detach()
    return Written(count, hashing.digest.hexdigest())


def feed_rows(feed: Feed) -> Iterator[list[str]]:
    """Yield the rows that files have of a feed as cells, in the order of the keys.

    Steps that only a run dated come as events.
    """
    of_files = {"provisional": False} if issubclass(feed.model, ReportedRow) else {}
    rows = feed.model._default_manager.filter(**of_files).order_by("pk")
    for values in rows.values_list(*feed.column_names).iterator(chunk_size=FETCH_SIZE):
        yield [to_cell(value) for value in values]
    if feed is EVENTS:
        yield from _learnt_events()


def write_feeds(open_file: Callable[[str], AbstractContextManager[IO[bytes]]]) -> dict[str, Written]:
    """Write all five feeds; returns what was written by file name."""
    written = {}
    for feed in FEEDS.values():
        with open_file(feed.file_name) as file:
            written[feed.file_name] = write_csv(file, feed.column_names, feed_rows(feed), for_people=False)
    return written


def _learnt_dates() -> QuerySet[StepSighting]:
    """Return the sightings that date a step, because neither an event nor engagement does."""
    dated = StepSighting.objects.exclude(seen_on=None).exclude(
        Exists(Event.objects.filter(provisional=False, customer=OuterRef("customer"), kind=OuterRef("step")))
    )
    for step, counter in COUNTER_OF_STEP.items():
        rows = Engagement.objects.filter(provisional=False, customer=OuterRef("customer"), **{f"{counter}__gt": 0})
        dated = dated.exclude(Exists(rows), step=step)
    return dated.order_by("customer_id", "step")


def _learnt_events() -> Iterator[list[str]]:
    for sighting in _learnt_dates().iterator(chunk_size=FETCH_SIZE):
        values: dict[str, Value] = {
            "id": _learnt_id(sighting.customer_id, sighting.step),
            "customer_id": sighting.customer_id,
            "date": str(sighting.seen_on),
            "kind": sighting.step,
            "detail": "",
        }
        yield [to_cell(values[name]) for name in EVENTS.column_names]


def _learnt_id(customer_id: str, step: str) -> str:
    """Return an id that is the same on every export. It is a hash: a customer's key may itself be 64 long."""
    return "step-" + hashlib.sha256(f"{customer_id}\n{step}".encode()).hexdigest()[:40]


class _Hashing(io.RawIOBase):
    """Passes bytes on and hashes them."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.digest = hashlib.sha256()

    def writable(self) -> bool:
        return True

    def write(self, data: "ReadableBuffer", /) -> int:
        self.digest.update(data)
        self._file.write(data)
        return memoryview(data).nbytes

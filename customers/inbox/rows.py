"""Rows of a feed that come by the API: read from JSON, loaded at once, and answered one by one."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from customers.feeds.cell_types import to_cell
from customers.feeds.declarations import Feed
from customers.feeds.reader import BLANKS
from customers.imports.load import load_rows
from customers.inbox.bodies import Json
from customers.inbox.events import check_storable
from customers.jobs.lock import job_lock_within
from customers.models import ApiToken, Batch, ImportRun, QuarantinedRow
from customers.text.quoted import quoted
from customers.text.say import english

WAIT_SECONDS = 3
"""So long does a request wait for an import or a scoring to end."""


class BadRows(Exception):
    """Entries that are no rows of the feed: nothing is loaded. ``reasons`` says why, by their places."""

    def __init__(self, reasons: Mapping[int, str]) -> None:
        number = format(len(reasons), ",")
        one = english(f"{number} of the entries is no row of the feed; nothing was loaded.")
        many = english(f"{number} of the entries are no rows of the feed; nothing was loaded.")
        super().__init__(one if len(reasons) == 1 else many)
        self.reasons = reasons


class KeyUsed(Exception):
    """The idempotency key came with other rows before."""


class RowsFailed(Exception):
    """The run could not load the rows; the message says why."""


@dataclass(frozen=True)
class RowsReceipt:
    """A batch of rows whose run has ended; ``again``: it was loaded for an earlier request with the same key."""

    batch: Batch
    again: bool = False


def accept_rows(feed: Feed, entries: Sequence[Json], token: ApiToken, key: str) -> RowsReceipt:
    """Load rows of a feed, which is never taken for all that the feed says; return what was done with each.

    ``key`` is the idempotency key, or ''. Raises ``BadRows``, ``KeyUsed``, ``RowsFailed``, and ``LockHeld`` while an
    import or a scoring runs.
    """
    rows = _cells(feed, entries)
    digest = hashlib.sha256(json.dumps([feed.name, rows]).encode()).hexdigest() if key else ""
    with job_lock_within(WAIT_SECONDS, "import") as lock:
        if key and (batch := Batch.objects.filter(token=token, idempotency_key=key).first()):
            if batch.digest != digest:
                raise KeyUsed(english(f"The Idempotency-Key {quoted(key)} came with other rows before."))
            return RowsReceipt(batch, again=True)
        sender = token.user.get_username()
        # A process that dies behind this leaves rows that are loaded, and a repeated request finds them unchanged.
        run, states = load_rows(
            feed, list(enumerate(rows)), name=english(f"rows by {token.name}"), started_by=sender, lock=lock
        )
        if run.status != ImportRun.Status.LOADED:
            raise RowsFailed(english(f"The rows could not be loaded, as run {run.pk} tells."))
        batch = Batch(token=token, kind=Batch.Kind.ROWS, feed=feed.name, entries=len(rows), idempotency_key=key)
        batch.digest, batch.run, batch.states = digest, run, [states[place] for place in range(len(rows))]
        Batch.objects.bulk_create([batch])
    return RowsReceipt(batch)


def reasons_of(batch: Batch) -> dict[int, list[str]]:
    """Return by its place why each row of a batch came into quarantine, as long as it is known."""
    rows = QuarantinedRow.objects.filter(run=batch.run_id).order_by()
    return dict(rows.values_list("line", "reasons"))


def _cells(feed: Feed, entries: Sequence[Json]) -> list[list[str]]:
    """Return the cells of each row in the order of the feed's columns; raise ``BadRows``."""
    rows: list[list[str]] = []
    bad: dict[int, str] = {}
    for place, entry in enumerate(entries):
        try:
            rows.append(_row(feed, entry))
        except ValueError as error:
            bad[place] = str(error)
    if bad:
        raise BadRows(bad)
    return rows


def _row(feed: Feed, entry: Json) -> list[str]:
    """Return the cells of a row; raise ``ValueError`` where it has not exactly the feed's columns, or no cells."""
    if not isinstance(entry, dict):
        raise ValueError("row: is not an object")
    names = feed.column_names
    if missing := [name for name in names if name not in entry]:
        raise ValueError(f"row: is missing {', '.join(missing)}")
    if unknown := sorted(entry.keys() - set(names)):
        raise ValueError(f"row: has columns that the feed does not know: {', '.join(map(quoted, unknown[:10]))}")
    cells = []
    for name in names:
        value = entry[name]
        if isinstance(value, dict | list):
            raise ValueError(f"{name}: must be a text, a number, true, false or null")
        try:
            check_storable(value)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
        cells.append(to_cell(value).strip(BLANKS))
    return cells

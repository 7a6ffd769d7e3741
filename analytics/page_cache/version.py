"""The version of the state that pages show: every change of it writes an entry of the audit."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db.models.expressions import RawSQL

from customers.core.sql import table_of
from customers.models import AuditEntry, KeyChange

Action = AuditEntry.Action
UNCHANGING = tuple(map(str, (Action.LOGIN, Action.LOGOUT, Action.LOGIN_FAILED, Action.EXPORT)))
"""What is done without changing anything that a page shows."""
OF_DATA = tuple(map(str, (Action.IMPORT, Action.REPLAY, Action.UNDO, Action.FIX, Action.COMMAND, Action.ERASE)))
"""What changes customers, their rows, runs and scores; so does a decision about a changed key."""
RECENT = 100
"""Transactions may be committed in another order than their entries were numbered, but not as far apart as this."""
MAX_EDITS = 1_000
"""After more entries without a change of the data, the data have only the version of the state."""


@dataclass(frozen=True)
class DataVersion:
    """The version of what imports and scorings make: edits by people leave it as it is.

    Its moment is there for the same reason as that of ``StateVersion``.
    """

    newest: int
    at: str
    recent: int


@dataclass(frozen=True)
class StateVersion:
    """The version of all that pages show: the newest entry, its moment, and how many are recent.

    A restored backup numbers its next entry as one that is gone was numbered; hence the time.
    """

    newest: int
    at: str
    recent: int
    data: DataVersion = field(compare=False, repr=False)


_AUDIT = table_of(AuditEntry)
_CHANGES = f"FROM {_AUDIT} WHERE action NOT IN ({', '.join(['%s'] * len(UNCHANGING))})"
_NEWEST = f"(SELECT MAX(id) {_CHANGES})"
_OF_DATA = (
    f"FROM {_AUDIT} WHERE id > (SELECT MAX(id) FROM {_AUDIT}) - {MAX_EDITS}"
    f" AND (action IN ({', '.join(['%s'] * len(OF_DATA))}) OR model = '{KeyChange._meta.label_lower}')"
)
# As the ORM's own subqueries they take ten times as long to write as to answer.
_COLUMNS: dict[str, tuple[str, tuple[str, ...]]] = {
    "version": (_NEWEST, UNCHANGING),
    "version_at": (f'(SELECT "at" FROM {_AUDIT} WHERE id = {_NEWEST})', UNCHANGING),
    "version_recent": (f"(SELECT COUNT(*) {_CHANGES} AND id > {_NEWEST} - {RECENT})", (*UNCHANGING, *UNCHANGING)),
    # One text, because to look for these entries takes longer than the rest.
    "version_data": (f"(SELECT MAX(id) || ' ' || COUNT(*) || ' ' || MAX(\"at\") {_OF_DATA})", OF_DATA),
}


def version_columns() -> dict[str, RawSQL]:
    """Return the version as columns of a query, whatever it is about; ``version_of`` reads them."""
    return {name: RawSQL(f"SELECT {sql}", parameters) for name, (sql, parameters) in _COLUMNS.items()}  # noqa: S611


def version_of(row: Mapping[str, Any]) -> StateVersion:
    """Return the version that a row with the ``version_columns`` says."""
    newest, at = row["version"] or 0, str(row["version_at"])
    data = DataVersion(newest, at, 0)
    if row["version_data"]:
        newest_of_data, recent, at_of_data = row["version_data"].split(" ", 2)
        data = DataVersion(int(newest_of_data), at_of_data, int(recent))
    return StateVersion(newest, at, row["version_recent"], data)

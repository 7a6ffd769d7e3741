"""The state of the program: a name for it, and what is kept as long as it has this name."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from django.contrib.admin.models import LogEntry
from django.core.cache import caches
from django.db.models.expressions import RawSQL

from analytics.models import PortfolioDay
from customers.core.sql import table_of
from customers.models import CustomerCare, Erasure, ImportRun, KeyChange, QuarantinedRow

KEPT_SECONDS = 1800
"""How long a value is kept that nothing renews; one that is made of another kept one may be twice as old."""
LONGEST = 1_000
"""A longer name is somebody's own address, whose value would be large and of use to nobody else."""
NEWEST_EDITS = 100
"""Two people's edits may be committed in another order than they were numbered, but not as far apart as this."""

_RUNS, _CARE, _EDITS = table_of(ImportRun), table_of(CustomerCare), table_of(LogEntry)


def _one(what: str, *parameters: str) -> RawSQL:
    return RawSQL(f"SELECT {what}", parameters)  # noqa: S611 - values are parameters


# As the ORM's own subqueries they take ten times as long to write as to answer.
FACTS = {
    "quarantined": _one(f"COUNT(*) FROM {table_of(QuarantinedRow)} WHERE status = %s", QuarantinedRow.Status.OPEN),
    "scored": _one(f"MAX(scored_at) FROM {table_of(PortfolioDay)}"),
    "dates": _one(f"COUNT(*) FROM {table_of(PortfolioDay)}"),
    "run": _one(f"MAX(id) FROM {_RUNS}"),
    "ended": _one(f"MAX(finished_at) FROM {_RUNS}"),
    "running": _one(f"COUNT(*) FROM {_RUNS} WHERE status = %s", ImportRun.Status.RUNNING),
    "edited": _one(f"MAX(id) FROM {_EDITS}"),
    "edits": _one(f"COUNT(*) FROM {_EDITS} WHERE id > (SELECT MAX(id) FROM {_EDITS}) - {NEWEST_EDITS}"),
    "erased": _one(f"MAX(id) FROM {table_of(Erasure)}"),
    "joined": _one(f"MAX(decided_at) FROM {table_of(KeyChange)}"),
    "in_care": _one(f"COUNT(owner_id) FROM {_CARE}"),
    "owners": _one(f"SUM(owner_id) FROM {_CARE}"),
}
"""What a state is made of, as columns for a query, whatever it is about."""
_OF_DATA = ("scored", "dates", "run", "ended", "running", "erased", "joined")
"""Those of them that edits do not change."""

_on_shelf: dict[str, str] = {}
"""By cache the name of the state whose values it has."""
Kept = TypeVar("Kept")


@dataclass(frozen=True)
class Program:
    """The state of the program whoever asks: its ``name``, that of its data, and how many rows wait in quarantine.

    The name changes with a scoring, an import (an undo or a replay is one too), an edit in the admin, an erasure, and
    with who looks after whom, whoever changed that. It does not see what is changed past the commands and the pages,
    other than owners; nor owners whose keys add up to the same.
    """

    name: str
    data: str
    quarantined: int

    def kept(self, what: str, make: Callable[[], Kept], *, data_alone: bool = False) -> Kept:
        """What ``make`` gives; as long as the program is in this state, ``what`` names all that it depends on.

        What comes of imports and scorings with nothing that anybody edits (``data_alone``) is kept through edits. What
        was kept of another state goes with the first question about this one.
        """
        if len(what) > LONGEST:
            return make()
        shelf, name = ("data", self.data) if data_alone else ("program", self.name)
        if _on_shelf.get(shelf) != name:
            caches[shelf].clear()
            _on_shelf[shelf] = name
        return caches[shelf].get_or_set(digest((what, name)), make, KEPT_SECONDS)


def program(found: dict[str, Any]) -> Program:
    """The state of the program, given the ``FACTS``."""
    name, data = (digest([found[each] for each in facts]) for facts in (FACTS, _OF_DATA))
    return Program(name, data, found["quarantined"])


def digest(what: Any) -> str:
    """A short name for a value."""
    return hashlib.sha256(repr(what).encode()).hexdigest()[:32]

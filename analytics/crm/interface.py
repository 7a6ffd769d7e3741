"""What an adapter of a CRM does for a push, and what it answers."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from customers.text.say import english


@dataclass(frozen=True)
class CrmRow:
    """A customer to be pushed: the match key's value, our id, and the text of each field there ('' empties it)."""

    key: str
    customer: str
    values: Mapping[str, str]


class RowOutcome(Enum):
    """What became of a row; of one that is ``UNKNOWN`` nobody knows, so it is sent again."""

    CREATED = "created"
    UPDATED = "updated"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class RowResult:
    """A row's outcome; ``words`` are the CRM's own, where it refused the row."""

    key: str
    outcome: RowOutcome
    words: str = ""


class CrmUnavailable(Exception):
    """Nothing more can be sent now; the message says why, and what to do."""


class CrmAtWork(CrmUnavailable):
    """The CRM is still at work on what it has; asked later, it says what came of it."""


def refuse_foreign(prefix: str, names: Iterable[str]) -> None:
    """Raise ``CrmUnavailable`` where a field is not ours; whoever makes a request or writes a file asks."""
    if foreign := sorted(name for name in names if not name.startswith(prefix)):
        raise CrmUnavailable(english(f"Not sent: {', '.join(foreign)} does not begin with {prefix}."))


class JobState(Protocol):
    """What an adapter keeps of a job at the CRM with the push, for the next process after a kill."""

    def read(self) -> Mapping[str, object]:
        """Return what was saved last; nothing where a push begins."""
        ...

    def save(self, state: Mapping[str, object]) -> None:
        """Store the state at once."""
        ...


class Crm(Protocol):
    """A CRM. Every call may raise ``CrmUnavailable``."""

    @property
    def record_every(self) -> int | None:
        """Return how many results are recorded at once; None: all of them when the last one is there."""
        ...

    def check(self) -> list[str]:
        """Return what is wrong with credentials, match key or fields, in words; nothing where all is well."""
        ...

    def read(self, keys: Iterable[str], fields: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
        """Return what the CRM has in these fields, by the keys that it knows."""
        ...

    def push(self, rows: Iterable[CrmRow], state: JobState) -> Iterator[RowResult]:
        """Write the rows where their keys are, or as new ones, and yield each result as soon as it is known.

        After a kill the rows without a result come first, and ``state`` is what was saved.
        """
        ...

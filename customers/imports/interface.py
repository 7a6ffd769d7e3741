"""What an import is given and what it gives back: the options, and an outcome for each feed."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TypedDict

from customers.jobs.progress import Progress
from customers.models import ImportRun
from customers.text.say import english

COUNTS = ("rows", "created", "updated", "unchanged", "quarantined", "retried", "missing", "returned")
"""The counts of a run that an outcome repeats."""


class RowProblems(TypedDict):
    """A quarantined row: its line, and every reason against it."""

    line: int
    reasons: list[str]


@dataclass(frozen=True)
class Options:
    """How to load; ``force`` lets the guardrails pass, ``strict`` refuses a feed with any quarantined row.

    ``corrections``: the file may be a download of quarantined rows, which then is not all that the feed says.
    ``bounded``: even by ``force`` no more than ``MAX_QUARANTINED`` rows come into quarantine.
    ``allow_misread`` loads text that is the old text misread; ``force`` does so, too.
    """

    started_by: str
    strict: bool = False
    force: bool = False
    corrections: bool = False
    bounded: bool = False
    allow_misread: bool = False
    progress: Callable[[Path], Progress] | None = None

    @property
    def accepts_misread(self) -> bool:
        """Return whether text is loaded that looks misread."""
        return self.force or self.allow_misread


@dataclass
class Outcome:
    """What became of one feed, as ``import_csvs --json`` prints it; the counts are 0 unless it was loaded.

    ``not_archived`` says what kept the file out of the archive.
    """

    feed: str
    file: str
    sha256: str | None = None
    status: str = ImportRun.Status.LOADED.value
    rows: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    quarantined: int = 0
    retried: int = 0
    warnings: list[str] = field(default_factory=list)
    reason: str | None = None
    run: int | None = None
    problems: list[RowProblems] = field(default_factory=list)
    missing: int = 0
    returned: int = 0
    key_changes: list[dict[str, str]] = field(default_factory=list)
    not_archived: str | None = None

    @property
    def loaded(self) -> bool:
        """Return whether the feed's rows are in the database."""
        return self.status == ImportRun.Status.LOADED

    def as_dict(self) -> dict[str, object]:
        """Return the outcome as plain values; ``not_archived`` is among the warnings."""
        values = asdict(self)
        del values["not_archived"]
        return values


def details(run: ImportRun) -> str:
    """Return what became of a run, for the audit."""
    counts = ", ".join(f"{getattr(run, name)} {name}" for name in COUNTS)
    parts = [f"{run.get_feed_display()}: {run.get_status_display()}", counts]
    parts += [f"SHA-256 {run.sha256}"] if run.sha256 else []
    parts += [english(f"guardrails forced by {run.forced_by}")] if run.forced_by else []
    parts += [run.reason] if run.reason else []
    return "\n".join(parts)

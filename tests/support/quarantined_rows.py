"""Loads rows that end in quarantine, and tells why they do."""

from pathlib import Path
from typing import Any

from customers.imports.fixes import cells_to_fix, fix
from customers.models import QuarantinedRow
from tests.factories import csv_row, write_feed, write_feeds
from tests.support.loading import HEADER, customer_row, load, states, write_bytes

UNKNOWN = "customer_id: there is no customer c9"


def engagement_row(key: str, customer: str = "c1", **overrides: str) -> dict[str, str]:
    """A row of engagement, by default of c1, as its feed has it."""
    return csv_row("engagement", id=key, customer_id=customer, **overrides)


def load_engagement(folder: Path, *rows: dict[str, str], **options: Any) -> Any:
    """Load these rows for the one customer c1."""
    return load(write_feeds(folder, customers=[customer_row(1)], engagement=rows), **options)["engagement"]


def reasons(outcome: Any) -> dict[int, list[str]]:
    """Why each line was not loaded."""
    return {problem["line"]: problem["reasons"] for problem in outcome.problems}


def waiting() -> dict[str, str]:
    """The status of each quarantined row, by key."""
    return dict(QuarantinedRow.objects.order_by("pk").values_list("key", "status"))


def bad_customer(folder: Path, **overrides: str) -> QuarantinedRow:
    """c1 is loaded; c2 is in quarantine, by default for its email."""
    write_feed(folder, "customers", [customer_row(1), customer_row(2, **{"email": "nowhere", **overrides})])
    assert states(load(folder, "customers")["customers"]) == (1, 0, 0, 1)
    return QuarantinedRow.objects.get()


def load_engagement_lines(folder: Path, *lines: str) -> Any:
    """Load an engagement file of these lines."""
    write_bytes(folder, "engagement.csv", "".join(f"{line}\n" for line in (HEADER, *lines)).encode())
    return load(folder, "engagement")["engagement"]


def fixed(row: QuarantinedRow, **cells: str) -> None:
    """Fix some cells of a row, without a replay."""
    names = list(csv_row(row.feed))
    fix(row, [cells.get(name, cell) for name, cell in zip(names, cells_to_fix(row), strict=True)], "mary")

"""Downloads quarantined rows, and corrects them."""

import csv
import io
from pathlib import Path
from typing import Any

from django.test import Client

from tests.factories import write_feed
from tests.support.loading import HEADER, customer_row, load

QUARANTINE = "/admin/customers/quarantinedrow/"


def bad(number: int, **overrides: str) -> dict[str, str]:
    """A customer without a valid email address."""
    return customer_row(number, **overrides) | {"email": "nowhere"}


def night(folder: Path, *rows: dict[str, str]) -> Any:
    """Tonight's customers."""
    write_feed(folder, "customers", rows)
    return load(folder, "customers", force=True)["customers"]


def download(client: Client, feed: str = "customers") -> list[list[str]]:
    """The download of open rows, as a spreadsheet shows it."""
    return list(
        csv.reader(io.StringIO(client.get(f"{QUARANTINE}download/{feed}/").content.decode("utf-8-sig"), newline=""))
    )


def as_csv(rows: list[list[str]]) -> bytes:
    """The rows as a file."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def with_email(rows: list[list[str]], text: str = "mended@example.com") -> list[list[str]]:
    """The rows corrected."""
    return [[text if cell == "nowhere" else cell for cell in row] for row in rows]


def bad_lines(folder: Path, *lines: str) -> Any:
    """Load engagement of these lines, whatever is bad."""
    (folder / "engagement.csv").write_text("\n".join([HEADER, *lines, ""]), newline="")
    return load(folder, "engagement", force=True)["engagement"]

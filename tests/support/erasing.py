"""A customer to erase, among others, and where something of it is still to be found."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote_plus

from django.db import connection
from pytest_django.fixtures import Settings

from customers.models import ImportRun
from tests.factories import csv_row
from tests.support.loading import load, write_bytes

KEY, NAME, MAIL = "gone-77", "Vanishing Ünion, Ltd", "someone@vanishing.example"
ONE = f"a1,c1,2025-05-01,1,0,0,0,0\na2,{KEY},2025-05-01,1,0,0,0,0\n"
NEEDLES = (KEY, NAME, "Vanishing", MAIL, "vanishing.example")
THEIRS = {
    "customers": [csv_row("customers", id=KEY, organization=NAME, email=MAIL, github_username="vanishing-dev")],
    "onboarding": [csv_row("onboarding", id="o1", customer_id=KEY, notes='asked by "Vanishing",\nthen again')],
    "engagement": [csv_row("engagement", id=f"e{n}", customer_id=KEY, date=f"2025-05-0{n}") for n in range(1, 6)],
    "feedback": [csv_row("feedback", id="f1", customer_id=KEY, comment="Vanishing Ünion, Ltd is\r\nhappy")],
    "events": [csv_row("events", id="v1", customer_id=KEY)],
}
OTHERS = {
    "customers": [csv_row("customers", id=f"c{n}", organization=f"Other {n}") for n in range(1, 31)],
    "onboarding": [csv_row("onboarding", id=f"oo{n}", customer_id=f"c{n}") for n in range(1, 31)],
    "engagement": [csv_row("engagement", id=f"ee{n}", customer_id=f"c{n}") for n in range(1, 31)],
    "feedback": [csv_row("feedback", id="ff1", customer_id="c1", comment="two\nlines")],
    "events": [csv_row("events", id="vv1", customer_id="c1")],
}


def texts() -> Iterator[tuple[str, str]]:
    """Everything that stands in the database, by table, read by plain SQL."""
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names():
            cursor.execute(f'SELECT * FROM "{table}"')
            for row in cursor.fetchall():
                yield table, "\n".join(str(value) for value in row) + json.dumps(row, default=str)


def contents(folder: Path) -> Iterator[tuple[str, bytes]]:
    """All files below a folder, unpacked."""
    for path in folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            while content[:2] == b"\x1f\x8b":
                content = gzip.decompress(content)
            yield str(path), content + path.name.encode()


def traces(settings: Settings) -> set[str]:
    """Where something of the customer is still to be found."""
    escaped = [json.dumps(needle)[1:-1] for needle in NEEDLES] + [quote_plus(needle) for needle in NEEDLES]
    found = {table for table, text in texts() if any(needle in text for needle in (*NEEDLES, *escaped))}
    for folder in (settings.ARCHIVE_DIR, settings.UPLOAD_DIR):
        found |= {name for name, content in contents(folder) if any(needle.encode() in content for needle in NEEDLES)}
    return found


def night(folder: Path, content: str) -> ImportRun:
    """Load engagement of this content; returns its run."""
    write_bytes(folder, "engagement.csv", content.encode())
    outcome = load(folder, "engagement")["engagement"]
    assert outcome.loaded
    return ImportRun.objects.latest("pk")

"""The pages of a run, and runs to show there."""

from pathlib import Path

from customers.models import ImportRun
from tests.factories import csv_row, write_feed
from tests.support.loading import load

HOSTILE = '<script>alert("x")</script>\u202e'
ESCAPED = "&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;"


def page_of(run: ImportRun | int) -> str:
    """The address of a run's page."""
    return f"/admin/customers/importrun/{run.pk if isinstance(run, ImportRun) else run}/change/"


def file_of(run: ImportRun) -> str:
    """The address of a run's file."""
    return f"/admin/customers/importrun/{run.pk}/file/"


def two_nights(folder: Path) -> tuple[ImportRun, ImportRun]:
    """Two runs of the customers: c1 and c2 are created; then c1 changes, c3 comes, and a row is bad."""
    first = [csv_row("customers", id="c1"), csv_row("customers", id="c2")]
    write_feed(folder, "customers", first)
    load(folder, "customers")
    second = [
        csv_row("customers", id="c1", cohort="Beta", team_size=""),
        csv_row("customers", id="c2"),
        csv_row("customers", id="c3"),
        csv_row("customers", id="c4", email="nowhere"),
    ]
    write_feed(folder, "customers", second)
    load(folder, "customers")
    newest, oldest = ImportRun.objects.all()
    return oldest, newest

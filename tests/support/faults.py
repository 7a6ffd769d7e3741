"""Feeds for imports that end half-way, and all that such an import leaves."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from customers.core.sql import fetch, is_postgres
from customers.feeds.declarations import FEEDS
from customers.imports.folder import import_folder
from customers.imports.interface import Options, Outcome
from customers.models import QuarantinedRow, RowChange, StepSighting
from tests.factories import csv_row, write_feeds

CHANGED = "the file changed while it was read; import it again once it is complete"
MANY = 20_000
NAMES = list(FEEDS)


def feed_state(name: str) -> dict[str, list[dict[str, Any]]]:
    """All that a feed's run writes, with the numbers of the runs."""
    model = FEEDS[name].model
    quarantine = QuarantinedRow.objects.filter(feed=name).order_by("run", "line")
    state = {
        "rows": list(model.objects.order_by("pk").values()),
        "quarantine": [{**row, "id": None} for row in quarantine.values()],
        "journal": [
            {**row, "id": None}
            for row in RowChange.objects.filter(model=model._meta.model_name).order_by("run", "key").values()
        ],
    }
    if name == "onboarding":
        sightings = StepSighting.objects.order_by("customer", "step")
        state["sightings"] = list(sightings.values("customer", "step", "at_first_import", "run"))
    return state


def structure() -> list[tuple[Any, ...]]:
    """Every table, index and constraint; on PostgreSQL temporary tables too, of whatever session."""
    if not is_postgres():
        assert fetch("PRAGMA integrity_check") == [("ok",)]
        assert fetch("PRAGMA foreign_key_check") == []
        return fetch("SELECT type, name, sql FROM sqlite_master ORDER BY 1, 2")
    return fetch(
        """
        SELECT relkind::text, relname::text, relpersistence::text FROM pg_class
        WHERE relnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
          AND relnamespace <> 'pg_toast'::regnamespace
        UNION ALL SELECT conrelid::regclass::text, pg_get_constraintdef(oid), convalidated::text FROM pg_constraint
        WHERE conrelid <> 0
        UNION ALL SELECT tablename::text, indexdef, '' FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1, 2, 3"""
    )


def small_feeds(folder: Path, engagement: int = MANY, **feeds: Any) -> Path:
    """Two customers, and enough engagement to be read in several blocks."""
    rows = [csv_row("engagement", id=f"e{n}", customer_id="c1") for n in range(engagement)]
    customers = [csv_row("customers", id=key) for key in ("c1", "c2")]
    return write_feeds(folder, customers=customers, engagement=rows, **feeds)


def statuses(outcomes: Sequence[Outcome]) -> list[str]:
    """How each feed ended."""
    return [outcome.status for outcome in outcomes]


def run_import(folder: Path, **options: Any) -> list[Outcome]:
    """Import a folder, as the command does."""
    return import_folder(folder, None, Options(started_by="test", **options))

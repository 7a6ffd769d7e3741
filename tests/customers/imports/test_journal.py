"""The journal of a run has each row as it was and as it became, however often the run has changed it."""

import json
from pathlib import Path
from typing import Any

import pytest

from customers.core.sql import fetch, is_postgres, table_of
from customers.imports import journal
from customers.imports.journal import row_json
from customers.models import Engagement, ImportRun, RowChange
from tests.factories import make_customer
from tests.support.loading import load, write_bytes

pytestmark = pytest.mark.django_db

HEADER = "id,customer_id,date,issues_tagged,prs_generated,prs_merged,prs_rejected,support_requests"


@pytest.fixture
def completed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many entries had to be written again at the end of each run."""
    numbers: list[int] = []
    execute = journal.execute

    def counted(sql: str, *parameters: Any) -> int:
        number = execute(sql, *parameters)
        numbers.extend([number] if "UPDATE" in sql.split("SET")[0] and "INSERT" not in sql else [])
        return number

    monkeypatch.setattr(journal, "execute", counted)
    make_customer(id="c1")
    return numbers


def night(folder: Path, *rows: str) -> ImportRun:
    write_bytes(folder, "engagement.csv", "\n".join([HEADER, *rows, ""]).encode())
    assert load(folder, "engagement", force=True)["engagement"].loaded
    return ImportRun.objects.latest("pk")


def images(run: ImportRun) -> dict[str, tuple[Any, Any]]:
    return {key: (before, after) for key, before, after in run.changes.values_list("key", "before", "after")}


def now(key: str) -> Any:
    found = fetch(f"SELECT {row_json(Engagement)} FROM {table_of(Engagement)} t WHERE id = %s", [key])[0][0]
    return json.loads(found) if isinstance(found, str) else found


def test_what_a_row_becomes_is_noted_as_it_is_changed(tmp_path: Path, completed: list[int]) -> None:
    night(tmp_path, "e1,c1,2025-05-01,1,0,0,0,0", "e2,c1,2025-05-01,1,0,0,0,0")
    before = now("e1")
    run = night(tmp_path, "e1,c1,2025-05-02,7,,3,0,0", "e2,c1,2025-05-01,1,0,0,0,0", "e3,c1,2025-05-01,1,0,0,0,0")
    assert images(run) == {"e1": (before, now("e1"))}
    assert (before["issues_tagged"], now("e1")["issues_tagged"], now("e1")["run_id"]) == (1, 7, run.pk)
    assert completed[-1] == (0 if is_postgres() else 1)


def test_of_a_row_that_is_changed_twice_the_last_counts(tmp_path: Path, completed: list[int]) -> None:
    """Out of quarantine first, and then by the file of the same run."""
    night(tmp_path, "e1,c2,2025-05-01,1,0,0,0,0")
    make_customer(id="c2")
    run = night(tmp_path, "e1,c2,2025-05-01,9,0,0,0,0")
    assert images(run) == {"e1": (None, now("e1"))}
    assert now("e1")["issues_tagged"] == 9


def test_what_comes_after_a_noted_change_is_completed(tmp_path: Path, completed: list[int]) -> None:
    night(tmp_path, "e1,c1,2025-05-01,1,0,0,0,0")
    before = now("e1")
    run = night(tmp_path, "e1,c1,2025-05-01,2,0,0,0,0")
    journal.save_before(run, Engagement, "t.id = 'e1'")
    Engagement.objects.update(issues_tagged=3)
    assert images(run) == {"e1": (before, None)}
    journal.save_after(run, Engagement)
    assert images(run) == {"e1": (before, now("e1"))}
    assert now("e1")["issues_tagged"] == 3
    assert RowChange.objects.count() == 1

"""Import runs with the rows that were not loaded, and paging by their example."""

from datetime import UTC, date, datetime

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from customers.models import ImportRun, QuarantinedRow
from tests.factories import make_day, make_run
from tests.support.api import get, refused, walk
from tests.support.tokens import make_token, token_client

pytestmark = pytest.mark.django_db

D = date(2025, 5, 10)


@pytest.fixture
def client() -> Client:
    return token_client(make_token())


def test_a_run(client: Client) -> None:
    run = make_run(feed="engagement", file="engagement.csv", rows=7, created=4, quarantined=3, warnings=["Old."])
    told = get(client, f"runs/{run.pk}")
    assert told == get(client, "runs")["results"][0]
    assert told | {"started_at": ""} == {
        "id": run.pk,
        "feed": "engagement",
        "scope": "whole",
        "file": "engagement.csv",
        "sha256": "",
        "size": 0,
        "status": "loaded",
        "reason": "",
        "rows": 7,
        "created": 4,
        "updated": 0,
        "unchanged": 0,
        "quarantined": 3,
        "retried": 0,
        "deleted": 0,
        "missing": 0,
        "returned": 0,
        "warnings": ["Old."],
        "started_by": "test",
        "started_at": "",
        "finished_at": None,
        "undoes": None,
        "undone_by": None,
    }


def test_pages_without_doubles_while_rows_come(client: Client) -> None:
    runs = [make_run().pk for _ in range(5)]
    first = get(client, "runs", per_page=2)
    newer = make_run().pk
    second = get(client, first["next"])
    third = get(client, second["next"])
    found = [[row["id"] for row in page["results"]] for page in (first, second, third)]
    assert found == [[runs[4], runs[3]], [runs[2], runs[1]], [runs[0]]]
    assert third["next"] is None
    assert get(client, "runs")["results"][0]["id"] == newer


def test_a_page_has_a_hundred_rows_unless_it_is_asked_for_more(client: Client) -> None:
    for _ in range(101):
        make_run()
    assert len(get(client, "runs")["results"]) == 100
    assert len(get(client, "runs", per_page=1_000)["results"]) == 101


@pytest.mark.parametrize("cursor", ["x", "", "cD0x", "WzFd:1xXi8d:AAAA", "1", "null", "a:b:c", "ä"])
def test_a_cursor_of_somebodys_own_making(client: Client, cursor: str) -> None:
    make_run()
    said = refused(client.get("/api/v1/runs", {"cursor": cursor}))
    assert said["#/cursor"].startswith("Not a cursor of this address")


def test_runs_of_a_feed_with_a_status_up_to_a_date(client: Client) -> None:
    make_day(date=D)
    old = make_run(feed="customers", started_at=datetime(2025, 5, 10, 23, 59, tzinfo=UTC)).pk
    new = make_run(feed="engagement", status="refused", started_at=datetime(2025, 5, 11, tzinfo=UTC)).pk

    def keys(**asked: object) -> list[int]:
        return [row["id"] for row in walk(client, "runs", **asked)]

    assert keys() == [new, old]
    assert keys(feed="customers") == keys(status="loaded") == keys(as_of=D) == [old]
    assert keys(feed="customers", status="refused") == []
    assert refused(client.get("/api/v1/runs?feed=x")) == {
        "#/feed": "Allowed: customers, onboarding, engagement, feedback, events."
    }
    assert refused(client.get("/api/v1/runs?status=x"))["#/status"].startswith("Allowed: running, loaded, ")


def test_the_rows_that_were_not_loaded(client: Client) -> None:
    run, other = make_run(quarantined=3), make_run()
    rows = [
        QuarantinedRow.objects.create(
            run=run, feed="customers", line=line, raw=f"c{line},<b>", reasons=["id: is required, but blank"]
        )
        for line in (7, 3, 5)
    ]
    QuarantinedRow.objects.create(run=other, feed="customers", line=1, raw="x", reasons=["x"])
    QuarantinedRow.objects.filter(pk=rows[0].pk).update(status="loaded", resolved_by=other)
    path = f"runs/{run.pk}/quarantined"
    told = list(walk(client, path, per_page=1))
    assert [row["line"] for row in told] == [3, 5, 7]
    assert told[2] == {
        "id": rows[0].pk,
        "feed": "customers",
        "line": 7,
        "raw": "c7,<b>",
        "reasons": ["id: is required, but blank"],
        "waits_for_customer": False,
        "status": "loaded",
        "resolved_by": other.pk,
    }
    assert [row["line"] for row in walk(client, path, status="open")] == [3, 5]
    assert client.get("/api/v1/runs/1000000/quarantined").status_code == 404
    assert client.get("/api/v1/runs/9999999999999999999999/quarantined").status_code == 404


def test_queries_do_not_grow_with_rows(client: Client) -> None:
    counts = []
    for _ in range(2):
        for line in range(3):
            run = make_run(undoes=make_run())
            QuarantinedRow.objects.create(run=ImportRun.objects.first(), feed="customers", line=line, reasons=["x"])
        for path in ("runs", f"runs/{run.pk}/quarantined"):
            with CaptureQueriesContext(connection) as queries:
                get(client, path)
            counts.append(len(queries))
    assert counts[:2] == counts[2:]
    assert max(counts) <= 11

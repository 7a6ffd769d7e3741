"""Lists page by page, by the example of runs."""

from base64 import b64encode
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.factories import make_run
from tests.support.tokens import make_token, token_client

pytestmark = pytest.mark.django_db

RUNS = "/api/v1/runs"


def test_a_row() -> None:
    run = make_run(feed="engagement", file="engagement.csv", rows=7, created=4, quarantined=3)
    client = token_client(make_token())
    told = client.get(f"{RUNS}/{run.pk}").json()
    assert told == client.get(RUNS).json()["results"][0]
    assert {name: told[name] for name in ("id", "feed", "file", "status", "rows", "created", "quarantined")} == {
        "id": run.pk,
        "feed": "engagement",
        "file": "engagement.csv",
        "status": "loaded",
        "rows": 7,
        "created": 4,
        "quarantined": 3,
    }


def test_pages_forth_and_back_without_doubles_while_rows_come() -> None:
    runs = [make_run().pk for _ in range(5)]
    client = token_client(make_token())
    first = client.get(f"{RUNS}?page_size=2").json()
    newer = make_run().pk
    second = client.get(first["next"]).json()
    third = client.get(second["next"]).json()
    found = [[row["id"] for row in page["results"]] for page in (first, second, third)]
    assert found == [[runs[4], runs[3]], [runs[2], runs[1]], [runs[0]]]
    assert (first["previous"], third["next"]) == (None, None)
    assert [row["id"] for row in client.get(second["previous"]).json()["results"]] == [runs[4], runs[3]]
    assert client.get(RUNS).json()["results"][0]["id"] == newer


def test_a_page_has_a_hundred_rows_and_at_most_five_hundred() -> None:
    for _ in range(101):
        make_run()
    client = token_client(make_token())
    assert len(client.get(RUNS).json()["results"]) == 100
    assert len(client.get(f"{RUNS}?page_size=9999").json()["results"]) == 101


@pytest.mark.parametrize("cursor", ["x", "", "p=abc", "p=99999999999999999999999", "p=\0", "o=-1", "r=1&p=1e5"])
def test_a_cursor_of_somebodys_own_making(cursor: str) -> None:
    make_run()
    made = b64encode(cursor.encode()).decode()
    response = token_client(make_token()).get(f"{RUNS}?{urlencode({'cursor': made})}")
    assert response.status_code in {200, 400}
    assert response.status_code == 200 or "cursor" in response.json()["detail"]


def test_queries_do_not_grow_with_rows() -> None:
    client = token_client(make_token())
    counts = []
    for _ in range(2):
        for _ in range(3):
            make_run(undoes=make_run())
        with CaptureQueriesContext(connection) as queries:
            client.get(RUNS)
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_the_schema_describes_what_is_answered() -> None:
    told = token_client(make_token()).get("/api/schema/", headers={"Accept": "application/json"}).json()
    assert told["openapi"].startswith("3.0")
    assert {"/api/v1/runs", "/api/v1/runs/{id}"} <= set(told["paths"])
    operation = told["paths"]["/api/v1/runs/{id}"]["get"]
    assert sorted(operation["responses"]) == ["200", "400", "401", "403", "404", "429", "default"]
    assert operation["security"] == [{"token": []}, {"apiKey": []}]

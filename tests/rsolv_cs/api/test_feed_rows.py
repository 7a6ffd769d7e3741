"""``POST /api/v1/feeds/{feed}/rows``: loaded at once, answered row by row, repeated without doubles."""

import json
import re
from datetime import date
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from customers.core.roles import Role
from customers.erasure.erase import erase
from customers.imports.load import FeedRun
from customers.inbox import rows as inbox_rows
from customers.jobs.lock import LockHeld
from customers.models import AuditEntry, Batch, Customer, Feedback, ImportRun, QuarantinedRow
from tests.factories import make_customer, make_feedback, make_run
from tests.support import ROOT
from tests.support.databases import examples
from tests.support.inbox import packed
from tests.support.tokens import make_token

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("on_10_may")]


@pytest.fixture
def on_10_may(today_is: Any) -> None:
    today_is(date(2025, 5, 10))


@pytest.fixture
def secret() -> str:
    return make_token(None, "ingest", role=Role.PROGRAM_MANAGER)


def send(secret: str, feed: str, body: object, **headers: str) -> HttpResponse:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    client = Client(headers={"x-api-key": secret, **named}, raise_request_exception=False)
    return client.generic("POST", f"/api/v1/feeds/{feed}/rows", data, "application/json")


def answer(key: str, customer: str = "c1", **values: object) -> dict[str, object]:
    """A row of feedback."""
    row = {"id": key, "customer_id": customer, "date": "2025-05-09", "nps": 9, "csat": None, "comment": "Fine"}
    return {**row, **values}


def states(response: HttpResponse) -> list[str]:
    assert response.status_code == 200, response.content
    return [row["state"] for row in response.json()["rows"]]


def test_each_row_is_answered_as_a_file_would_be(secret: str) -> None:
    customer, before = make_customer(id="c1"), make_run()
    make_feedback(customer, date(2025, 5, 9), id="f1", nps=9, comment="Fine", run_id=before.pk)
    make_feedback(customer, date(2025, 5, 9), id="f2", nps=1, comment="Fine", run_id=before.pk)
    rows = [answer("f1"), answer("f2"), answer("f3", comment="  Good\n"), answer("f4", nps=11), answer("f5", "c9")]
    response = send(secret, "feedback", rows)
    assert states(response) == ["unchanged", "updated", "created", "quarantined", "quarantined"]
    told = response.json()
    assert [row["index"] for row in told["rows"]] == [0, 1, 2, 3, 4]
    assert told["rows"][2]["reasons"] == []
    assert told["rows"][3]["reasons"] == ["nps: '11' is not between 0 and 10"]
    assert told["rows"][4]["reasons"] == ["customer_id: there is no customer c9"]
    run = ImportRun.objects.get(pk=told["run"])
    assert told["run_address"] == f"/api/v1/runs/{run.pk}"
    assert (run.scope, run.rows, run.created, run.updated, run.unchanged, run.quarantined) == (
        "partial",
        5,
        1,
        1,
        1,
        2,
    )
    assert Feedback.objects.get(pk="f3").comment == "Good"
    assert (Feedback.objects.get(pk="f2").nps, Feedback.objects.get(pk="f3").line) == (9, 2)
    assert QuarantinedRow.objects.get(customer_key="c9").waits_for_customer


def test_rows_are_not_all_that_a_feed_says(secret: str) -> None:
    """Twenty customers, of whom one is sent: none is missing, and that the feed has shrunk is not said."""
    for number in range(20):
        make_customer(id=f"c{number}")
    row = {"id": "c1", "email": "a@example.com", "organization": "New name", "github_username": "", "cohort": "VIP"}
    row |= {"signup_date": "2025-05-01", "industry": "", "team_size": 5, "status": "trial"}
    assert states(send(secret, "customers", row)) == ["updated"]
    assert Customer.objects.filter(missing_since=None).count() == 20
    changed = Customer.objects.get(pk="c1")
    assert (changed.organization, changed.team_size, changed.status) == ("New name", 5, "trial")
    assert not ImportRun.objects.accepted().exists()


def test_what_is_true_or_nothing_is_said_as_json_says_it(secret: str) -> None:
    make_customer(id="c1")
    row = {"id": "o1", "customer_id": "c1", "welcome_email_sent": True, "account_created": False, "notes": ""}
    row |= {"github_action_installed": "yes", "first_issue_tagged": None, "first_pr_generated": 0}
    row |= {"completed_date": None, "days_to_complete": None, "blocker_type": "github_config"}
    assert states(send(secret, "onboarding", row)) == ["created"]
    found = Customer.objects.get(pk="c1").onboarding
    assert [found.welcome_email_sent, found.account_created, found.github_action_installed] == [True, False, True]
    assert [found.first_issue_tagged, found.first_pr_generated, found.completed_date] == [False, False, None]


def test_lines_and_gzip_are_taken(secret: str) -> None:
    make_customer(id="c1")
    response = send(secret, "feedback", packed([answer("f1"), answer("f2")]), Content_Encoding="gzip")
    assert states(response) == ["created", "created"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (None, "row: is not an object"),
        ({"comment": ...}, "row: is missing comment"),
        ({"comments": "x"}, "row: has columns that the feed does not know: 'comments'"),
        ({"comment": ["x"]}, "comment: must be a text, a number, true, false or null"),
        ({"comment": "\0"}, "comment: has a character that cannot be stored"),
        ({"comment": "\ud800"}, "comment: has a character that cannot be stored"),
    ],
)
def test_what_is_no_row_of_the_feed_refuses_all_and_is_named(
    secret: str, change: dict[str, object] | None, reason: str
) -> None:
    make_customer(id="c1")
    changed = {name: value for name, value in {**answer("f2"), **(change or {})}.items() if value is not ...}
    response = send(secret, "feedback", [answer("f1"), 7 if change is None else changed])
    assert response.status_code == 400
    assert response.json()["detail"] == "1 of the entries is no row of the feed; nothing was loaded."
    assert response.json()["invalid"] == [{"index": 1, "reason": reason}]
    assert not (Feedback.objects.exists() or ImportRun.objects.exists() or Batch.objects.exists())


def test_an_erased_customers_rows_are_refused_and_nothing_of_them_is_kept(secret: str) -> None:
    make_customer(id="c1")
    make_customer(id="gone")
    erase("gone", "ann")
    assert states(send(secret, "feedback", [answer("f1"), answer("f2", "gone", comment="gone")])) == [
        "created",
        "refused",
    ]
    assert ImportRun.objects.get().left_out == 1
    assert not QuarantinedRow.objects.exists()


def test_the_row_of_the_documentation_is_loaded(secret: str) -> None:
    make_customer(id="c1001")
    text = (ROOT / "docs" / "api.md").read_text()
    [rows] = re.findall(r"survey-2025-05-10\" \\\n    -d '(.*?)'", text)
    assert states(send(secret, "feedback", rows.encode())) == ["created"]


# --- Sent twice -------------------------------------------------------------------------------------------------


def test_a_request_that_is_sent_again_is_answered_as_it_was(secret: str) -> None:
    make_customer(id="c1")
    rows = [answer("f1"), answer("f2", nps=12)]
    first = send(secret, "feedback", rows, Idempotency_Key="night-7")
    again = send(secret, "feedback", rows, Idempotency_Key="night-7")
    assert states(first) == states(again) == ["created", "quarantined"]
    assert first.json() == again.json()
    assert (first.headers.get("Idempotent-Replayed"), again.headers["Idempotent-Replayed"]) == (None, "true")
    assert (ImportRun.objects.count(), Batch.objects.count()) == (1, 1)
    other_key = send(secret, "feedback", rows, Idempotency_Key="night-8")
    assert states(other_key) == ["unchanged", "quarantined"]
    assert states(send(secret, "feedback", rows)) == ["unchanged", "quarantined"]
    assert ImportRun.objects.count() == 3


def test_a_key_stands_for_one_body_of_one_token(secret: str) -> None:
    make_customer(id="c1")
    send(secret, "feedback", [answer("f1")], Idempotency_Key="k")
    refused = send(secret, "feedback", [answer("f2")], Idempotency_Key="k")
    assert refused.status_code == 422
    assert refused.json()["detail"] == "The Idempotency-Key 'k' came with other rows before."
    other = make_token(None, "ingest", role=Role.PROGRAM_MANAGER)
    assert states(send(other, "feedback", [answer("f2")], Idempotency_Key="k")) == ["created"]
    assert send(secret, "feedback", [answer("f3")], Idempotency_Key="k" * 256).status_code == 400


def test_what_died_before_it_was_answered_finds_its_rows_unchanged(
    secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_customer(id="c1")
    with monkeypatch.context() as patch:
        patch.setattr(inbox_rows.Batch, "objects", None)
        send(secret, "feedback", [answer("f1")])
    assert states(send(secret, "feedback", [answer("f1")], Idempotency_Key="k")) == ["unchanged"]


# --- Who, and when not --------------------------------------------------------------------------------------------


def test_while_an_import_runs_the_answer_is_to_come_again(secret: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def held(*_arguments: object) -> None:
        raise LockHeld("import")

    monkeypatch.setattr(inbox_rows, "job_lock_within", held)
    response = send(secret, "feedback", [answer("f1")])
    assert (response.status_code, response.headers["Retry-After"]) == (503, "30")
    assert response.json()["detail"] == "An import or a scoring is running; send the request again in a moment."


def test_rows_that_cannot_be_loaded_are_said_so_and_may_be_sent_again(
    secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_customer(id="c1")
    with monkeypatch.context() as patch:
        patch.setattr(FeedRun, "_complete", lambda self: 1 / 0)
        response = send(secret, "feedback", [answer("f1")], Idempotency_Key="k")
    run = ImportRun.objects.get()
    assert (run.status, response.status_code) == ("failed", 503)
    assert response.json()["detail"] == f"The rows could not be loaded, as run {run.pk} tells."
    assert states(send(secret, "feedback", [answer("f1")], Idempotency_Key="k")) == ["created"]


@pytest.mark.parametrize(
    ("scopes", "role", "status"),
    [(["ingest"], Role.SUCCESS_MANAGER, 403), (["read", "write"], Role.ADMINISTRATOR, 403)],
)
def test_it_takes_the_scope_and_the_permission(scopes: list[str], role: Role, status: int) -> None:
    assert send(make_token(None, *scopes, role=role), "feedback", [answer("f1")]).status_code == status
    assert not ImportRun.objects.exists()


def test_there_are_five_feeds(secret: str) -> None:
    assert send(secret, "invoices", [{}]).status_code == 404


def test_the_audit_says_who_sent_rows(secret: str) -> None:
    make_customer(id="c1")
    send(secret, "feedback", [answer("f1")])
    entry = AuditEntry.objects.get(action="import")
    token = Batch.objects.get().token
    assert token is not None
    assert entry.actor == token.user.get_username()
    assert ImportRun.objects.get().started_by == entry.actor


def test_the_batch_tells_the_same_later(secret: str) -> None:
    make_customer(id="c1")
    told = send(secret, "feedback", [answer("f1"), answer("f2", nps=12)]).json()
    batch = Client(headers={"x-api-key": secret}).get(told["address"]).json()
    assert (batch["kind"], batch["feed"], batch["run"]) == ("rows", "feedback", told["run"])
    assert (batch["rows"], batch["events"]) == (told["rows"], [])
    assert batch["counts"] == {"created": 1, "quarantined": 1}


@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    values=st.dictionaries(
        st.sampled_from(list(answer("f1"))),
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None), max_size=20),
    )
)
def test_no_row_is_a_fault_of_ours(secret: str, values: dict[str, object]) -> None:
    response = send(secret, "feedback", [answer("f1", **values)])
    assert response.status_code in {200, 400}
    if response.status_code == 200:
        assert states(response)[0] in {"created", "updated", "unchanged", "quarantined"}

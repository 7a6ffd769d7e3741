"""``POST /metrics/track``: as RSOLV's Action posts it, in lists, lines and packed; and what a batch tells."""

import json
import re
from typing import Any

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from customers.core.roles import Role
from customers.erasure.erase import erase
from customers.models import ApiToken, AuditEntry, Batch, InboxEvent
from tests.factories import make_customer, make_staff
from tests.support import ROOT
from tests.support.databases import examples
from tests.support.inbox import event, packed, squeezed
from tests.support.tokens import make_token

pytestmark = pytest.mark.django_db

TRACK = "/metrics/track"
NDJSON = "application/x-ndjson"
SIX_MB = b"[" + b" " * 6_000_000


@pytest.fixture
def secret() -> str:
    return make_token(None, "ingest", role=Role.PROGRAM_MANAGER)


def post(secret: str, body: object, content_type: str = "application/json", **headers: str) -> HttpResponse:
    """The answer to a body that is sent as it is."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    client = Client(headers={"x-api-key": secret, **named}, raise_request_exception=False)
    return client.generic("POST", TRACK, data, content_type)


def test_what_the_action_posts_is_stored(secret: str) -> None:
    step = event("c1001", "onboarding_step_first_issue_tagged", metadata={"step": "first_issue_tagged"})
    response = post(secret, step, Accept="application/json, text/plain, */*", User_Agent="axios/1.7.7")
    batch = Batch.objects.get()
    address = f"/api/v1/batches/{batch.pk}"
    assert response.status_code == 202
    assert response.json() == {"batch": str(batch.pk), "address": address, "accepted": 1, "invalid": []}
    assert response.headers["Location"] == address
    found = batch.events.get()
    assert (found.state, found.customer_key, found.metadata) == ("waiting", "c1001", {"step": "first_issue_tagged"})


@pytest.mark.parametrize(
    ("body", "content_type", "encoding"),
    [
        ([event("c1"), event("c2")], "application/json", ""),
        (json.dumps(event("c1")).encode() + b"\n" + json.dumps(event("c2")).encode(), NDJSON, ""),
        (packed([event("c1"), event("c2")]), "application/json; charset=utf-8", "gzip"),
    ],
    ids=["list", "lines", "gzip"],
)
def test_a_list_lines_and_gzip_are_taken(secret: str, body: object, content_type: str, encoding: str) -> None:
    response = post(secret, body, content_type, **({"Content_Encoding": encoding} if encoding else {}))
    assert (response.status_code, response.json()["accepted"]) == (202, 2)
    assert list(InboxEvent.objects.order_by("position").values_list("customer_key", flat=True)) == ["c1", "c2"]


def test_what_is_invalid_is_named_by_its_index(secret: str) -> None:
    told = post(secret, [event(), 7, event(event_type="support_request"), {**event(), "metadata": 1}]).json()
    assert told["accepted"] == 2
    assert told["invalid"] == [
        {"index": 1, "reason": "row: is not an object"},
        {"index": 3, "reason": "metadata: must be an object"},
    ]
    assert InboxEvent.objects.waiting().count() == 2


def test_where_nothing_can_be_taken_the_answer_is_400_and_an_operator_can_see_it(secret: str) -> None:
    response = post(secret, {"event_type": "pr_merged"})
    assert response.status_code == 400
    assert response.headers["Content-Type"] == "application/problem+json"
    batch = Batch.objects.get()
    assert response.json() == {
        "type": "about:blank",
        "title": "Bad Request",
        "status": 400,
        "detail": "None of the events can be taken.",
        "batch": str(batch.pk),
        "address": f"/api/v1/batches/{batch.pk}",
        "invalid": [{"index": 0, "reason": "customer_id: is required"}],
    }
    assert batch.events.get().event_type == "pr_merged"


@pytest.mark.parametrize(
    ("body", "content_type", "encoding", "status", "detail"),
    [
        (b'{"a": ', "application/json", "", 400, "The body is not JSON: line 1, column 7: Expecting value."),
        (b"{}", "text/plain", "", 415, "The body must be application/json or application/x-ndjson; say so by"),
        (b"{}", "application/json", "br", 415, "Content-Encoding may be gzip."),
        (SIX_MB, "application/json", "", 413, "The body has more than 5 MB."),
        (squeezed(SIX_MB), "application/json", "gzip", 413, "The body has more than 5 MB."),
        (json.dumps([{}] * 5_001).encode(), "application/json", "", 413, "The body has 5,001 entries; 5,000 are"),
    ],
    ids=["no JSON", "a text", "brotli", "too long", "too long inside", "too many"],
)
def test_what_cannot_be_taken_is_a_problem(
    secret: str, body: bytes, content_type: str, encoding: str, status: int, detail: str
) -> None:
    response = post(secret, body, content_type, **({"Content_Encoding": encoding} if encoding else {}))
    assert (response.status_code, response.headers["Content-Type"]) == (status, "application/problem+json")
    assert response.json()["detail"].startswith(detail)
    assert not Batch.objects.exists()


@settings(max_examples=examples(150), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=st.binary(max_size=200)
    | st.recursive(
        st.none() | st.integers() | st.floats() | st.text() | st.sampled_from(["c1", "issue_resolution"]),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.text() | st.sampled_from(["customer_id", "event_type", "event_id", "occurred_at", "metadata"]),
                inner,
                max_size=5,
            )
        ),
    ).map(lambda value: json.dumps(value).encode())
    | st.fixed_dictionaries(
        {"customer_id": st.just("c1"), "event_type": st.just("pr_merged"), "event_id": st.text(max_size=210)},
        optional={"metadata": st.dictionaries(st.text(), st.text() | st.floats() | st.integers())},
    ).map(lambda value: json.dumps(value).encode()),
    content_type=st.sampled_from(["application/json", NDJSON, "application/json; charset=x", "a/b", ""]),
    pack=st.sampled_from(["", "gzip", "br", "lie"]),
)
def test_no_body_is_a_fault_of_ours(secret: str, body: bytes, content_type: str, pack: str) -> None:
    sent = squeezed(body) if pack == "gzip" else body
    encoding = {"": {}, "lie": {"Content_Encoding": "gzip"}}.get(pack, {"Content_Encoding": pack})
    assert post(secret, sent, content_type, **encoding).status_code in {202, 400, 413, 415}


@pytest.mark.parametrize(
    ("scopes", "role", "status"),
    [
        (["ingest"], Role.PROGRAM_MANAGER, 202),
        (["ingest"], Role.SUCCESS_MANAGER, 403),
        (["ingest"], Role.VIEWER, 403),
        (["read", "write"], Role.ADMINISTRATOR, 403),
    ],
)
def test_it_takes_the_scope_and_the_permission(scopes: list[str], role: Role, status: int) -> None:
    assert post(make_token(None, *scopes, role=role), event()).status_code == status
    assert Batch.objects.exists() == (status == 202)


def test_a_login_of_the_browser_reports_nothing(client: Client) -> None:
    client.force_login(make_staff(Role.ADMINISTRATOR))
    assert client.post(TRACK, event(), content_type="application/json").status_code == 401


def test_an_event_changes_no_page_and_leaves_no_entry_until_it_is_loaded(secret: str) -> None:
    """The batch is the record of who sent what; an entry for each would make every page anew each time."""
    before = AuditEntry.objects.count()
    post(secret, event())
    assert AuditEntry.objects.count() == before


def test_many_events_take_no_more_queries_than_one(secret: str) -> None:
    numbers = []
    for some in (1, 50):
        with CaptureQueriesContext(connection) as queries:
            post(secret, [event(event_id=f"{some}-{number}") for number in range(some)])
        numbers.append(len(queries))
    assert numbers[0] == numbers[1] <= 12


def test_the_step_of_the_documentation_reports_an_event(secret: str) -> None:
    text = (ROOT / "docs" / "api.md").read_text()
    [step] = re.findall(r"EVENT: \|\n(.*?)\n        run:", text, re.DOTALL)
    assert post(secret, step.encode()).json()["accepted"] == 1
    assert InboxEvent.objects.get().event_type == "onboarding_step_first_issue_tagged"
    [both] = re.findall(r"/metrics/track \\\n    -d '(.*?)'", text, re.DOTALL)
    told = post(secret, both.encode()).json()
    [answer] = re.findall(r'"accepted": 1,\n "invalid": (.*?)}\n', text)
    assert (told["accepted"], told["invalid"]) == (1, json.loads(answer))


# --- What a batch tells -------------------------------------------------------------------------------------------


def told(secret: str, address: str) -> HttpResponse:
    return Client(headers={"x-api-key": secret}).get(address)


def test_a_batch_tells_what_was_done_with_each_event(secret: str, django_assert_max_num_queries: Any) -> None:
    make_customer(id="gone")
    erase("gone", "ann")
    address = post(secret, [event("c1", event_id="a"), event("c2", event_id="a"), {}, event("gone")]).json()["address"]
    InboxEvent.objects.filter(position=0).update(state="loaded")
    with django_assert_max_num_queries(8):
        answer = told(secret, address).json()
    assert (answer["id"], answer["kind"], answer["feed"], answer["entries"]) == (address[-36:], "events", "", 4)
    assert answer["counts"] == {"loaded": 1, "duplicate": 1, "invalid": 1, "refused": 1}
    assert [(one["index"], one["state"], one["customer_id"]) for one in answer["events"]] == [
        (0, "loaded", "c1"),
        (1, "duplicate", "c2"),
        (2, "invalid", ""),
        (3, "refused", ""),
    ]
    assert answer["events"][2]["reason"] == "customer_id: is required; event_type: is required"
    assert set(answer["events"][0]) == {
        *("index", "customer_id", "event_type", "event_id", "occurred_at", "state", "reason", "run")
    }


def test_a_batch_is_told_to_the_account_that_sent_it_alone(secret: str) -> None:
    address = post(secret, event()).json()["address"]
    assert told(secret, address).status_code == 200
    renewed = make_token(ApiToken.objects.get().user, "ingest")
    assert told(renewed, address).status_code == 200
    assert told(make_token(None, "ingest", role=Role.PROGRAM_MANAGER), address).status_code == 404
    assert told(make_token(None, "read", role=Role.ADMINISTRATOR), address).status_code == 403
    assert Client().get(address).status_code == 401
    assert told(secret, "/api/v1/batches/00000000-0000-4000-8000-000000000000").status_code == 404
    assert told(secret, "/api/v1/batches/7").status_code == 404

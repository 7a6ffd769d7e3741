"""The inbox in the admin: batches and events, with what was done with each, in few queries."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from customers.core.roles import Role
from customers.models import ApiToken, Batch, InboxEvent
from tests.factories import make_run, make_staff
from tests.support.browsing import Opened, look, looks_alike
from tests.support.inbox import event, new_token, reported
from tests.support.pages import words

pytestmark = pytest.mark.django_db

EVENTS, BATCHES = "/admin/customers/inboxevent/", "/admin/customers/batch/"


@pytest.fixture
def viewer(client: Client) -> Client:
    client.force_login(make_staff(Role.VIEWER))
    return client


def rows(client: Client, address: str, **asked: object) -> list[str]:
    """What the lines of a list say."""
    response = client.get(address, asked)
    assert response.status_code == 200
    return [
        words(part.partition("</tr>")[0])
        for part in response.text.split("<tr ")[1:]
        if 'scope="row"' in part or "<td" in part
    ]


@pytest.fixture
def token() -> ApiToken:
    token, _secret = new_token(username="action")
    return token


def test_an_operator_sees_each_event_and_what_was_done_with_it(viewer: Client, token: ApiToken) -> None:
    run = make_run()
    loaded, invalid = reported(event("c1", "pr_merged"), event("c2", "page_view"), token=token)
    InboxEvent.objects.filter(pk=loaded.pk).update(state="loaded", run=run)
    first, second = rows(viewer, EVENTS)
    assert "c2" in first and "Invalid" in first and "event_type: 'page_view' is not one of" in first
    assert (
        "PR merged" in second.replace("\u00a0", " ")
        and "c1" in second
        and "Loaded" in second
        and f"run {run.pk}" in second
    )
    page = words(viewer.get(f"{EVENTS}{invalid.pk}/change/").text)
    assert "action, RSOLV Action" in page and "event_type: 'page_view' is not one of" in page
    assert "State Invalid" in page and "index 1" in page


def test_a_step_is_called_by_its_name(viewer: Client, token: ApiToken) -> None:
    reported(event("c1", "onboarding_step_first_pr_generated"), token=token)
    InboxEvent.objects.update(state="superseded")
    (line,) = rows(viewer, EVENTS)
    assert "First PR generated" in line.replace("\u00a0", " ") and "In a file already" in line


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"state__exact": "waiting"}, ["c1", "c3"]),
        ({"state__exact": "invalid"}, ["c2"]),
        ({"event_type": "pr_merged"}, ["c3"]),
        ({"event_type": "nonsense"}, ["c1", "c2", "c3"]),
        ({"q": "c3"}, ["c3"]),
        ({"q": "id-1"}, ["c1"]),
        ({"batch": "{batch}"}, ["c1", "c2"]),
    ],
)
def test_events_are_narrowed(viewer: Client, token: ApiToken, asked: dict[str, str], found: list[str]) -> None:
    first = reported(event("c1", event_id="id-1"), event("c2", "x"), token=token)[0]
    reported(event("c3", "pr_merged"), token=token)
    lines = rows(viewer, EVENTS, **{name: value.format(batch=first.batch_id) for name, value in asked.items()})
    assert [key for key in ("c1", "c2", "c3") if any(key in line.split() for line in lines)] == found


def test_a_batch_leads_to_its_events(viewer: Client, token: ApiToken) -> None:
    first = reported(event("c1"), event("c2"), {}, token=token)[0]
    (line,) = rows(viewer, BATCHES)
    assert "action, RSOLV Action 3 2 1" in line
    page = viewer.get(f"{BATCHES}{first.batch_id}/change/").text
    assert "1 invalid , 2 waiting" in words(page)
    assert f"{EVENTS}?batch={first.batch_id}&amp;state__exact=waiting" in page


def test_a_batch_of_rows_says_what_was_done_with_them(viewer: Client, token: ApiToken) -> None:
    states = ["created", "created", "quarantined"]
    run = make_run(quarantined=1)
    batch = Batch.objects.create(token=token, kind="rows", feed="feedback", entries=3, states=states, run=run)
    page = words(viewer.get(f"{BATCHES}{batch.pk}/change/").text)
    assert "2 created, 1 quarantined" in page and f"run {run.pk}" in page and "Feedback" in page
    assert f'href="/admin/customers/quarantinedrow/?run={run.pk}">1<' in viewer.get(BATCHES).text


def test_more_batches_and_events_take_no_more_queries(viewer: Client, token: ApiToken) -> None:
    numbers = []
    for _round in range(2):
        reported(event("c1"), event("c2"), token=token)
        reported(event("c1"), token=new_token()[0])
        for address in (EVENTS, BATCHES):
            with CaptureQueriesContext(connection) as queries:
                viewer.get(address)
            numbers.append(len(queries))
    assert numbers[:2] == numbers[2:]


def test_what_the_product_says_is_text(viewer: Client, token: ApiToken) -> None:
    (row,) = reported(event("c1", metadata={"a": "<script>alert(1)</script>"}), token=token)
    ApiToken.objects.update(name="<b>x</b>")
    for address in (EVENTS, BATCHES, f"{EVENTS}{row.pk}/change/", f"{BATCHES}{row.batch_id}/change/"):
        page = viewer.get(address).text
        assert "<script>alert" not in page and "<b>x</b>" not in page
    assert "&lt;script&gt;alert(1)" in viewer.get(f"{EVENTS}{row.pk}/change/").text


def test_after_the_account_is_deleted_its_events_are_there(viewer: Client, token: ApiToken) -> None:
    reported(event("c1"), token=token)
    token.user.delete()
    (line,) = rows(viewer, BATCHES)
    assert "a deleted account" in line
    assert InboxEvent.objects.waiting().count() == 1


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
@looks_alike
def test_long_ids_and_metadata_stay_on_the_page(open_page: Opened) -> None:
    rows = reported(event("c1", event_id="y" * 200, metadata={"a": "x" * 300}), event("c2", "x"), token=new_token()[0])
    pages = [EVENTS, BATCHES, f"{BATCHES}{rows[0].batch_id}/change/"]
    for address in (*pages, *(f"{EVENTS}{row.pk}/change/" for row in rows)):
        assert look(open_page(address)) == [], address

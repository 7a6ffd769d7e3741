"""My tasks by urgency, a customer's tasks on its page, and hostile texts in them."""

import re
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from analytics.customer_page.timeline import TimelineFilter, timeline
from customers.models import Customer
from tests.factories import make_customer, make_day, make_snapshot, make_staff
from tests.support.pages import links, main_part, words
from tests.support.scoring import D
from tests.support.tasks import TODAY, make_task, rule

pytestmark = pytest.mark.usefixtures("the_day")

UTC = ZoneInfo("UTC")


def count_queries(client: Client, address: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert client.get(address).status_code == 200
    return len(captured)


# --- My tasks ---------------------------------------------------------------------------------------------------


def shown(client: Client, query: str = "") -> list[str]:
    """The headings and the tasks of the list, in its order."""
    page = main_part(client.get(f"/admin/tasks/{query}", follow=True))
    found = re.findall(r'<th scope="rowgroup"[^>]*>(.*?)</th>|<a class="what"[^>]*>(.*?)</a>', page)
    return [heading.upper() or what for heading, what in found]


def test_overdue_first_then_today_next_and_later(client: Client, sofia: User, acme: Customer) -> None:
    for what, days in (("h", 8), ("g", 7), ("a", -30), ("c", 0), ("f", 1), ("b", -1), ("d", 0)):
        make_task(acme, what=what, due=TODAY + timedelta(days=days), owner=sofia)
    make_task(acme, what="nobody's")
    make_task(acme, what="another's", owner=make_staff("Success manager"))
    closed = {"closed_at": datetime(2025, 5, 11, tzinfo=UTC), "closed_on": D, "owner": sofia}
    make_task(acme, what="done", state="done", outcome="reached", **closed)
    make_task(acme, what="dropped", state="dropped", **closed)
    client.force_login(sofia)
    assert shown(client) == ["OVERDUE", "a", "b", "TODAY", "c", "d", "NEXT 7 DAYS", "f", "g", "LATER", "h"]
    assert shown(client, "?whose=unassigned") == ["TODAY", "nobody&#x27;s"]
    assert shown(client, "?state=done") == ["done"]
    assert shown(client, "?state=dropped&whose=everybody") == ["dropped"]
    assert shown(client, "?sort=-what") == ["h", "g", "f", "d", "c", "b", "a"]
    assert shown(client, "?whose=&state=great&page=x&sort=y") == shown(client)
    assert len(shown(client, "?whose=everybody")) == 13
    page = client.get("/admin/tasks/", follow=True)
    assert [(one.label, one.count) for one in page.context["whose"]] == [
        ("Mine", 7),
        ("Team", 9),
        ("Unassigned", 1),
    ]
    [badge] = [
        item.get("badge")
        for group in page.context["sidebar_navigation"]
        for item in group["items"]
        if item["title"] == "My tasks"
    ]
    # Overdue or due today.
    assert badge == "4"


def test_an_empty_list_says_what_to_do(client: Client, sofia: User) -> None:
    client.force_login(sofia)
    assert "A customer’s page recommends what to do next." in words(
        main_part(client.get("/admin/tasks/", follow=True))
    )


def test_the_list_takes_the_same_queries_however_long_it_is(client: Client, sofia: User, acme: Customer) -> None:
    client.force_login(sofia)
    make_task(acme, owner=sofia, what="first")
    few = count_queries(client, "/admin/tasks/?whose=everybody")
    for number in range(60):
        owner = make_staff("Success manager") if number < 5 else sofia
        make_task(make_customer(), owner=owner, what=f"Task {number}")
    many = count_queries(client, "/admin/tasks/?whose=everybody")
    # Session, user, twice permissions, the badge; the three counts, the pages, the rows, who is called alike.
    assert (few, many) == (9, 9)


# --- On the customer's page -------------------------------------------------------------------------------------


def test_tasks_on_the_timeline(sofia: User, acme: Customer) -> None:
    at = {"created_by": "sofia", "created_at": datetime(2025, 5, 9, 12, tzinfo=UTC)}
    open_one = make_task(acme, what="Call", **at)
    closed = {"closed_at": datetime(2025, 5, 11, tzinfo=UTC), "closed_on": D, "closed_by": "gone", **at}
    done = make_task(acme, what="Write", state="done", outcome="no_answer", outcome_note="Twice", **closed)
    dropped = make_task(acme, what="Visit", state="dropped", **closed)
    make_task(make_customer(), what="Another's", **at)

    def told(day: date, *, is_newest: bool) -> list[tuple[date, str, str, str]]:
        page = timeline(acme, day, is_newest=is_newest, chosen=TimelineFilter.STAFF)
        return [(entry.day, entry.who, entry.text, entry.address) for entry in page.entries]

    taken = [
        (date(2025, 5, 9), "Sofia Marchetti", f"Task created: {task.what}", f"/admin/tasks/{task.pk}/")
        for task in (dropped, done, open_one)
    ]
    assert told(date(2025, 5, 8), is_newest=False) == []
    assert told(D, is_newest=False) == taken
    assert told(D, is_newest=True) == [
        (date(2025, 5, 11), "gone", "Canceled: Visit", f"/admin/tasks/{dropped.pk}/"),
        (date(2025, 5, 11), "gone", "Done: Write (no answer): Twice", f"/admin/tasks/{done.pk}/"),
        *taken,
    ]
    assert timeline(acme, D, chosen=TimelineFilter.HEALTH).entries == []


def test_on_an_earlier_date_there_is_nothing_to_take(client: Client, sofia: User, acme: Customer) -> None:
    make_day(date=D - timedelta(days=1))
    make_snapshot(acme, status="champion", score=90, date=D - timedelta(days=1))
    client.force_login(sofia)
    assert "Create task: " not in client.get("/admin/customer/acme/?as_of=2025-05-09").text


def test_who_may_only_look_is_offered_nothing(client: Client, acme: Customer) -> None:
    task = make_task(acme)
    client.force_login(make_staff("Viewer"))
    text = client.get("/admin/customer/acme/").text + client.get("/admin/tasks/", follow=True).text
    assert "Call them" in text
    for offer in ("Create task: ", ">Create task<", "Assign owner"):
        assert offer not in text
    page = main_part(client.get(f"/admin/tasks/{task.pk}/"))
    assert "<form" not in page
    for do in ("done", "dropped", "reopen", "change"):
        assert client.post(f"/admin/tasks/{task.pk}/", {"do": do}).status_code == 403


HOSTILE = '<script>alert("x")</script>{{ 7|add:7 }}\N{RIGHT-TO-LEFT OVERRIDE}'


def test_hostile_texts_stay_texts(client: Client, sofia: User) -> None:
    make_day()
    customer = make_customer(id="a.b_c:d-e", organization=HOSTILE)
    make_snapshot(customer, status="at_risk", blocker_type=f"github {HOSTILE}"[:100])
    User.objects.filter(pk=sofia.pk).update(first_name=HOSTILE[:150])
    client.force_login(sofia)
    task = make_task(customer, what=HOSTILE, reason=HOSTILE, note=HOSTILE, owner=sofia, created_by=HOSTILE)
    rule_key = rule("Share the documentation on repository permissions").pk
    query = "customer=a.b_c:d-e"
    pages = [
        "/admin/tasks/",
        "/admin/tasks/new/?q=script",
        f"/admin/tasks/new/?{query}&rule={rule_key}",
        f"/admin/tasks/{task.pk}/",
        f"/admin/assign/?{query}",
    ]
    for address in pages:
        response = client.get(address, follow=True)
        assert response.status_code == 200, address
        assert "<script>alert" not in response.text
        assert "&lt;script&gt;alert" in response.text
        assert "{{ 7|add:7 }}" in response.text
    for address in links(
        client.get("/admin/tasks/new/?q=script"), words(HOSTILE.replace("<script>", "").replace("</script>", ""))
    ):
        assert client.get(address).status_code == 200
    client.post(f"/admin/tasks/{task.pk}/", {"do": "done", "outcome": "reached", "outcome_note": HOSTILE})
    assert "<script>alert" not in client.get(f"/admin/tasks/{task.pk}/", follow=True).text

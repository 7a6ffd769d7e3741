"""The page My day: who is on it for whom, in which order, who may do what there, and what it costs."""

import re
from datetime import UTC, date, datetime, timedelta
from html import unescape

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext

from analytics.models import Deferral, Task
from customers.models import AuditEntry
from tests.factories import make_alert, make_message, make_staff
from tests.support.my_day import T, act, customer, listed, my_day
from tests.support.pages import forget, links, main_part, said, section, words

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("the_same_day")]

ROLES = ["Viewer", "Success manager", "Program manager", "Administrator"]


# --- Who and in which order -------------------------------------------------------------------------------------


def test_each_customer_is_listed_once_with_all_its_reasons(client: Client, sofia: User) -> None:
    one = customer("c1", before=60, blocker_type="sso_login")
    make_alert(one, kind="blocked", text="Blocked for 20 days")
    Task.objects.create(customer=one, what="Call them", due=date(2025, 5, 9), owner=sofia)
    page = my_day(client)
    [item] = page.context["items"]
    assert item.reasons == [
        "Score fell from 60 to 40 since 3 May",
        "Blocked for 20 days",
        "Task overdue since 9 May: Call them",
    ]
    assert words(main_part(page)).count("Customer c1") > 1  # and in the names of the buttons
    assert len(re.findall(r'class="work-name"', page.text)) == 1


def test_a_task_overdue_since_an_earlier_year_says_which(client: Client, sofia: User) -> None:
    Task.objects.create(customer=customer("c1"), what="Call them", due=date(2024, 12, 31), owner=sofia)
    [item] = my_day(client).context["items"]
    assert "Task overdue since 31 Dec 2024: Call them" in item.reasons


def test_the_change_of_the_score_stands_beside_it(client: Client, sofia: User) -> None:
    customer("c1", before=60)
    customer("c2", before=37)
    customer("c3", before=40)
    customer("c4")
    page = my_day(client)
    said_of = {one.snapshot.customer_id: words(str(one.score_change)) for one in page.context["items"]}
    assert said_of == {"c1": "−20", "c2": "+3", "c3": "", "c4": ""}
    assert '<small><span class="score-fell" title="60 on 3 May 2025">−20</span></small>' in page.text


def test_what_health_and_an_alert_say_is_said_once(client: Client, sofia: User) -> None:
    one = customer("c1", status="at_risk", score=45)
    make_alert(one, kind="at_risk", text="At risk with a score of 45")
    make_alert(one, kind="no_first_pr", text="No first PR 40 days after signup")
    [item] = my_day(client).context["items"]
    assert item.reasons[0] == "At risk, score 45"
    assert item.reasons[1:] == ["No first PR 40 days after signup"]


def test_the_worst_come_first(client: Client, sofia: User) -> None:
    well = {"status": "healthy", "score": 75}
    task = customer("a-task", **well)
    Task.objects.create(customer=task, what="Call", due=T, owner=sofia)
    for key, kind in (("b-no-pr", "no_first_pr"), ("c-blocked", "blocked")):
        make_alert(customer(key, **well), kind=kind)
    customer("d-blocked", **well, blocker_type="sso_login")
    customer("e-dropped", before=90, **well)
    customer("f-at-risk, 39", score=39)
    customer("g-at-risk, 38", score=38)
    customer("h-at-risk by a drop", before=60, score=45)
    customer("i-well", **well)
    first = [item.snapshot.customer_id for item in my_day(client).context["items"]]
    assert first[:5] == ["h-at-risk by a drop", "g-at-risk, 38", "f-at-risk, 39", "e-dropped", "d-blocked"]
    assert set(first[5:7]) == {"b-no-pr", "c-blocked"}
    assert first[7:] == ["a-task"]


def test_of_two_alerts_the_more_severe_comes_first(client: Client, sofia: User) -> None:
    for key, severity in (("c1", 3), ("c2", 1)):
        alert = make_alert(customer(key, status="healthy", score=70), kind="blocked" if key == "c1" else "fell")
        type(alert.rule).objects.filter(pk=alert.rule_id).update(severity=severity)
    assert listed(my_day(client)) == ["c2", "c1"]


def test_mine_the_teams_and_nobodys(client: Client, sofia: User) -> None:
    for key, owner in (("c1", sofia), ("c2", make_staff("Success manager")), ("c3", None)):
        customer(key, owner)
    mine = my_day(client, f"owner={sofia.pk}")
    assert (listed(mine), listed(my_day(client)), listed(my_day(client, "owner=nobody"))) == (
        ["c1"],
        ["c1", "c2", "c3"],
        ["c3"],
    )
    assert [(one.label, one.count, one.chosen) for one in mine.context["whose"]] == [
        ("Mine", 1, True),
        ("Team", 3, False),
        ("Unassigned", 1, False),
    ]
    assert client.get("/admin/my-day/").headers["Location"] == f"/admin/my-day/?owner={sofia.pk}"


def test_who_owns_none_sees_the_teams_and_has_no_badge(client: Client, sofia: User) -> None:
    customer("c1")
    assert client.get("/admin/my-day/").headers["Location"] == "/admin/my-day/?owner="
    links = re.findall(r'href="/admin/my-day/"[^>]*>(.*?)</a>', client.get("/admin/").text, re.DOTALL)
    # In the menu, and in the tour.
    assert [words(link) for link in links] == ["today My day", "My day"]


def test_the_badge_counts_what_is_to_do_for_the_visitor(client: Client, sofia: User) -> None:
    for key in ("c1", "c2", "c3"):
        customer(key, sofia)
    act(client, "c3", "snooze", {"days": "1"})
    link = re.search(r'href="/admin/my-day/"[^>]*>(.*?)</a>', client.get("/admin/?owner=").text, re.DOTALL)
    assert link and words(link[1]) == "today My day 2"


# --- The tabs ---------------------------------------------------------------------------------------------------


def tabs(page: HttpResponse) -> list[int | None]:
    return [one.count for one in page.context["tabs"]]


def test_what_was_dealt_with_waits_with_its_rule_and_is_done_today(client: Client, sofia: User) -> None:
    one = customer("c1")
    customer("c2")
    page = act(client, "c1", "snooze", {"days": "3"})
    assert said(page) == ["Customer c1: Snoozed until 15 May 2025."]
    assert (listed(page), tabs(page)) == (["c2"], [1, 1, 1])
    waiting = my_day(client, "owner=&tab=waiting")
    assert listed(waiting) == ["c1"]
    assert "Snoozed until 15 May 2025 by Sofia Marin" in words(main_part(waiting))
    assert "Back on 15 May 2025, or as soon as it gets worse" in words(main_part(waiting))
    # The clock of the machine is not the day of the test.
    Deferral.objects.update(created_at="2025-05-12T09:30:00Z")
    closed = {"state": "done", "closed_at": "2025-05-12T10:00:00Z", "closed_by": "bo"}
    Task.objects.create(customer=one, what="Call", due=T, created_at="2025-05-11T10:00:00Z", **closed)
    forget()
    done = section(my_day(client, "owner=&tab=done"), "work")
    deeds = "Task closed: Call, bo, 10:00 Snoozed until 15 May 2025, Sofia Marin, 09:30"
    assert done.endswith(f"Customer c1 {deeds} 1–1 of 1")


def test_who_came_back_because_it_got_worse_says_so(client: Client, sofia: User) -> None:
    one = customer("c1")
    act(client, "c1", "snooze", {"days": "3"})
    make_alert(one)
    forget()
    assert "Snoozed until 15 May 2025 by Sofia Marin, back with something new" in words(main_part(my_day(client)))


def test_bring_back(client: Client, sofia: User) -> None:
    customer("c1")
    assert listed(act(client, "c1", "dismiss", {"reason": "expected", "text": "Holidays"})) == []
    page = my_day(client, "owner=&tab=waiting")
    assert "Dismissed by Sofia Marin: Expected" in words(main_part(page))
    assert "Back with a new reason" in words(main_part(page))
    page = act(client, "c1", "bring-back")
    assert (said(page), listed(page)) == (["Customer c1: Back on the list."], ["c1"])
    page = act(client, "c1", "bring-back")
    assert said(page) == ["Customer c1: Somebody has brought this customer back already."]
    assert [one.ended_by for one in Deferral.objects.all()] == ["sofia"]


def test_empty(client: Client, sofia: User) -> None:
    assert "All done: no customer on this list needs action today." in words(main_part(my_day(client)))
    assert "Nobody is waiting." in words(main_part(my_day(client, "owner=&tab=waiting")))
    assert "Nothing done yet today." in words(main_part(my_day(client, "owner=&tab=done")))


# --- Roles and audit --------------------------------------------------------------------------------------------


SENT: dict[str, dict[str, str]] = {
    "call": {"kind": "meeting", "text": "Met"},
    "task": {"what": "Call", "due": "2025-05-14"},
    "snooze": {"days": "1"},
    "acknowledge": {},
    "assign": {"owner": "nobody"},
    "dismiss": {"reason": "other"},
    "bring-back": {},
}


@pytest.mark.parametrize("role", ROLES)
def test_a_viewer_sees_the_list_without_actions(client: Client, role: str) -> None:
    client.force_login(make_staff(role))
    make_alert(customer("c1"))
    page = my_day(client)
    may = role != "Viewer"
    assert listed(page) == ["c1"]
    assert ("/act/" in main_part(page)) is may
    assert ("Write email" in main_part(page)) is may
    for name, data in SENT.items():
        response = client.post(f"/admin/customer/c1/act/{name}/", data)
        assert (response.status_code == 403) is not may


def test_each_act_is_in_the_audit(client: Client, sofia: User) -> None:
    make_alert(customer("c1", make_staff("Success manager")))
    told = {}
    for name, data in SENT.items():
        newest = AuditEntry.objects.latest("pk").pk
        act(client, "c1", name, data)
        told[name] = {
            (one.model, one.action, one.actor) for one in AuditEntry.objects.filter(pk__gt=newest, customer="c1")
        }
    assert told == {
        "call": {("customers.note", "add", "sofia")},
        "task": {("analytics.task", "add", "sofia")},
        "snooze": {("analytics.deferral", "add", "sofia")},
        "acknowledge": {("analytics.alert", "change", "sofia")},
        "assign": {("customers.customercare", "change", "sofia")},
        "dismiss": {("analytics.deferral", "add", "sofia"), ("analytics.deferral", "change", "sofia")},
        "bring-back": {("analytics.deferral", "change", "sofia")},
    }


def test_the_history_tells_what_was_put_aside(client: Client, sofia: User) -> None:
    customer("c1")
    act(client, "c1", "snooze", {"days": "3"})
    act(client, "c1", "dismiss", {"reason": "nothing", "text": "They merge"})
    act(client, "c1", "bring-back")
    told = section(client.get("/admin/customer/c1/?told=staff"), "timeline")
    for text in (
        "Snoozed until 15 May 2025",
        "Dismissed: Nothing we can do (They merge)",
        "Brought back to the customers to act on",
    ):
        assert told.count(text) == 1


# --- Cost -------------------------------------------------------------------------------------------------------


def queries(client: Client, address: str) -> int:
    forget()
    with CaptureQueriesContext(connection) as captured:
        assert client.get(address).status_code == 200
    return len(captured)


def sign_up(start: int, end: int, owner: User) -> None:
    """Customers with a reason of each kind, of whom every third was dealt with."""
    for number in range(start, end):
        one = customer(f"n{number:03}", owner if number % 2 else None, before=60, blocker_type="sso_login")
        make_alert(one, raised_at="2025-05-01T00:00:00Z")
        Task.objects.create(customer=one, what="Call", due=T + timedelta(days=number % 3), owner=owner)
        if number % 3 == 0:
            make_message(one, sent_at="2025-05-11T12:00:00Z")
            Deferral.objects.create(customer=one, until=T + timedelta(days=2), created_by="sofia")


@pytest.mark.parametrize("query", ["owner=", "owner=nobody", "owner=&tab=waiting", "owner=&tab=done"])
def test_the_number_of_queries_does_not_grow(client: Client, sofia: User, query: str) -> None:
    sign_up(0, 12, sofia)
    few = queries(client, f"/admin/my-day/?{query}")
    sign_up(12, 300, sofia)
    assert queries(client, f"/admin/my-day/?{query}") == few
    with CaptureQueriesContext(connection) as again:
        client.get(f"/admin/my-day/?{query}")
    # The session, the visitor with two of permissions, the state, who does what; customers of whom something was done.
    assert len(again) <= (7 if "done" in query else 6)


def test_what_is_kept_of_a_page_lasts_until_something_is_done(client: Client, sofia: User) -> None:
    """The customer stays in its place; what is said of it, and how much was done, is new at once."""
    customer("c1")
    [before] = my_day(client).context["items"]
    page = act(client, "c1", "task", {"what": "Call them", "due": "2025-05-12", "owner": str(sofia.pk)})
    [after] = page.context["items"]
    assert ([*before.tasks], [one.what for one in after.tasks]) == ([], ["Call them"])
    assert "Task due today: Call them" in after.reasons
    assert [one.count for one in page.context["tabs"]] == [1, 0, 1]


def test_the_counts_are_those_of_the_lists(client: Client, sofia: User) -> None:
    """Counted from the team's list in one place, and listed by SQL in another."""
    other = make_staff("Success manager")
    for number, owner in enumerate([sofia, other, None, sofia, None, None, other]):
        customer(f"c{number}", owner)
    act(client, "c0", "snooze", {"days": "1"})
    act(client, "c2", "snooze", {"days": "1"})
    page = my_day(client, f"owner={other.pk}")
    assert [(one.label, one.count) for one in page.context["whose"]][:3] == [
        ("Mine", 1),
        ("Team", 5),
        ("Unassigned", 2),
    ]
    for one in page.context["whose"]:
        assert len(listed(my_day(client, one.query))) == one.count


def test_the_way_back_from_an_email_leads_to_the_list(client: Client, sofia: User) -> None:
    """By the customer's page, from which Next goes on to the one after it."""
    customer("c1", score=20)
    customer("c2", score=30)
    compose = re.findall(r'href="([^"]*/contact/[^"]*)"', my_day(client).text)
    assert len(compose) == 2
    [back] = [one for one in links(client.get(unescape(compose[1])), "← Back to Customer c2") if "list=" in one]
    page = client.get(back)
    [day] = links(page, "← Back to My day")
    assert day.startswith("/admin/my-day/")
    assert client.get(*links(page, "Previous")).url.startswith("/admin/customer/c1/")


def test_a_row_says_when_an_email_goes(client: Client) -> None:
    client.force_login(make_staff("Success manager"))
    made = customer("c1")
    sent_by = {"sender": make_staff("Success manager", username="lea", first_name="Lea", last_name="Roth")}
    going = datetime(2025, 5, 15, 9, tzinfo=UTC)
    make_message(made, state="scheduled", created_at=datetime(2025, 5, 12, 8, tzinfo=UTC), send_at=going, **sent_by)
    page = my_day(client, "owner=&tab=waiting")
    assert listed(page) == ["c1"]
    said = words(page.text)
    assert "Email scheduled for 15 May 2025 by Lea Roth" in said
    assert "Back on 16 May 2025 if the email was not sent, or as soon as it gets worse" in said

"""The pages of playbooks: the list, one of them, turning on and off, and stopping it for a customer."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from analytics.customer_page.timeline import TimelineFilter, timeline
from analytics.models import Playbook, PlaybookRun, PlaybookStep
from analytics.playbooks.end import stop
from customers.models import AuditEntry, Customer
from tests.analytics.playbooks.conftest import Passes
from tests.factories import make_customer, make_staff
from tests.support.pages import links, main_part, said, section, words
from tests.support.playbooks import AT_RISK, HEALTHY, MONDAY, email, look, make_playbook, own, run_of, task

pytestmark = pytest.mark.django_db
LIST = "/admin/playbooks/"


@pytest.fixture
def as_role(client: Client) -> Callable[[str], User]:
    """Log somebody in who has a role."""

    def log_in(role: str) -> User:
        user = make_staff(role, email=f"{role[0].lower()}@rsolv.example", first_name=role)
        client.force_login(user)
        return user

    return log_in


def page_of(playbook: Playbook) -> str:
    return f"{LIST}{playbook.pk}/"


def test_four_are_shipped_and_all_of_them_are_off(client: Client, as_role: Callable[[str], User]) -> None:
    as_role("Viewer")
    shown = words(main_part(client.get(LIST)))
    for line in (
        "Blocked Is blocked Off 0 0 0",
        "First merged PR Has its first merged PR Off 0 0 0",
        "Re-engagement Becomes inactive Off 0 0 0",
        "Welcome and first steps Enters a stage: New signup Off 0 0 0",
    ):
        assert line in shown
    assert not PlaybookStep.objects.filter(does="email", template=None).exists()
    assert not PlaybookStep.objects.filter(automatic=True).exists()


def test_the_page_shows_steps_whom_it_would_start_for_and_its_runs(
    client: Client, passes: Passes, as_role: Callable[[str], User]
) -> None:
    playbook = make_playbook(email(), task(3), end="over")
    passes(0, c1=AT_RISK)
    look()
    passes(1, c1=AT_RISK, c2=AT_RISK)
    as_role("Viewer")
    shown = words(main_part(client.get(page_of(playbook))))
    assert "Rescue On Start: Becomes at risk · once in 90 days" in shown
    assert "ends early: The start no longer holds" in shown
    assert "Day 0 Email: Hello Waits for approval Day 3 Call them Call, task for the owner" in shown
    assert "Starts next for 1 customer as of the newest scored date. Company c2 At risk, score 30" in shown
    row = "Company c1 12 May 2025 At risk, score 30 Running Email: Hello Waits for approval"
    assert f"{row} Next: Call them on 15 May 2025" in shown and "Review" not in shown
    assert "Turn o" not in shown and "Edit" not in shown and "Add step" not in shown


def test_a_run_says_its_next_step_and_leads_to_an_email_that_waits(
    client: Client, passes: Passes, as_role: Callable[[str], User]
) -> None:
    playbook = make_playbook(task(5), email(9))
    passes(0, c1=AT_RISK)
    look()
    manager = as_role("Program manager")
    # Day 5 is a Saturday.
    assert section(client.get(page_of(playbook)), "runs").endswith("Running Next: Call them on 19 May 2025 1–1 of 1")
    stop(run_of(), manager)
    assert "Stopped by Program manager – 1–1 of 1" in section(client.get(page_of(playbook)), "runs")
    other = make_playbook(email(), name="Other")
    look()
    page = client.get(page_of(other))
    assert section(page, "runs").endswith("Email: Hello Waits for approval Review 1–1 of 1")
    client.post(links(page, "Review")[0], {"action": "skip"})
    assert "Email: Hello Skipped by Program manager" in section(client.get(page_of(other)), "runs")


def test_turned_on_from_now_on_it_passes_over_those_for_whom_it_holds(
    client: Client, passes: Passes, as_role: Callable[[str], User]
) -> None:
    playbook = make_playbook(task(5), active=False)
    passes(0, c1=AT_RISK, c2=HEALTHY)
    as_role("Program manager")
    asked = client.get(f"{page_of(playbook)}turn-on/")
    assert "Its start holds already for 1 customer" in words(main_part(asked))
    assert "Also for whom it holds already (1), with the next nightly run" in words(main_part(asked))
    response = client.post(f"{page_of(playbook)}turn-on/", {"for": "new"}, follow=True)
    assert "“Rescue” is on. 1 customer passed over." in said(response)
    look()
    assert not PlaybookRun.objects.filter(state="running").exists()
    passes(1, c1=AT_RISK, c2=AT_RISK)
    look()
    assert run_of("c2").state == "running"
    assert "until its start begins to hold anew: 1 customer." in words(main_part(client.get(page_of(playbook))))


def test_turned_on_also_for_those(client: Client, passes: Passes, as_role: Callable[[str], User]) -> None:
    playbook = make_playbook(task(), active=False)
    passes(0, c1=AT_RISK)
    manager = as_role("Program manager")
    client.post(f"{page_of(playbook)}turn-on/", {"for": "nonsense"})
    assert not Playbook.objects.get(pk=playbook.pk).active
    client.post(f"{page_of(playbook)}turn-on/", {"for": "also"})
    look()
    assert run_of().state == "done"
    entry = (
        AuditEntry.objects.filter(model="analytics.playbook", key=str(playbook.pk))
        .filter(action="change")
        .earliest("pk")
    )
    assert (entry.actor, entry.changes) == (manager.get_username(), {"on": [False, True]})


def test_without_a_step_it_is_not_turned_on(client: Client, as_role: Callable[[str], User]) -> None:
    playbook = make_playbook(active=False)
    as_role("Program manager")
    response = client.post(f"{page_of(playbook)}turn-on/", {"for": "also"}, follow=True)
    assert "Add a step first." in said(response)
    assert not Playbook.objects.get(pk=playbook.pk).active


def test_turned_off_it_says_what_that_ends(client: Client, passes: Passes, as_role: Callable[[str], User]) -> None:
    playbook = make_playbook(email(), task(3))
    passes(0, c1=AT_RISK)
    look()
    manager = as_role("Program manager")
    asked = words(main_part(client.get(f"{page_of(playbook)}turn-off/")))
    assert "ends for the 1 customer for whom it runs" in asked
    assert "1 email that waits for approval is not sent" in asked
    client.post(f"{page_of(playbook)}turn-off/")
    run = run_of()
    assert (run.state, run.ended_why, run.ended_by) == ("ended", "The playbook was turned off", manager.get_username())
    assert "Email: Hello Not sent" in words(main_part(client.get(page_of(playbook))))


def test_on_the_customers_page_it_is_stopped_and_that_is_undone(
    client: Client, passes: Passes, as_role: Callable[[str], User]
) -> None:
    make_playbook(task(0), task(3, "Later"))
    passes(0, c1=AT_RISK)
    look()
    as_role("Success manager")
    page = client.get("/admin/customer/c1/")
    shown = section(page, "playbooks")
    assert shown == "Playbook Rescue since 12 May 2025 · At risk, score 30 Stop Call them Open Later on 15 May 2025"
    response = client.post(f"{LIST}stop/{run_of().pk}/", {"next": "/admin/customer/c1/"}, follow=True)
    assert "Company c1: playbook “Rescue” stopped." in " ".join(said(response))
    assert run_of().state == "stopped" and 'aria-labelledby="playbooks"' not in response.text
    token = response.text.partition('name="undo" value="')[2].partition('"')[0]
    assert "Undone." in said(client.post("/admin/undo/", {"undo": token}, follow=True))
    assert run_of().state == "running"


def test_a_viewer_sees_it_and_stops_nothing(client: Client, passes: Passes, as_role: Callable[[str], User]) -> None:
    make_playbook(email(), task(3))
    passes(0, c1=AT_RISK)
    look()
    as_role("Viewer")
    shown = section(client.get("/admin/customer/c1/"), "playbooks")
    assert "Rescue since 12 May 2025" in shown and "Stop" not in shown and "Review" not in shown
    assert client.post(f"{LIST}stop/{run_of().pk}/").status_code == 403


def test_its_start_is_kept_while_it_is_on(client: Client, as_role: Callable[[str], User]) -> None:
    playbook = make_playbook(task())
    as_role("Program manager")
    address = f"/admin/analytics/playbook/{playbook.pk}/change/"
    sent = {"name": "Renamed", "start": "blocked", "query": "", "end": "", "cooldown": "30"}
    assert client.post(address, sent).status_code == 302
    playbook.refresh_from_db()
    assert (playbook.name, playbook.start, playbook.cooldown) == ("Renamed", "at_risk", 30)
    Playbook.objects.filter(pk=playbook.pk).update(active=False)
    assert client.post(address, sent).status_code == 302
    playbook.refresh_from_db()
    assert playbook.start == "blocked"
    refused = client.post(address, {**sent, "start": "stage"})
    assert "Choose the stage." in refused.text
    assert "There is no filter" in client.post(address, {**sent, "conditions_address": "?nonsense=1"}).text


def test_a_step_is_added_and_refused_where_it_is_none(client: Client, as_role: Callable[[str], User]) -> None:
    playbook = make_playbook(active=False)
    as_role("Program manager")
    address = f"/admin/analytics/playbookstep/add/?playbook={playbook.pk}"
    sent = {"playbook": playbook.pk, "day": "2", "does": "task", "kind": "call", "title": "Call", "template": ""}
    assert client.post(address, sent)["Location"] == page_of(playbook)
    assert [str(one) for one in playbook.steps.all()] == ["Call"]
    assert "A task needs a title." in client.post(address, {**sent, "title": " "}).text
    assert "An email needs a template." in client.post(address, {**sent, "does": "email"}).text
    assert "Only an email goes by itself." in client.post(address, {**sent, "automatic": "on"}).text


def test_the_list_takes_the_same_queries_for_many_playbooks_and_customers(
    client: Client, passes: Passes, as_role: Callable[[str], User]
) -> None:
    as_role("Program manager")
    make_playbook(email(), task(0))
    passes(0, c1=AT_RISK)
    own("c1")
    look()

    def queries() -> int:
        client.get(LIST)
        with CaptureQueriesContext(
            connection,
        ) as found:
            client.get(LIST)
        return len(found)

    few = queries()
    for number in range(5):
        make_playbook(email(), task(0), name=f"Rescue {number}")
    for number in range(5):
        make_customer(id=f"n{number}")
    passes(1, **{f"n{number}": AT_RISK for number in range(5)}, c1=AT_RISK)
    look()
    assert Customer.objects.filter(playbook_runs__state="running").distinct().count() == 6
    assert queries() == few


def test_the_history_tells_why_it_started_and_how_it_ended(
    client: Client, passes: Passes, as_role: Callable[[str], User]
) -> None:
    playbook = make_playbook(task(0), task(9, "Later"), end="over")
    passes(0, c1=AT_RISK)
    look()
    passes(1, c1=HEALTHY)
    look()
    as_role("Viewer")
    page = client.get("/admin/customer/c1/?told=playbooks")
    told = section(page, "timeline")
    assert "Playbook “Rescue” started: At risk, score 30" in told
    assert "Playbook “Rescue” ended early: The start no longer holds" in told
    assert links(page, "playbook") == [page_of(playbook)] * 2


def test_the_history_tells_who_stopped_it_and_nothing_of_whom_it_passed_over(
    client: Client, passes: Passes, as_role: Callable[[str], User]
) -> None:
    make_playbook(task(9))
    passes(0, c1=AT_RISK)
    look()
    run = run_of()
    PlaybookRun.objects.create(
        playbook=make_playbook(name="Other"), customer_id="c1", day=MONDAY, started_on=MONDAY, state="passed"
    )
    as_role("Success manager")
    client.post(f"{LIST}stop/{run.pk}/")
    entries = timeline(Customer.objects.get(pk="c1"), MONDAY, chosen=TimelineFilter.PLAYBOOKS).entries
    said_by = [(one.text, one.who, one.by_staff) for one in entries]
    assert said_by == [
        ("Playbook “Rescue” stopped", "Success manager", True),
        ("Playbook “Rescue” started: At risk, score 30", "", False),
    ]


def test_all_emails_to_approve_are_counted_and_paged(
    client: Client, passes: Passes, as_role: Callable[[str], User]
) -> None:
    make_playbook(email())
    passes(0, **{f"c{number:02}": AT_RISK for number in range(60)})
    look()
    as_role("Success manager")
    first, second = (section(client.get(LIST, {"page": page}), "approvals") for page in (1, 2))
    assert first.startswith("Emails to approve 60 ") and "1–50 of 60" in first
    assert first.count("Review") == 50 and second.count("Review") == 10
    mine = section(client.get("/admin/my-day/?owner="), "approvals")
    assert mine.startswith("Emails to approve 60 ") and mine.count("Review") == 5
    assert mine.endswith("All emails to approve")

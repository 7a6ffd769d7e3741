"""Milestones: who has reached which in a week, on the page, as a file, on the dashboard and in the history."""

import csv
import io
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from analytics.customer_page.timeline import TimelineFilter, timeline
from analytics.models import ReachedMilestones
from analytics.portfolio.milestones import Milestone, Reached, reached_of, reaching, week_of
from analytics.urgency.stored import KEPT, keep_newest
from customers.models import AuditEntry, Customer, CustomerCare
from tests.factories import make_customer, make_day, make_snapshot, make_staff
from tests.support.pages import forget, links, main_part, notices, section, table, words
from tests.support.scoring import D
from tests.support.table_export import content

pytestmark = pytest.mark.django_db

PAGE = "/admin/milestones/"
ALL = tuple(Milestone)
BEFORE = {"status": "healthy"}
STEPS = {"first_issue_tagged": True, "first_pr_generated": True}


def ago(days: int) -> date:
    return D - timedelta(days=days)


def scored(*days: int) -> None:
    """Score the days that lie so many days before D."""
    for one in days:
        make_day(date=ago(one))


def known(key: str, days: dict[int, dict[str, Any]], **overrides: Any) -> Customer:
    """A customer of long ago, and what was known of it so many days before D."""
    values = {"organization": f"Company {key}", "signup_date": ago(100), **overrides}
    customer = make_customer(id=key, **values)
    for one, facts in days.items():
        make_snapshot(customer, date=ago(one), **facts)
    return customer


def reached(day: date = D, back: int = 0) -> list[tuple[str, str, int]]:
    """Whose milestones a week has, which, and how many days before D each was reached."""
    week = week_of(day, back)
    assert week
    found = reached_of(reaching(week), ALL)
    return [(one.customer, one.milestone.value, (D - one.day).days) for one in found]


# --- Which milestones count ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("milestone", "facts"),
    [
        ("first_issue", {"first_issue_tagged": True}),
        ("first_pr", {"first_pr_generated": True}),
        ("first_merged", {"prs_merged": 3}),
        ("onboarded", {"onboarded": True}),
        ("champion", {"status": "champion"}),
    ],
)
def test_each_counts_from_the_first_scored_date_that_shows_it(milestone: str, facts: dict[str, Any]) -> None:
    scored(7, 3, 2, 0)
    known("c1", {7: BEFORE, 3: BEFORE, 2: facts, 0: facts})
    known("c2", {7: facts, 3: facts, 2: facts, 0: facts})
    known("c3", {7: BEFORE, 3: facts, 2: facts, 0: BEFORE})
    assert reached() == [("c1", milestone, 2)]


def test_the_newest_come_first_and_on_one_day_as_a_customer_reaches_them() -> None:
    scored(8, 1, 0)
    known("c2", {8: BEFORE, 1: STEPS, 0: {**STEPS, "onboarded": True, "prs_merged": 1}})
    known("c1", {8: BEFORE, 1: BEFORE, 0: STEPS})
    assert reached() == [
        ("c1", "first_issue", 0),
        ("c1", "first_pr", 0),
        ("c2", "first_merged", 0),
        ("c2", "onboarded", 0),
        ("c2", "first_issue", 1),
        ("c2", "first_pr", 1),
    ]


def test_who_becomes_champion_again_is_told_no_more() -> None:
    scored(20, 8, 0)
    known("c1", {20: {"status": "champion"}, 8: BEFORE, 0: {"status": "champion"}})
    known("c2", {20: BEFORE, 8: BEFORE, 0: {"status": "champion"}})
    assert reached() == [("c2", "champion", 0)]


def test_of_new_customers_those_count_who_signed_up_this_week() -> None:
    scored(7, 0)
    known("late", {0: STEPS}, signup_date=ago(7))
    known("new", {0: STEPS}, signup_date=ago(6))
    assert reached() == [("new", "first_issue", 0), ("new", "first_pr", 0)]


def test_without_a_date_to_compare_with_only_those_who_signed_up_count() -> None:
    scored(15, 0)
    known("c1", {15: BEFORE, 0: STEPS})
    known("c2", {0: {"prs_merged": 1}}, signup_date=ago(2))
    assert reached() == [("c2", "first_merged", 0)]


def test_a_week_is_what_was_known_at_its_end() -> None:
    scored(15, 9, 7, 5, 0)
    known("c1", {15: BEFORE, 9: STEPS, 7: STEPS, 5: STEPS, 0: STEPS})
    known("c2", {15: BEFORE, 9: BEFORE, 7: BEFORE, 5: {"prs_merged": 1}, 0: {"prs_merged": 1}})
    assert reached() == [("c2", "first_merged", 5)]
    assert reached(back=1) == [("c1", "first_issue", 9), ("c1", "first_pr", 9)] == reached(ago(7))
    assert week_of(ago(40)) is None


# --- The page ------------------------------------------------------------------------------------------------------


@pytest.fixture
def program() -> User:
    """Three customers who have reached something: one of an owner, one of a cohort."""
    scored(8, 1, 0)
    vip = known("c1", {8: BEFORE, 1: STEPS, 0: STEPS}, cohort="VIP", organization="Acme <b>")
    known("c2", {8: BEFORE, 1: BEFORE, 0: {"onboarded": True, "score": 80}})
    known("c3", {8: BEFORE, 1: BEFORE, 0: BEFORE})
    owner = make_staff("Success manager", first_name="Sofia", username="sofia")
    CustomerCare.objects.create(customer=vip, owner=owner)
    return owner


def listed(client: Client, query: str = "") -> list[list[str]]:
    response = client.get(f"{PAGE}?{query}")
    assert response.status_code == 200
    shown = table(main_part(response), "reached") if "Table of milestones" in response.text else []
    return [row[:3] for row in shown]


def test_the_page_says_who_reached_what(viewer: Client, program: User) -> None:
    response = viewer.get(PAGE)
    assert table(main_part(response), "reached") == [
        ["Company c2", "Onboarding completed", "10 May 2025", "Healthy", "80", "–", "Unassigned"],
        ["Acme <b>", "First issue tagged", "9 May 2025", "Healthy", "75", "VIP", "Sofia"],
        ["Acme <b>", "First PR generated", "9 May 2025", "Healthy", "75", "VIP", "Sofia"],
    ]
    assert "Acme <b>" not in response.text
    assert "3 milestones" in words(main_part(response))


@pytest.mark.parametrize(
    ("query", "customers"),
    [
        ("kind=first_pr", ["Acme <b>"]),
        ("cohort=VIP", ["Acme <b>", "Acme <b>"]),
        ("cohort=none", ["Company c2"]),
        ("owner=none", ["Company c2"]),
        ("q=c2", ["Company c2"]),
        ("kind=champion", []),
        ("as_of=2025-05-09", ["Acme <b>", "Acme <b>"]),
        ("week=1", []),
        # Nothing of that week is scored.
        ("week=5", []),
        ("owner=999999", []),
    ],
)
def test_the_address_narrows_it(viewer: Client, program: User, query: str, customers: list[str]) -> None:
    assert [row[0] for row in listed(viewer, query)] == customers


def test_by_owner(viewer: Client, program: User) -> None:
    assert [row[0] for row in listed(viewer, f"owner={program.pk}")] == ["Acme <b>", "Acme <b>"]


@pytest.mark.parametrize("query", ["kind=nothing", "week=99", "week=x", "cohort=nobody", "owner=x", "color=red"])
def test_what_is_not_understood_is_said(viewer: Client, program: User, query: str) -> None:
    response = viewer.get(f"{PAGE}?{query}")
    assert len(notices(response)) == 1, notices(response)
    label = {"kind": "Milestone:", "color": "There is no filter 'color'."}.get(query.partition("=")[0])
    assert notices(response)[0].startswith(label or f"{query.partition('=')[0].capitalize()}:")


def test_a_customers_page_leads_back_and_on(viewer: Client, program: User) -> None:
    [address] = links(viewer.get(PAGE), "Company c2")
    page = viewer.get(address)
    assert links(page, "← Back to the milestones") == [PAGE]
    following = viewer.get(address.replace("/c2/", "/c2/next/"))
    assert following.headers["Location"].startswith("/admin/customer/c1/?")


def test_nothing_is_scored(viewer: Client) -> None:
    assert viewer.get(PAGE).status_code == 200
    assert viewer.get(PAGE).context.get("listed") is None


def test_as_many_queries_however_many_there_are(viewer: Client, program: User) -> None:
    counts = []
    for more in (0, 40):
        for number in range(more):
            known(f"d{number}", {8: BEFORE, 1: STEPS, 0: STEPS})
        forget()
        with CaptureQueriesContext(connection) as asked:
            viewer.get(PAGE)
        counts.append(len(asked))
    assert counts[0] == counts[1] <= 14


# --- The file, the dashboard, the history --------------------------------------------------------------------------


def test_the_file_has_all_that_the_filters_leave(
    client: Client, program: User, today_is: Callable[[date], None]
) -> None:
    today_is(D)
    client.force_login(make_staff("Program manager"))
    response = client.get(f"{PAGE}export/?cohort=VIP")
    rows = list(csv.reader(io.StringIO(content(response).decode("utf-8-sig"))))
    assert [",".join(row) for row in rows] == [
        "reached_on,milestone,customer_id,organization,cohort,owner,status,score,as_of",
        "2025-05-09,first_issue,c1,Acme <b>,VIP,Sofia,healthy,75,2025-05-10",
        "2025-05-09,first_pr,c1,Acme <b>,VIP,Sofia,healthy,75,2025-05-10",
    ]
    entry = AuditEntry.objects.latest("pk")
    assert (entry.action, entry.subject) == ("export", "milestones")
    assert entry.text == "2 rows as of 10 May 2025\nfilters: Cohort: VIP"
    assert client.get(f"{PAGE}export/?kind=nothing").status_code == 302


@pytest.mark.parametrize("are_stored", [False, True])
def test_the_dashboards_numbers_lead_to_as_many_rows(viewer: Client, program: User, *, are_stored: bool) -> None:
    if are_stored:
        keep_newest(KEPT)
    for query in ("", "?as_of=2025-05-09"):
        page = viewer.get(f"/admin/{query}")
        said = section(page, "milestones")
        counts = [1, 1, 0, 0 if query else 1, 0]
        assert f"All: {sum(counts)}" in said
        for milestone, count in zip(Milestone, counts, strict=True):
            assert f"{count} {milestone.label}" in said
            [address] = links(page, f"{count} {milestone.label}")
            assert len(listed(viewer, address.partition("?")[2])) == count


def test_the_dashboard_counts_what_is_stored_of_its_week_alone(viewer: Client, program: User) -> None:
    """So many are to be read at once, however many customers there are; another date before makes it another week."""
    keep_newest(KEPT)
    ReachedMilestones.objects.filter(customer="c2").delete()
    assert "All: 2" in section(viewer.get("/admin/"), "milestones")
    scored(7)
    forget()
    assert "All: 0" in section(viewer.get("/admin/"), "milestones")


def test_the_history_tells_each_once_and_all_of_them_on_request() -> None:
    facts = {**STEPS, "prs_merged": 1, "onboarded": True, "status": "champion"}
    customer = known("c1", {9: BEFORE, 2: facts, 1: {**facts, "status": "healthy"}, 0: facts})
    told = [(one.day, one.text) for one in timeline(customer, D, chosen=TimelineFilter.MILESTONES).entries]
    assert told == [(ago(2), f"Milestone: {milestone.label}") for milestone in reversed(Milestone)]
    everything = [one.text for one in timeline(customer, D).entries]
    assert [text for text in everything if text.startswith("Milestone")] == [
        "Milestone: Onboarding completed",
        "Milestone: First PR merged",
    ]
    assert not timeline(customer, ago(3), chosen=TimelineFilter.MILESTONES).entries


def test_the_history_says_the_same_as_the_week() -> None:
    scored(8, 1, 0)
    customers = [
        known("c1", {8: BEFORE, 1: STEPS, 0: {**STEPS, "onboarded": True}}),
        known("c2", {1: BEFORE, 0: {"prs_merged": 2}}, signup_date=ago(3)),
        known("c3", {0: {"status": "champion"}}, signup_date=ago(1)),
        known("c4", {0: {"status": "champion"}}),
    ]
    told = {
        (customer.pk, one.text.removeprefix("Milestone: "), one.day)
        for customer in customers
        for one in timeline(customer, D, chosen=TimelineFilter.MILESTONES).entries
    }
    week = week_of(D)
    assert week
    found: list[Reached] = reached_of(reaching(week), ALL)
    assert told == {(one.customer, one.milestone.label, one.day) for one in found}
    assert len(told) == 5

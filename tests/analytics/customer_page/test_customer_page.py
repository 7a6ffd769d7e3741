"""A customer's page: the golden case as the mock-up has it, and the pages of those who have less, or more."""

import re
from datetime import date, timedelta

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from analytics.models import PortfolioDay
from analytics.scoring.snapshots import score_day
from customers.models import Customer, CustomerCare, Engagement, Event, Feedback
from tests.factories import make_customer, make_engagement, make_run, make_staff
from tests.support.pages import links, main_part, notices, section, words

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("demo_program", "the_day_after")]

D = date(2025, 5, 10)
ACME = "/admin/customer/c1001/"
PAGE_QUERIES = 13
"""Session, user and twice permissions; customer with care and onboarding; the badges; history of snapshots; steps;
what changed; activity; timeline; alerts; tasks."""
EDITED_QUERIES = PAGE_QUERIES + 4
"""The first page after an edit also finds the scored date, the rules, who is not to be contacted, and the CRMs."""
FIRST_QUERIES = EDITED_QUERIES + 5
"""After an import or a scoring, once or twice a day, the first one also finds the feeds, the runs, the dates to
compare with and the forecasts' models."""


def timeline_entries(response: HttpResponse) -> list[str]:
    [entries] = re.findall(r'<ol class="timeline".*?</ol>', main_part(response), re.DOTALL)
    return [words(entry) for entry in re.findall(r"<li\b.*?</li>", entries, re.DOTALL)]


def count_queries(client: Client, address: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert client.get(address).status_code == 200
    return len(captured)


# --- The golden case --------------------------------------------------------------------------------------------


def test_acme_head(viewer: Client) -> None:
    page = words(main_part(viewer.get(ACME)))
    assert page.startswith("← Back to the dashboard Previous Next Acme Inc. ⚠ Updated ")
    facts = "Health score 45 ⚠ At risk · Activity trend: ↓ Declining · Initial adoption · as of 10 May 2025"
    assert f"Refresh {facts}" in page
    assert links(viewer.get(ACME), "john@acme.com") == ["mailto:john@acme.com"]


def test_acme_details(viewer: Client) -> None:
    assert section(viewer.get(ACME), "details") == (
        "Details Contact john@acme.com Team size 15 GitHub acme-dev Cohort VIP Signup date 3 May 2025 Industry SaaS "
        "Account status Active Owner – Customer id c1001 Last active 3 days ago"
    )


def test_acme_onboarding(viewer: Client) -> None:
    assert section(viewer.get(ACME), "onboarding") == (
        "Onboarding progress 80% 80% complete · Initial adoption "
        "✓ Welcome Email on 3 May 2025 ✓ Account Setup on 3 May 2025 ✓ GitHub Action on 4 May 2025 "
        "✓ First Issue on 5 May 2025 ✗ First PR not yet "
        "7 days since signup. Blocker: GitHub permissions seen since 9 May 2025 or longer "
        "Customer needs help with repository permissions to allow PR creation"
    )


def test_acme_health(viewer: Client) -> None:
    text = section(viewer.get(ACME), "health")
    # A bar's own words are its percentage, rounded down.
    assert text == (
        "Health score: 45/100 (At risk) 45% Components of the health score "
        "Activity level 4 active days in the last 7 66% 20/30 "
        "PR success rate no PR generated in the last 30 days 0% 0/25 "
        "Feature adoption account, GitHub Action, first issue; not yet: first PR 75% 15/20 "
        "Support satisfaction 2 support requests in the last 30 days, no CSAT answer in 90 66% 10/15 "
        "NPS score no answer in the last 180 days, counts 0 0% N/A "
        "Policy v1"
    )


def test_acme_engagement(viewer: Client) -> None:
    text = section(viewer.get(ACME), "engagement")
    assert text.startswith("Activity, last 7 days 7 days 30 days 90 days ")
    assert text.endswith(
        "4 May 0 0 0 0 1 Issues tagged 5 5 in all PRs generated 0 0 in all PRs merged 0 0 in all "
        "PRs rejected 0 0 in all Support requests 2 2 in all "
        "Activity trend: ↓ Declining last 7 days, without support requests "
        "Of all generated PRs merged: – Active days in all: 4"
    )


def test_acme_timeline(viewer: Client) -> None:
    assert timeline_entries(viewer.get(f"{ACME}?told=product")) == [
        "7 May Support request: “How do I create PRs?”",
        "6 May Tagged 2 issues",
        "5 May Tagged 3 issues",
        "4 May 1 support request",
        "4 May Installed GitHub Action",
        "3 May Created account",
        "3 May Welcome email sent",
    ]


def test_acme_recommended_actions(viewer: Client) -> None:
    assert section(viewer.get(ACME), "actions") == (
        "Recommended actions "
        "Schedule a technical call Blocked: GitHub permissions "
        "Share the documentation on repository permissions Blocked: GitHub permissions "
        "Send a follow-up email about PR generation 5 issues tagged, but no PR generated"
    )


# --- Dates ------------------------------------------------------------------------------------------------------


def test_on_an_earlier_date_it_says_what_was_known_then(viewer: Client) -> None:
    response = viewer.get(f"{ACME}?as_of=2025-05-09")
    # The same four days are in the week to the 9th.
    assert "Health score: 45/100 (At risk)" in section(response, "health")
    assert section(response, "details").endswith("Last active 2 days ago")
    assert links(response, "← Back to the dashboard") == ["/admin/?as_of=2025-05-09"]


def test_what_happened_after_the_date_is_not_told(viewer: Client) -> None:
    score_day(date(2025, 5, 4))
    response = viewer.get(f"{ACME}?as_of=2025-05-04")
    assert "First Issue not yet" in section(response, "onboarding")
    timeline = section(response, "timeline")
    assert timeline.startswith(
        "History Everything Staff Notes Calls and meetings Emails Tasks Snoozes Owner Alerts Status Milestones "
        "Playbooks Product Imports 4 May 1 support request 4 May Installed GitHub Action 3 May"
    )


def test_before_the_signup_there_is_no_score(viewer: Client) -> None:
    score_day(date(2025, 5, 2))
    response = viewer.get(f"{ACME}?as_of=2025-05-02")
    assert response.status_code == 200
    text = words(main_part(response))
    assert "No score on 2 May 2025 Acme Inc. signed up on 3 May 2025" in text
    assert "john@acme.com" in text
    assert "Recommended actions" not in text


def test_before_anything_is_scored_the_details_are_there(viewer: Client) -> None:
    PortfolioDay.objects.all().delete()
    text = words(main_part(viewer.get(ACME)))
    assert "Nothing is scored yet Scores appear after the next nightly run." in text
    assert "john@acme.com" in text
    assert "Last active –" in text


def test_the_timeline_names_the_year_where_it_is_another_one(viewer: Client) -> None:
    make_engagement(Customer.objects.get(pk="c1001"), date(2024, 12, 31), issues_tagged=1, id="old")
    assert timeline_entries(viewer.get(ACME))[-1] == "31 Dec 2024 Tagged 1 issue"


# --- Who has less, or more --------------------------------------------------------------------------------------


def test_a_customer_with_nothing_yet(viewer: Client) -> None:
    response = viewer.get("/admin/customer/c1012/")
    assert "Team size – GitHub – Cohort Early Access" in section(response, "details")
    assert section(response, "onboarding").startswith(
        "Onboarding progress 0% 0% complete · New signup ✗ Welcome Email not yet ✗ Account Setup not yet"
    )
    assert "Health score: 15/100 (At risk)" in section(response, "health")
    response = viewer.get("/admin/customer/c1012/?told=product")
    assert section(response, "timeline").endswith("Imports Nothing of this kind has happened yet.")
    assert "Last active Never" in section(response, "details")


def test_an_onboarded_customer_says_when_and_how_long_it_took(viewer: Client) -> None:
    onboarding = section(viewer.get("/admin/customer/c1003/"), "onboarding")
    assert "Onboarded on 13 Mar 2025, 3 days after signup." in onboarding
    assert "Blocker" not in onboarding


def test_steps_that_only_the_first_import_knows_have_no_day(viewer: Client) -> None:
    # Böhm & Lefèvre's GitHub Action has no event, and the first file already said that it is there.
    assert "✓ GitHub Action done before the first import" in section(
        viewer.get("/admin/customer/c1005/"), "onboarding"
    )


def test_owner_and_notes(viewer: Client) -> None:
    owner = make_staff(first_name="Sofia", last_name="Marchetti")
    CustomerCare.objects.create(customer_id="c1001", owner=owner, notes="Prefers\nmornings")
    response = viewer.get(ACME)
    details = section(response, "details")
    assert "Owner Sofia Marchetti" in details
    assert details.endswith("Internal notes Prefers mornings")
    assert links(response, "Assignment") == []


def test_who_may_edit_owner_and_notes_is_led_there(client: Client) -> None:
    client.force_login(make_staff("Success manager"))
    [address] = links(client.get(ACME), "Assignment")
    assert address == "/admin/customers/customercare/add/?customer=c1001"
    assert client.get(address).status_code == 200
    CustomerCare.objects.create(customer_id="c1001")
    [address] = links(client.get(ACME), "Assignment")
    assert address == "/admin/customers/customercare/c1001/change/"
    assert client.get(address).status_code == 200


def test_a_customer_that_the_feed_lacks_says_since_when(viewer: Client) -> None:
    run = make_run()
    Customer.objects.filter(pk="c1002").update(missing_since=run)
    assert notices(viewer.get("/admin/customer/c1002/"))[0] == (
        f"Missing from customers.csv since {run.started_at:%-d %b %Y}."
    )


@pytest.mark.parametrize(("scored", "said"), [(True, "No score on 10 May 2025"), (False, "Nothing is scored yet")])
def test_whoever_is_not_scored_yet_has_a_history_all_the_same(client: Client, scored: bool, said: str) -> None:
    client.force_login(make_staff("Success manager"))
    make_customer(id="fresh", organization="Fresh Ltd")
    if not scored:
        PortfolioDay.objects.all().delete()
    response = client.post("/admin/customer/fresh/notes/", {"kind": "call", "text": "Welcomed them"}, follow=True)
    assert said in words(main_part(response))
    assert "Call: Welcomed them" in section(response, "timeline")


# --- Addresses --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["nobody", "C1001", "c1001%20", "%00", "c1001%0A", "..", "c1001/x"])
def test_an_unknown_customer_is_not_found(viewer: Client, key: str) -> None:
    assert viewer.get(f"/admin/customer/{key}/").status_code == 404


@pytest.mark.parametrize("key", ["a.b", "x:1", "0_-:.", "a" * 64, "2025-05-10T10:00:00.000"])
def test_every_id_that_a_feed_may_give_has_a_page(viewer: Client, key: str) -> None:
    make_customer(id=key, organization="Odd One")
    score_day(D)
    [address] = links(viewer.get("/admin/?q=odd"), "Odd One")
    assert address == f"{reverse('analytics:customer', args=[key])}?q=odd"
    response = viewer.get(address)
    assert response.status_code == 200
    assert f"Customer id {key} " in section(response, "details")


# --- What it costs ----------------------------------------------------------------------------------------------


def test_the_number_of_queries_does_not_grow_with_the_history(viewer: Client) -> None:
    score_day(date(2025, 5, 3))  # to compare with
    assert [count_queries(viewer, ACME) for _ in range(2)] == [FIRST_QUERIES, PAGE_QUERIES]
    LogEntry.objects.create(user=make_staff(), object_id="1", object_repr="one", action_flag=CHANGE)
    assert [count_queries(viewer, ACME) for _ in range(2)] == [EDITED_QUERIES, PAGE_QUERIES]
    days = [date(2023, 1, 1) + timedelta(days=number) for number in range(500)]
    row = {"customer_id": "c1001", "run_id": 1, "line": 2}
    Engagement.objects.bulk_create(
        Engagement(id=f"q{number}", date=day, issues_tagged=1, prs_generated=1, **row)
        for number, day in enumerate(days * 2)
    )
    Event.objects.bulk_create(
        Event(id=f"q{number}", date=day, kind="note", detail=str(day), **row) for number, day in enumerate(days)
    )
    Feedback.objects.bulk_create(Feedback(id=f"q{number}", date=day, nps=5, **row) for number, day in enumerate(days))
    score_day(D)
    assert [count_queries(viewer, ACME) for _ in range(2)] == [FIRST_QUERIES, PAGE_QUERIES]


def test_a_refused_feed_is_said_here_too(viewer: Client) -> None:
    make_run(feed="engagement", file="engagement.csv", status="refused", reason="the file is empty")
    assert "engagement.csv was refused" in viewer.get(ACME).text.replace("<strong>", "")

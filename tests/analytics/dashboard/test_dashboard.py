"""The front page: what it says of the demo program, of which date, how fresh, and what went wrong."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest
from django.http import HttpResponse
from django.test import Client

from analytics.dashboard.blocks import BLOCKS
from analytics.models import PortfolioDay
from customers.models import Customer, ImportRun, QuarantinedRow
from tests.factories import end_run, make_day, make_run
from tests.support.pages import links, main_part, names, notices, rows, section, words

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("demo_program", "the_day_after")]

NEWEST = date(2025, 5, 10)

ACME = "Acme Inc."
TECHCORP = "TechCorp"
DEVSOLUTIONS = "DevSolutions"
SAKURA = "株式会社さくらソフトウェア"
LOGISTIQUE = "Böhm & Lefèvre Logistique"
CONSORTIUM = (
    "Interuniversity Consortium for High-Performance Computing, Bioinformatics and Open Research Data of the "
    "Northern Regions"
)
NAKHEEL = "شركة النخيل للحلول البرمجية"
HALVORSEN = "Halvorsen Freight Systems"
BRIGHTWATER = (
    "Municipal Water and Energy Services of Greater Brightwater, Department of Digital Infrastructure and Cyber "
    "Security"
)
OREN = "מעבדות אורן בע״מ"
QUILLFEATHER = "Quillfeather Games"
TIMBER = "Tide & Timber Co."


def figures(response: HttpResponse) -> list[str]:
    """The six figures of the summary, without their changes."""
    return [words(text) for text in re.findall(r"<dd>\s*(<a\b.*?</a>)", main_part(response), re.DOTALL)][:6]


# --- The figures ------------------------------------------------------------------------------------------------


def test_the_summary(viewer: Client) -> None:
    none = "– no earlier date to compare with"
    assert section(viewer.get("/admin/"), "summary") == (
        f"Summary Total customers 12 {none} Active today 8 {none} At risk 2 and 2 inactive {none} "
        f"Onboarding rate 50% {none} Success rate 82% {none} Average time to value 3.5d {none} "
        "No date to compare with 7 days 30 days 90 days Previous month"
    )


def test_the_onboarding_funnel(viewer: Client) -> None:
    found = section(viewer.get("/admin/"), "onboarding")
    assert found.startswith("Onboarding progress 65% 65% complete")
    for step in (
        "Welcome Email 75% 9/12 (75%)",
        "Account Setup 75% 9/12 (75%)",
        "GitHub Action 67% 8/12 (67%)",
        "First Issue 58% 7/12 (58%)",
        "First PR 50% 6/12 (50%)",
    ):
        assert step in found


def test_the_health_distribution(viewer: Client) -> None:
    assert section(viewer.get("/admin/"), "health") == (
        "Customer health Customers by health status Champion 25% 3 (25%) Healthy 33% 4 (33%) "
        "Needs attention 8% 1 (8%) At risk 17% 2 (17%) Inactive 17% 2 (17%)"
    )


def test_each_customer_has_a_row_and_the_worst_come_first(viewer: Client) -> None:
    response = viewer.get("/admin/")
    assert names(response) == [
        TIMBER,
        ACME,
        BRIGHTWATER,
        QUILLFEATHER,
        OREN,
        TECHCORP,
        CONSORTIUM,
        HALVORSEN,
        NAKHEEL,
        LOGISTIQUE,
        DEVSOLUTIONS,
        SAKURA,
    ]
    assert rows(response)[1] == [
        "Acme Inc. ⚠ blocked",
        "⚠ At risk",
        "45",
        "↓ Declining",
        "80% 80%",
        "Initial adoption",
        "3 days ago",
        "VIP",
        "–",
    ]
    assert 'aria-label="at risk"' in main_part(response)
    assert '<time datetime="2025-05-07" title="7 May 2025">3 days ago</time>' in main_part(response)


def test_who_never_was_active(viewer: Client) -> None:
    [row] = rows(viewer.get("/admin/?q=timber"))
    assert row[6] == "Never"


def test_a_figure_leads_to_the_customers_behind_it(viewer: Client) -> None:
    page = viewer.get("/admin/")
    [active], [at_risk], [onboarded] = links(page, "8"), links(page, "2"), links(page, "50%")
    assert len(names(viewer.get(*links(page, "12")))) == 12
    [success_rate], [time_to_value] = links(page, "82%"), links(page, "3.5d")
    assert len(names(viewer.get(success_rate))) == 6
    assert set(names(viewer.get(time_to_value))) == set(names(viewer.get(onboarded)))
    assert len(names(viewer.get(active))) == 8
    assert names(viewer.get(at_risk)) == [TIMBER, ACME]
    assert len(names(viewer.get(onboarded))) == 6
    [without_pr] = links(page, "First PR")
    assert set(names(viewer.get(without_pr))) == {TIMBER, ACME, BRIGHTWATER, QUILLFEATHER, OREN, TECHCORP}
    [champions] = links(page, "Champion")
    assert names(viewer.get(champions)) == [LOGISTIQUE, DEVSOLUTIONS, SAKURA]


# --- As of a date -----------------------------------------------------------------------------------------------


def test_an_earlier_date_says_what_was_known_then(viewer: Client) -> None:
    response = viewer.get("/admin/?as_of=2025-05-09")
    text = words(main_part(response))
    assert "As of 9 May 2025 · go to the newest date" in text
    # Nakheel was not active on the 9th. Brightwater had one active day less in its week, thus 47 points. 304 of 363
    # PRs were merged.
    assert figures(response) == ["12", "7", "3", "50%", "84%", "3.5d"]
    assert links(response, "go to the newest date") == ["/admin/"]
    filtered = viewer.get("/admin/?as_of=2025-05-09&status=at_risk&page=2")
    assert links(filtered, "go to the newest date") == ["/admin/?status=at_risk"]
    assert links(response, "7") == ["/admin/?only=active&as_of=2025-05-09#customers"]
    assert len(names(viewer.get("/admin/?only=active&as_of=2025-05-09"))) == 7
    assert 'name="as_of" value="2025-05-09"' in main_part(response)


def test_the_newest_date_is_the_default_and_not_in_the_addresses(viewer: Client) -> None:
    for address in ("/admin/", "/admin/?as_of=", "/admin/?as_of=2025-05-10"):
        response = viewer.get(address)
        assert "As of 10 May 2025" in words(main_part(response))
        assert notices(response) == []
        assert links(response, "8") == ["/admin/?only=active#customers"]


@pytest.mark.parametrize(
    ("asked", "shown", "note"),
    [
        ("2025-05-11", "10 May 2025", "11 May 2025 is not scored; this is the newest date before it that is."),
        ("9999-12-31", "10 May 2025", "31 Dec 9999 is not scored; this is the newest date before it that is."),
        ("2025-05-08", "9 May 2025", "8 May 2025 is not scored; this is the first date that is."),
        ("0001-01-01", "9 May 2025", "1 Jan 1 is not scored; this is the first date that is."),
        ("2025-02-30", "10 May 2025", "'2025-02-30' is not a date; this is the newest one that is scored."),
        ("yesterday", "10 May 2025", "'yesterday' is not a date; this is the newest one that is scored."),
        ("%00<b>", "10 May 2025", "'\\x00<b>' is not a date; this is the newest one that is scored."),
    ],
)
def test_another_date_is_answered_with_a_note(viewer: Client, asked: str, shown: str, note: str) -> None:
    response = viewer.get(f"/admin/?as_of={asked}")
    assert response.status_code == 200
    assert f"{shown} " in words(main_part(response)).split("As of ")[1]
    assert notices(response)[0] == note


def test_between_two_scored_dates_the_one_before_is_shown(viewer: Client) -> None:
    make_day(date=date(2025, 5, 1), total=3)
    response = viewer.get("/admin/?as_of=2025-05-07")
    assert "As of 1 May 2025" in words(main_part(response))
    assert notices(response)[0] == "7 May 2025 is not scored; this is the newest date before it that is."


def test_a_date_that_was_scored_long_after_says_so(viewer: Client) -> None:
    PortfolioDay.objects.filter(date="2025-05-09").update(scored_at=datetime(2025, 6, 2, 4, tzinfo=UTC))
    assert notices(viewer.get("/admin/?as_of=2025-05-09")) == [
        "9 May 2025 was scored later, with the customers’ details of 2 Jun 2025."
    ]


# --- How fresh it is --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("today", [date(2025, 5, 10), date(2025, 5, 11), date(2025, 5, 12)])
def test_fresh_data_need_no_warning(viewer: Client, today_is: Callable[[date], None], today: date) -> None:
    today_is(today)
    assert notices(viewer.get("/admin/")) == []


@pytest.mark.parametrize(("today", "days"), [(date(2025, 5, 13), 3), (date(2026, 11, 22), 561)])
def test_old_data_are_called_out(viewer: Client, today_is: Callable[[date], None], today: date, days: int) -> None:
    today_is(today)
    expected = [f"Data through 10 May 2025, {days} days old."]
    assert notices(viewer.get("/admin/")) == expected
    assert notices(viewer.get("/admin/customer/c1002/"))[:1] == expected


def test_each_feed_says_when_it_was_loaded(viewer: Client) -> None:
    ImportRun.objects.update(started_at=datetime(2025, 5, 11, 2, 30, tzinfo=UTC))
    assert section(viewer.get("/admin/"), "feeds") == (
        "Feeds Customers: 11 May 2025, 02:30 Onboarding: 11 May 2025, 02:30 Engagement: 11 May 2025, 02:30 "
        "Feedback: 11 May 2025, 02:30 Events: 11 May 2025, 02:30 Quarantine: no rows"
    )


def test_rows_in_quarantine_are_counted(viewer: Client) -> None:
    run = make_run()
    for line, status in enumerate(("open", "open", "loaded", "superseded"), 2):
        QuarantinedRow.objects.create(run=run, feed="customers", line=line, raw="x", reasons=["no"], status=status)
    response = viewer.get("/admin/")
    [address] = links(response, "Quarantine: 2 rows")
    assert "2 quarantined rows" in words(viewer.get(address).text)


# --- What went wrong --------------------------------------------------------------------------------------------


def test_a_refused_required_feed_is_told_until_it_loads(viewer: Client) -> None:
    ImportRun.objects.update(started_at=datetime(2025, 5, 11, 2, 30, tzinfo=UTC))
    told = [
        "engagement.csv was refused on 12 May 2025, 02:31: the header is missing prs_merged. "
        "Its data are those of 11 May 2025, 02:30. The figures below stay as they were until it loads."
    ]
    make_run(
        feed="engagement",
        file="engagement.csv",
        status="refused",
        reason="the header is missing prs_merged",
        started_at=datetime(2025, 5, 12, 2, 31, tzinfo=UTC),
    )
    response = viewer.get("/admin/")
    assert notices(response) == told
    assert 'class="notice notice-error" role="alert"' in main_part(response)
    # The next attempt has not ended yet, so that nothing is better.
    run = make_run(feed="engagement", file="engagement.csv", status="running")
    assert notices(viewer.get("/admin/")) == told
    end_run(run, "loaded")
    assert notices(viewer.get("/admin/")) == []


def test_a_failed_optional_feed_is_told_until_it_loads(viewer: Client) -> None:
    ImportRun.objects.filter(feed="events").delete()
    make_run(
        feed="events",
        file="events.csv.gz",
        status="failed",
        reason="OSError: disk full",
        started_at=datetime(2025, 5, 12, 2, 31, tzinfo=UTC),
    )
    response = viewer.get("/admin/")
    assert notices(response) == [
        "events.csv.gz failed on 12 May 2025, 02:31: OSError: disk full. It was never loaded."
    ]
    assert "Events: never loaded (optional)" in section(response, "feeds")
    make_run(feed="events", file="events.csv.gz")
    assert notices(viewer.get("/admin/")) == []


# --- Nothing there ----------------------------------------------------------------------------------------------


def test_an_empty_database_says_what_to_do_next(viewer: Client) -> None:
    PortfolioDay.objects.all().delete()
    Customer.objects.all().delete()
    response = viewer.get("/admin/")
    assert response.status_code == 200
    assert (
        "No customers yet They appear here after the first import. "
        "Ask a program manager to upload the CSV files." in words(main_part(response))
    )


def test_loaded_but_not_scored_says_what_to_do_next(viewer: Client) -> None:
    PortfolioDay.objects.all().delete()
    for address in ("/admin/", "/admin/?as_of=2025-05-10", "/admin/?status=at_risk&page=3"):
        response = viewer.get(address)
        assert response.status_code == 200
        assert (
            "Nothing is scored yet The customers are loaded. Their scores appear after the next nightly run"
            in words(main_part(response))
        )


def test_where_nothing_was_counted_there_is_a_dash(viewer: Client) -> None:
    PortfolioDay.objects.all().delete()
    make_day()
    response = viewer.get("/admin/")
    assert figures(response) == ["0", "0", "0", "–", "–", "–"]
    assert "– complete" in section(response, "onboarding")
    assert "0/0 (–)" in section(response, "onboarding")
    assert "Champion 0% 0 (–)" in section(response, "health")


def test_a_refresh_replaces_each_block(viewer: Client) -> None:
    page = main_part(viewer.get("/admin/"))
    regions = page.split('data-regions="')[1].split('"')[0].split(" | ")
    names = ["summary", "needs", "milestones", "disagreements", "onboarding", "health", "engagement", "history"]
    assert [block.name for block in BLOCKS] == names
    for block in BLOCKS:
        assert f"#{block.name}-part" in regions
        assert page.count(f'<section id="{block.name}-part"') == 1


def test_each_figure_and_column_that_is_not_plain_says_what_it_means(viewer: Client) -> None:
    page = main_part(viewer.get("/admin/?columns=success_rate"))
    found = re.findall(r'<summary aria-label="What ([^"]*) means">\?</summary><p>([^<]+)</p>', page)
    assert [label for label, _text in found] == [
        *("Total customers", "Active today", "At risk", "Onboarding rate", "Success rate", "Average time to value"),
        *(
            "this list",
            "milestones",
            "the disagreement",
            "onboarding progress",
            "health status",
            "active customers",
            "issues and PRs",
            "health history",
        ),
    ]
    assert dict(found)["Success rate"] == (
        "Pull requests that were merged, as a share of those that were generated, up to this date."
    )
    [columns] = re.findall(r'"What the columns mean">\?</summary>(.*?)</details>', page, re.DOTALL)
    assert words(columns) == ("Success rate Pull requests that were merged, as a share of those that were generated.")

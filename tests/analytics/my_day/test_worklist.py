"""Who needs somebody today: which customers, in which order, for which reason, and what to do."""

import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from analytics.models import Forecast, PortfolioDay, Snapshot
from analytics.my_day.items import WorkItem, work_items
from analytics.my_day.members import TEAM
from analytics.my_day.most_urgent import MAX_SHOWN, most_urgent
from analytics.my_day.worklist import by_health_alone
from analytics.page_cache.version import DataVersion, StateVersion
from analytics.urgency.by_health import by_health
from customers.models import Customer, CustomerCare
from tests.factories import make_alert, make_customer, make_day, make_snapshot, make_staff
from tests.support.pages import main_part, section, words


def version(number: int, data: int = 1) -> StateVersion:
    """The version after so many edits, and imports."""
    return StateVersion(number, "", 0, DataVersion(data, "", 1))


pytestmark = pytest.mark.django_db

D = date(2025, 5, 10)
BEFORE = date(2025, 5, 3)


@pytest.fixture(autouse=True)
def the_same_day(today_is: Callable[[date], None]) -> None:
    today_is(D)


@pytest.fixture
def day() -> PortfolioDay:
    return make_day()


@pytest.fixture
def before() -> PortfolioDay:
    return make_day(date=BEFORE)


def make_pair(name: str, then: tuple[str, int] | None, now: tuple[str, int], **overrides: Any) -> Snapshot:
    """A customer with a status and a score a week before and now."""
    signup = overrides.pop("signup_date", date(2025, 4, 1))
    customer = make_customer(organization=name, signup_date=signup)
    if then:
        make_snapshot(customer, date=BEFORE, status=then[0], score=then[1])
    return make_snapshot(customer, status=now[0], score=now[1], **overrides)


def listed(day: PortfolioDay, before: PortfolioDay | None) -> list[str]:
    return [one.customer.organization for one in by_health(day, before).select_related("customer")]


@pytest.mark.parametrize(
    ("then", "now", "needs"),
    [
        (("healthy", 75), ("healthy", 75), False),
        (("healthy", 84), ("healthy", 75), False),
        (("healthy", 84), ("healthy", 74), True),
        (("champion", 85), ("healthy", 84), True),
        (("needs_attention", 69), ("healthy", 70), False),
        (("healthy", 70), ("needs_attention", 69), True),
        (("at_risk", 49), ("inactive", 49), True),
        (("inactive", 10), ("inactive", 10), False),
        (("inactive", 49), ("at_risk", 49), True),
        (("at_risk", 20), ("at_risk", 20), True),
        (None, ("at_risk", 20), True),
        (None, ("healthy", 75), False),
        (None, ("inactive", 0), False),
    ],
)
def test_at_risk_or_dropped(
    day: PortfolioDay, before: PortfolioDay, then: tuple[str, int] | None, now: tuple[str, int], needs: bool
) -> None:
    make_pair("One", then, now)
    assert listed(day, before) == ["One"] * needs


def test_a_blocked_customer_needs_us_whatever_its_status_unless_it_is_onboarded(
    day: PortfolioDay, before: PortfolioDay
) -> None:
    make_pair("Blocked", None, ("champion", 90), blocker_type="sso_login")
    make_pair("Through", None, ("champion", 90), blocker_type="sso_login", onboarded=True)
    assert listed(day, before) == ["Blocked"]


@pytest.mark.parametrize(("days", "needs"), [(6, False), (7, True)])
def test_in_its_first_seven_days_a_customer_needs_us_only_when_blocked(
    day: PortfolioDay, before: PortfolioDay, days: int, needs: bool
) -> None:
    signup = D - timedelta(days=days)
    make_pair("At risk", ("healthy", 75), ("at_risk", 15), signup_date=signup)
    make_pair("Blocked", None, ("at_risk", 16), signup_date=signup, blocker_type="github")
    assert listed(day, before) == ["At risk"] * needs + ["Blocked"]


def test_the_most_urgent_come_first(day: PortfolioDay, before: PortfolioDay) -> None:
    make_pair("blocked, 60", None, ("needs_attention", 60), blocker_type="sso_login")
    make_pair("dropped, 71", ("champion", 90), ("healthy", 71))
    make_pair("dropped, 55", ("healthy", 70), ("needs_attention", 55))
    make_pair("at risk as before, 10", ("at_risk", 12), ("at_risk", 10))
    make_pair("at risk as before, 9", ("at_risk", 12), ("at_risk", 9))
    make_pair("newly at risk, 48", ("needs_attention", 51), ("at_risk", 48))
    make_pair("as at risk, but much worse, 30", ("at_risk", 40), ("at_risk", 30))
    assert listed(day, before) == [
        "as at risk, but much worse, 30",
        "newly at risk, 48",
        "at risk as before, 9",
        "at risk as before, 10",
        "dropped, 55",
        "dropped, 71",
        "blocked, 60",
    ]


def test_who_is_likely_to_go_quiet_comes_after_the_blocked(day: PortfolioDay, before: PortfolioDay) -> None:
    """By the percent that is shown: 49.5 is 50. Whose contract is over has no forecast here."""
    make_pair("blocked", None, ("healthy", 80), blocker_type="sso_login")
    chances = {"quiet": 495, "unclear": 494, "of an earlier date": 0, "over": 990}
    for name, quiet in chances.items():
        Forecast.objects.create(date=D, customer=make_pair(name, None, ("healthy", 75)).customer, quiet=quiet)
    Forecast.objects.create(date=BEFORE, customer=Customer.objects.get(organization="of an earlier date"), quiet=990)
    Customer.objects.filter(organization="over").update(status="paused")
    worse = make_pair("at risk and quiet", None, ("at_risk", 20))
    Forecast.objects.create(date=D, customer=worse.customer, quiet=800)
    assert listed(day, before) == ["at risk and quiet", "blocked", "quiet"]
    members = by_health_alone(day, before, version(1).data)
    at_risk, _blocked, quiet = work_items(day, before, members, D)
    assert list(at_risk.reasons) == ["At risk, score 20", "Likely to go quiet: 80%"]
    assert list(quiet.reasons) == ["Likely to go quiet: 50%"]
    make_alert(quiet.customer, kind="likely_quiet", text="Likely to go quiet: 55%", opened_on=BEFORE)
    [_first, _second, again] = work_items(day, before, members, D)
    assert list(again.reasons) == ["Likely to go quiet: 50%"]


def test_without_an_earlier_date_nobody_has_dropped(day: PortfolioDay) -> None:
    make_pair("Dropped", ("champion", 90), ("healthy", 71))
    make_pair("At risk", ("champion", 90), ("at_risk", 40))
    assert listed(day, None) == ["At risk"]
    [found] = most_urgent(day, None, TEAM, version(1)).items
    assert (found.reason, found.action and found.action.text) == ("At risk, score 40", "Schedule a technical call")


@pytest.mark.parametrize(
    ("then", "now", "overrides", "reason", "action"),
    [
        (
            ("healthy", 71),
            ("at_risk", 45),
            {"blocker_type": "github_permissions"},
            "Was Healthy on 3 May: score 71, now 45",
            "Schedule a technical call",
        ),
        (("at_risk", 60), ("at_risk", 45), {}, "Score fell from 60 to 45 since 3 May", "Schedule a technical call"),
        (None, ("healthy", 70), {"blocker_type": "sso_login"}, "Blocked: SSO login", "Do the regular check-in"),
        (
            None,
            ("at_risk", 40),
            {"issues_tagged": 5},
            "At risk, score 40",
            "Send a follow-up email about PR generation",
        ),
        (
            ("at_risk", 30),
            ("inactive", 30),
            {"last_active": date(2025, 4, 26)},
            "Became inactive (last active 26 Apr)",
            "Send a re-engagement email",
        ),
        (
            ("at_risk", 30),
            ("inactive", 30),
            {"last_active": date(2024, 12, 31)},
            "Became inactive (last active 31 Dec 2024)",
            "Send a re-engagement email",
        ),
        (
            ("at_risk", 30),
            ("inactive", 30),
            {},
            "Became inactive (no activity yet)",
            "Send a re-engagement email",
        ),
        (
            ("healthy", 75),
            ("inactive", 70),
            {"last_active": date(2025, 5, 9)},
            "Became inactive since 3 May: account paused or ended",
            "Send a re-engagement email",
        ),
        (
            ("healthy", 70),
            ("needs_attention", 70),
            {},
            "Was Healthy on 3 May, now Needs attention with the same score, 70",
            "Send a check-in email",
        ),
        (("champion", 98), ("champion", 86), {}, "Score fell from 98 to 86 since 3 May", "Ask what has changed"),
    ],
)
def test_the_reason_and_the_next_action(
    day: PortfolioDay,
    before: PortfolioDay,
    then: tuple[str, int] | None,
    now: tuple[str, int],
    overrides: dict[str, Any],
    reason: str,
    action: str,
) -> None:
    make_pair("One", then, now, **overrides)
    [said] = said_of_all(day, before)
    assert (said.reason, said.action and said.action.text) == (reason, action)


def said_of_all(day: PortfolioDay, before: PortfolioDay | None) -> list[WorkItem]:
    return work_items(day, before, by_health_alone(day, before, DataVersion(1, "", 1)))


def test_what_is_kept_lasts_until_the_next_scoring(day: PortfolioDay, before: PortfolioDay) -> None:
    make_pair("One", None, ("at_risk", 40))
    asked = []
    # First; the same; after an edit, which looks at what people did and what is open alone.
    for number in (1, 1, 2):
        with CaptureQueriesContext(connection) as queries:
            found = most_urgent(day, before, TEAM, version(number))
            assert [one.reason for one in found.items] == ["At risk, score 40"]
        asked.append(len(queries))
    assert asked == [5, 1, 3]
    make_pair("Two", None, ("at_risk", 30))
    assert most_urgent(day, before, TEAM, version(3)).total == 1
    assert [one.snapshot.score for one in most_urgent(day, before, TEAM, version(4, data=2)).items] == [30, 40]


# --- On the page ------------------------------------------------------------------------------------------------


def test_nobody_needs_us(viewer: Client, day: PortfolioDay) -> None:
    make_pair("One", None, ("healthy", 75))
    assert section(viewer.get("/admin/"), "needs") == "Customers to act on No customer needs action today."


def test_of_an_earlier_date_the_page_says_which(viewer: Client, day: PortfolioDay) -> None:
    make_day(date=date(2025, 5, 11))
    make_pair("One", None, ("healthy", 75))
    page = viewer.get("/admin/?as_of=2025-05-10")
    assert section(page, "needs") == "Customers to act on, 10 May 2025 Nobody needed action on 10 May 2025."
    assert "Active on 10 May 0" in section(page, "summary")
    assert "On 10 May 2025: at risk" in words(main_part(viewer.get("/admin/needs/?as_of=2025-05-10", follow=True)))
    assert "Active today 0" in section(viewer.get("/admin/"), "summary")


def test_alerts_of_now_are_not_told_of_an_earlier_date(client: Client, day: PortfolioDay) -> None:
    make_day(date=date(2025, 5, 11))
    row = make_pair("One", None, ("at_risk", 10))
    manager = make_staff("Program manager")
    CustomerCare.objects.create(customer=row.customer, owner=manager)
    make_alert(row.customer)
    client.force_login(manager)
    assert "1 alert waits for you" in section(client.get("/admin/", follow=True), "needs")
    assert "alert" not in section(client.get("/admin/?as_of=2025-05-10", follow=True), "needs")


def test_the_rest_is_on_a_page_of_its_own(viewer: Client, before: PortfolioDay, day: PortfolioDay) -> None:
    for number in range(MAX_SHOWN + 3):
        make_pair(f"Customer with {number}", None, ("at_risk", number))
    said = section(viewer.get("/admin/"), "needs")
    assert said.startswith(
        "Customers to act on Team: 11 to do Customer with 0 ⚠ At risk 0 At risk, score 0 → Schedule"
    )
    assert "Customer with 7 " in said
    assert "Customer with 8 " not in said
    everybody = viewer.get("/admin/needs/", follow=True)
    assert everybody.redirect_chain == [("/admin/my-day/?owner=", 302)]
    assert "1–11 of 11" in words(main_part(everybody))
    assert "Customer with 10 " in words(main_part(everybody))
    assert viewer.get("/admin/my-day/?owner=&page=99").status_code == 200


def test_the_links_stay_on_the_date(viewer: Client, before: PortfolioDay, day: PortfolioDay) -> None:
    make_day(date=date(2025, 5, 11))
    row = make_pair("One", None, ("at_risk", 10))
    for address in ("/admin/?as_of=2025-05-10", "/admin/needs/?as_of=2025-05-10"):
        page = main_part(viewer.get(address, follow=True))
        assert re.search(rf'href="/admin/customer/{row.customer_id}/\?as_of=2025-05-10["&]', page)


def test_the_page_of_all_needs_a_permission_and_a_date(client: Client) -> None:
    assert client.get("/admin/needs/").status_code == 302
    client.force_login(make_staff())
    assert client.get("/admin/needs/").status_code == 403
    client.force_login(make_staff("Viewer"))
    page = client.get("/admin/needs/", follow=True)
    assert page.redirect_chain[-1] == ("/admin/my-day/?owner=", 302)
    assert "No customers yet" in page.text

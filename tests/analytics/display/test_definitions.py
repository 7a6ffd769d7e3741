"""Every figure of a page says behind a "?" what it means, in the words of where it is declared."""

import re

import pytest
from django.test import Client

from analytics.models import ScoringPolicy
from analytics.scoring.definitions import status_definition, trend_definition

ABOUT = re.compile(r'<summary aria-label="What ([^"]*) means?">\?</summary>')
BY_DEFAULT = (
    "By the health score: Champion from 85, Healthy from 70, Needs attention from 50, At risk below. "
    "Inactive: no activity for 14 days, or the account is paused, inactive or churned."
)


def test_a_status_is_defined_by_the_policy() -> None:
    assert status_definition(ScoringPolicy()) == BY_DEFAULT
    other = ScoringPolicy(champion_from=90, healthy_from=80, needs_attention_from=60, inactive_days=1)
    assert status_definition(other) == (
        "By the health score: Champion from 90, Healthy from 80, Needs attention from 60, At risk below. "
        "Inactive: no activity for 1 day, or the account is paused, inactive or churned."
    )


def test_a_trend_is_defined_by_the_policy() -> None:
    assert trend_definition(ScoringPolicy(trend_days=7, trend_percent=20)) == (
        "Issues and PRs of the last 7 days, compared with as many days before. "
        "Improving from +20%, Declining from −20%."
    )


@pytest.mark.django_db
@pytest.mark.usefixtures("demo_program", "the_day_after")
@pytest.mark.parametrize(
    ("address", "figures"),
    [
        (
            "/admin/",
            [
                "this list",
                "onboarding progress",
                "health status",
                "active customers",
                "issues and PRs",
                "health history",
            ],
        ),
        ("/admin/summary/", ["Total customers", "Average time to value", "this list"]),
        ("/admin/my-day/?owner=", ["this list"]),
        ("/admin/cohorts/", ["the columns", "retention"]),
        (
            "/admin/customer/c1001/",
            ["health status", "Activity level", "activity", "activity trend", "onboarding progress"],
        ),
    ],
)
def test_each_figure_of_a_page_is_defined(viewer: Client, address: str, figures: list[str]) -> None:
    page = viewer.get(address).text
    found = ABOUT.findall(page)
    assert set(figures) <= set(found)
    assert page.count('<details class="definition"') == len(found)
    assert not re.search(r"</summary><p>\s*</p>", page), "one is empty"


BY_HEALTH = (
    "Customers who are at risk, got worse within a week, are blocked, or are likely to go quiet; the worst first."
)


@pytest.mark.django_db
@pytest.mark.usefixtures("demo_program")
def test_an_earlier_list_goes_by_health_alone(viewer: Client) -> None:
    for address in ("/admin/?as_of=2025-05-09", "/admin/my-day/?as_of=2025-05-09", "/admin/summary/"):
        page = viewer.get(address).text
        assert f"<p>{BY_HEALTH}</p>" in page
    assert "have an open alert or a task due; the worst first." in viewer.get("/admin/").text

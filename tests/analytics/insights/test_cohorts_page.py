"""The cohorts page of the demo program: what it says, of which date, and where its figures lead."""

import re
from datetime import date

import pytest
from django.test import Client

from analytics.insights.cohorts import cohort_comparison
from analytics.models import CohortDay
from tests.support.pages import links, main_part, names, notices, section, table, words

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("demo_program")]

D = date(2025, 5, 10)


def test_the_demo_program_by_cohort(viewer: Client) -> None:
    html = main_part(viewer.get("/admin/cohorts/"))
    assert table(html, "comparison") == [
        ["Beta", "3", "67%", "4.0d", "4.0d", "74%", "55", "", "0%", "67%", "0%", "0%", "33%"],
        ["Early Access", "5", "40%", "4.0d", "4.0d", "78%", "52", "", "20%", "40%", "0%", "20%", "20%"],
        ["VIP", "3", "67%", "2.5d", "2.5d", "88%", "78", "", "67%", "0%", "0%", "33%", "0%"],
        ["No cohort", "1", "0%", "–", "–", "–", "52", "", "0%", "0%", "100%", "0%", "0%"],
        ["All customers", "12", "50%", "3.5d", "3.5d", "82%", "59", "", "25%", "33%", "8%", "17%", "17%"],
    ]
    # By 10 May so many whole weeks have passed since the signups: Beta 8, 6 and 3, Early Access 5, 5, 4, 3 and 0,
    # VIP 8, 7 and 1, the one without a cohort 1.
    assert table(html, "retention") == [
        ["Beta", "3", "100%", "100%", "67%", *["100% of 2"] * 3, *["100% of 1"] * 2],
        ["Early Access", "5", *["100% of 4"] * 3, "67% of 3", "50% of 2", *["not ended"] * 3],
        ["VIP", "3", "100%", *["100% of 2"] * 6, "100% of 1"],
        ["No cohort", "1", "100%", *["not ended"] * 7],
        [
            "All customers",
            "12",
            "100% of 11 : 11 of 11 active in week 0",
            "100% of 9 : 9 of 9 active in week 1",
            "89% of 9 : 8 of 9 active in week 2",
            "86% of 7 : 6 of 7 active in week 3",
            "83% of 6 : 5 of 6 active in week 4",
            "100% of 4 : 4 of 4 active in week 5",
            "100% of 3 : 3 of 3 active in week 6",
            "100% of 2 : 2 of 2 active in week 7",
        ],
    ]
    assert 'title="2 of 3 active in week 2" aria-label="67%: 2 of 3 active in week 2"' in html


def test_each_figure_leads_to_its_customers(viewer: Client) -> None:
    page = viewer.get("/admin/cohorts/?as_of=2025-05-09")
    assert links(page, "3")[0] == "/admin/?cohort=Beta&as_of=2025-05-09#customers"
    page = viewer.get("/admin/cohorts/")
    compared = cohort_comparison(D, CohortDay.By.COHORT, 12, None).comparison
    lines = re.findall(r"<tr>\s*<th.*?</tr>", main_part(page), re.DOTALL)
    lines = [line for line in lines if "href" in line][: len(compared)]
    for row, html in zip(compared, lines, strict=True):
        for address in re.findall(r'href="([^"]*)"', html):
            shown = names(viewer.get(address.replace("&amp;", "&")))
            [share] = [one for one in row.health if f"status={one.key}" in address] or [None]
            expected = share.count if share else row.onboarded if "only=onboarded" in address else row.size
            assert len(shown) == expected > 0, address


def test_a_cell_leads_to_those_who_were_not_active(viewer: Client) -> None:
    [address] = links(viewer.get("/admin/cohorts/"), "67%")[-1:]
    assert address == "/admin/?cohort=Beta&quiet_week=2#customers"
    page = viewer.get(address)
    # Signed up on 15 April, last active on the 24th; week 2 was 29 April to 5 May.
    assert names(page) == ["Quillfeather Games"]
    assert "Not active in week" in section(page, "customers")


def test_by_signup_month_as_of_an_earlier_date(viewer: Client) -> None:
    page = viewer.get("/admin/cohorts/?by=month&as_of=2025-05-09")
    text = words(main_part(page))
    assert "As of Friday, 9 May 2025 · go to the newest date" in text
    assert [row[:2] for row in table(main_part(page), "comparison")] == [
        ["Mar 2025", "5"],
        ["Apr 2025", "5"],
        ["May 2025", "2"],
        ["All customers", "12"],
    ]
    assert "/admin/?signup=2025-03&as_of=2025-05-09#customers" in links(page, "5")
    assert links(page, "go to the newest date") == ["?by=month"]
    assert links(page, "Cohort") == ["?by=cohort&as_of=2025-05-09"]


def test_what_the_address_asks_in_vain_is_left_aside(viewer: Client) -> None:
    page = viewer.get("/admin/cohorts/?by=owner&weeks=x&page=-3&as_of=never")
    assert page.status_code == 200
    assert notices(page) == ["'never' is not a date; this is the newest one that is scored."]
    assert table(main_part(page), "comparison")[0][0] == "Beta"

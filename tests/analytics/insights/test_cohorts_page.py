"""The cohorts page of the demo program: what it says, of which date, and where its figures lead."""

import csv
import io
import re
from collections.abc import Callable
from datetime import date

import pytest
from django.test import Client

from analytics.insights.cohorts import cohort_comparison
from analytics.models import CohortDay
from customers.models import AuditEntry
from tests.factories import make_staff
from tests.support.pages import links, main_part, names, notices, section, table, words
from tests.support.table_export import content

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
            if "success_rate_min=0" in address:
                assert 0 < len(shown) <= row.size, address
                continue
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
    assert "As of 9 May 2025 · go to the newest date" in text
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


def test_every_cohort_as_a_csv(client: Client, today_is: Callable[[date], None]) -> None:
    today_is(D)
    client.force_login(make_staff("Success manager"))
    page = client.get("/admin/cohorts/?as_of=2025-05-09")
    assert links(page, "Export CSV") == ["/admin/cohorts/export/?by=cohort&as_of=2025-05-09"]
    made = client.get("/admin/cohorts/export/?by=cohort")
    assert made["Content-Disposition"] == 'attachment; filename="cohorts_2025-05-10.csv"'
    header, *rows = csv.reader(io.StringIO(content(made).decode("utf-8-sig"), newline=""))
    assert header[:9] == [
        "Cohort",
        "Customers",
        "Onboarded",
        "Onboarded %",
        "Median days to value",
        "Average days to value",
        "Success rate %",
        "Average score",
        "Champion",
    ]
    assert header[13:17] == ["Week 0: active", "Week 0: of", "Week 1: active", "Week 1: of"]
    assert header[-2:] == ["Week 7: of", "As of"]
    assert [row[0] for row in rows] == ["Beta", "Early Access", "VIP", "No cohort", "All customers"]
    # As the page has them: 67% of 3 are onboarded, and in week 2 one of the three was not active.
    beta = ["Beta", "3", "2", "67", "4.0", "4.0", "74", "55", "0", "2", "0", "0", "1"]
    assert rows[0] == [*beta, "3", "3", "3", "3", "2", "3", *["2", "2"] * 3, *["1", "1"] * 2, "2025-05-10"]
    assert rows[3][13:] == ["1", "1", *[""] * 14, "2025-05-10"]
    [entry] = AuditEntry.objects.filter(action="export")
    assert (entry.subject, entry.text) == ("cohorts", "5 rows by cohort as of 10 May 2025")


def test_nothing_is_exported_of_a_date_without_cohorts(client: Client) -> None:
    client.force_login(make_staff("Success manager"))
    CohortDay.objects.all().delete()
    made = client.get("/admin/cohorts/export/", follow=True)
    assert made.redirect_chain == [("/admin/cohorts/", 302)]
    assert "so there is nothing to export" in made.text
    assert not AuditEntry.objects.filter(action="export").exists()


def test_a_week_that_is_not_known_of_all_customers_is_no_figure(viewer: Client) -> None:
    """As of a date that an earlier version scored, which counted only the weeks that had ended for everybody."""
    CohortDay.objects.filter(by=CohortDay.By.ALL).update(weeks=[11], old_enough=[])
    assert table(main_part(viewer.get("/admin/cohorts/")), "retention")[-1][2:] == [
        "92% : 11 of 12 active in week 0",
        *["not ended"] * 7,
    ]

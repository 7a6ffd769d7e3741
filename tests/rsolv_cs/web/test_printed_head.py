"""The head of a printed page: its name, what it is narrowed by, its date, and who printed it when."""

import re
from datetime import date

import pytest
from django.test import Client
from django.utils import timezone
from django.utils.html import strip_tags

from tests.factories import load_demo_program, make_staff

pytestmark = pytest.mark.django_db


def printed(client: Client, address: str) -> list[str]:
    """The lines of the head, as they are read."""
    page = client.get(address, follow=True).content.decode()
    head = re.search(r'<div class="printed">(.*?)</div>', page, re.DOTALL)
    assert head
    lines = [" ".join(strip_tags(line).split()) for line in re.findall(r"<p.*?</p>", head[1], re.DOTALL)]
    return [line for line in lines if line]


@pytest.mark.parametrize(
    ("address", "page", "day", "narrowed"),
    [
        ("/admin/", "Dashboard", "10 May 2025", []),
        ("/admin/?status=at_risk&score_max=40", "Dashboard", "10 May 2025", ["Status: At risk; Score to: 40"]),
        ("/admin/?as_of=2025-05-09", "Dashboard", "9 May 2025", []),
        ("/admin/customer/c1001/", "Acme Inc.", "10 May 2025", []),
        ("/admin/customer/c1001/?told=product", "Acme Inc.", "10 May 2025", ["History: Product"]),
        ("/admin/cohorts/?by=month", "Cohorts", "10 May 2025", ["Customers by signup month"]),
        ("/admin/effects/", "Impact", "10 May 2025", []),
        ("/admin/summary/", "Summary", "10 May 2025", []),
        ("/admin/my-day/?owner=&tab=waiting", "My day", "10 May 2025", ["Team; State: Waiting"]),
        ("/admin/tasks/?whose=everybody&state=done", "Team’s tasks", "", ["Team; State: Done"]),
        ("/admin/alerts/?told=&severity=critical", "Alerts", "", ["State: Open; Severity: Critical"]),
        ("/admin/reports/", "Reports", "", []),
        ("/admin/customers/customer/?q=acme&cohort=VIP", "Customers", "", ["Search: acme; Cohort: VIP"]),
        ("/admin/customers/quarantinedrow/?status__exact=open", "Quarantine", "", ["Status: Open (0)"]),
        ("/admin/customers/customer/c1001/change/", "Customers · Acme Inc.", "", []),
    ],
)
def test_the_head_says_what_is_printed(client: Client, address: str, page: str, day: str, narrowed: list[str]) -> None:
    load_demo_program(date(2025, 5, 9), date(2025, 5, 10))
    client.force_login(make_staff("Program manager", first_name="Paula", last_name="Mendes"))
    first, second, *rest = printed(client, address)
    assert first == f"RSOLV Customer Success · {page}"
    as_of = f"As of {day} · " if day else ""
    now = re.sub(r"\d\d:\d\d$", "", f"{timezone.localtime():%-d %b %Y, %H:%M}")
    assert re.fullmatch(rf"{re.escape(as_of)}Printed by Paula Mendes on {re.escape(now)}\d\d:\d\d", second)
    assert rest == narrowed


def test_what_somebody_searched_for_is_no_markup(client: Client) -> None:
    client.force_login(make_staff("Program manager"))
    page = client.get("/admin/customers/customer/?q=<script>x").content.decode()
    assert "Search: &lt;script&gt;x" in page
    assert "<script>x" not in page

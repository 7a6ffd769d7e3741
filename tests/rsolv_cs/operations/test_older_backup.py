"""A backup made before the modules moved into packages restores, and its pages show the same figures.

The figures were read from the pages of the version that made the backup: tests/data/backups/README.md. What came since
then stands among them: an alert's severity, the charts' numbers of a week before, the first reason of My day.
"""

from collections.abc import Callable, Iterator
from datetime import date

import pytest
from django.contrib.auth.models import User
from django.test import Client

from customers.core.sql import is_postgres
from tests.conftest import keep_lock_files_in
from tests.support import DATA
from tests.support.commands import run
from tests.support.databases import create_database, drop_database, name_in
from tests.support.own_databases import database, unblocked
from tests.support.pages import words

__all__ = ["unblocked"]

BACKUP = DATA / "backups" / "demo-166d612.zip"

FIGURES: dict[str, list[str]] = {
    "/admin/": [
        "As of 10 May 2025",
        "Total customers 12 ↑ +1 in 7 days",
        "Active today 8 ↑ +7 in 7 days",
        "At risk 2 and 2 inactive → same in 7 days",
        "Onboarding rate 50% ↓ −5 pts in 7 days",
        "Success rate 82% → same in 7 days",
        "Average time to value 3.5d → same in 7 days",
        "Welcome Email 75% 9/12 (75%)",
        "First PR 50% 6/12 (50%)",
        "Champion 25% 3 (25%) Healthy 33% 4 (33%) Needs attention 8% 1 (8%) At risk 17% 2 (17%) Inactive 17% 2 (17%)",
        "10 May 9 9 1 0 0 1 9 May 5 6 12 11 10 11 8 May 13 10 15 17 16 13",
        "Acme Inc. ⚠ At risk 45 At risk, score 45 → Schedule a technical call",
        "8 customers without an owner.",
        "Customers: 28 Nov 2026, 22:32",
    ],
    "/admin/?as_of=2025-05-03": [
        "3 May 2025 was scored later, with the customers’ details of 28 Nov 2026.",
        "Total customers 11 ↑ +2 in 7 days",
        "Onboarding rate 55% ↓ −12 pts in 7 days",
        "شركة النخيل للحلول البرمجية Healthy 81 Was Champion on 26 Apr: score 86, now 81",
        "TechCorp blocked Needs attention 64 +16 ↑ Improving 80% 80% Initial adoption Yesterday Early Access",
    ],
    "/admin/?status=at_risk&sort=-score": [
        "2 of 12 customers",
        "Acme Inc. ⚠ blocked ⚠ At risk 45 +25 ↓ Declining 80% 80% Initial adoption 3 days ago VIP Sofia Marchetti "
        "Tide & Timber Co. ⚠ ⚠ At risk 15 → Stable 0% 0% New signup Never Early Access –",
    ],
    "/admin/customer/c1001/": [
        "Health score: 45/100 (At risk) +25 in 7 days",
        "Activity level 4 active days in the last 7 66% 20/30",
        "PR success rate no PR generated in the last 30 days 0% 0/25",
        "Feature adoption account, GitHub Action, first issue; not yet: first PR 75% 15/20",
        "Support satisfaction 2 support requests in the last 30 days, no CSAT answer in 90 66% 10/15",
        "NPS score no answer in the last 180 days, counts 0 0% N/A",
        "Score 20 45 +25 0 0",
        "Support satisfaction 15 10 −5 0 0",
        "10 May 2025 45 9 May 2025 45 8 May 2025 45 7 May 2025 45 6 May 2025 43 5 May 2025 38 4 May 2025 28",
        "Blocked for 7 days: GitHub permissions Warning since 10 May 2025 acknowledged by Sofia Marchetti",
        "Share the documentation on repository permissions due today · Sofia Marchetti",
        "✓ First Issue on 5 May 2025 ✗ First PR not yet 7 days since signup.",
        "5 May Stage: Onboarding → Initial adoption 5 May Tagged 3 issues 4 May 1 support request",
    ],
    "/admin/customer/c1007/": [
        "Health score: 83/100 (Healthy) +2 in 7 days · +7 in 30 days · Champion → Healthy on 9 May",
        "PR success rate 25 merged of 27 PRs generated in the last 30 days 92% 23/25",
        "Support satisfaction average 3.0 of 5 in 1 CSAT answer in the last 90 days 53% 8/15",
        "Activity level 25 25 +25 −25 0 PR success rate 21 23 +2 0 0",
        "Issues tagged 4 50 in all PRs generated 3 41 in all PRs merged 5 34 in all "
        "PRs rejected 0 6 in all Support requests 1 1 in all",
        "Onboarded on 27 Mar 2025, 3 days after signup.",
    ],
    "/admin/alerts/": [
        "9 alerts",
        "Engagement ends on 10 May 2025,",
        "TechCorp Blocked for 24 days: Security review Warning since 10 May 2025 Sofia Marchetti",
        "מעבדות אורן בע״מ No first PR 40 days after signup Info since 10 May 2025 no owner",
        "Their administrator is back on Monday and will accept the permissions.",
    ],
    "/admin/tasks/?whose=3": [
        "Mine 0 Team 4 Unassigned 1 Sofia Marchetti 2",
        "Send the answers to their security questionnaire TechCorp 1 Dec 2026 Something else",
    ],
    "/admin/tasks/?whose=3&state=done": [
        "Mine 0 Team 6 Unassigned 0 Sofia Marchetti 6",
        "Schedule a technical call DevSolutions 28 Mar 2025 Call Problem solved",
    ],
    "/admin/analytics/night/": ["0 nightly runs", "Nothing here yet"],
    "/admin/customers/importrun/": [
        "5 28 Nov 2026, 22:32 Events Loaded 51 0 0 0 0",
        "3 28 Nov 2026, 22:32 Engagement Loaded 330 0 0 0 0",
        "engagement.csv 0bd27ac5da89 demo",
        "1 28 Nov 2026, 22:32 Customers Loaded 12 0 0 0 0",
    ],
    "/admin/reports/": [
        "1 report Who needs us this week Shared by Paula Mendes The newest date Mondays as Excel to Paula Mendes , "
        "Sofia Marchetti Not run yet",
    ],
    "/admin/cohorts/": [
        "Early Access 5 40% 4.0d 4.0d 78% 52 20% 40% 0% 20% 20%",
        "All customers 12 50% 3.5d 3.5d 82% 59 25% 33% 8% 17% 17%",
        "100% of 11 : 11 of 11 active in week 0 100% of 9 : 9 of 9 active in week 1",
        "89% of 9 : 8 of 9 active in week 2 86% of 7 : 6 of 7 active in week 3",
    ],
    "/admin/effects/": [
        "Call 14 days 1 +5.0 −1.0 1 compared +6.0 too few to tell: 1 of 10 2 without comparable customers",
        "28 days 1 −2.0 +10.0 1 compared −12.0 too few to tell: 1 of 10 –",
    ],
}
"""Of each page, what it showed."""


@pytest.fixture(scope="module")
def restored(unblocked: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Makes a database with the backup's rows the default one for the tests of this module."""
    name = name_in(tmp_path_factory.mktemp("older"))
    if is_postgres():
        create_database(name, "template0")
    with database(name), pytest.MonkeyPatch.context() as patch:
        keep_lock_files_in(patch, tmp_path_factory.getbasetemp())
        done = run("restore", BACKUP)
        assert (done.code, done.err) == (0, ""), "see tests/data/backups/README.md"
        assert done.out.endswith("It is of an older version, and is migrated.\n")
        yield
    drop_database(name)


@pytest.mark.parametrize("address", FIGURES)
def test_a_page_shows_what_it_showed_before(
    address: str, restored: None, client: Client, today_is: Callable[[date], None]
) -> None:
    today_is(date(2026, 11, 28))
    client.force_login(User.objects.get(username="admin"))
    page = words(client.get(address).text)
    assert [figure for figure in FIGURES[address] if figure not in page] == []


def test_tables_of_a_later_version_do_not_take_it(restored: None) -> None:
    done = run("restore", BACKUP, "--replace")
    assert done.code == 1
    assert "it has not had analytics." in done.err and "Restore it into a database without tables" in done.err

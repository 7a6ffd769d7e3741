"""So far today: what the product reported after the newest scored date counts as of it, and of no other date."""

from datetime import date

import pytest

from analytics.customer_page.what_changed import what_changed
from analytics.models import CohortDay, PortfolioDay, ScoringPolicy, Snapshot
from analytics.scoring.measure import measure
from analytics.scoring.snapshots import score_customers, score_day
from analytics.scoring.so_far import reported
from customers.models import data_date
from tests.factories import make_customer, make_engagement, make_event, make_onboarding
from tests.support.reporting import report_counters, report_step
from tests.support.scoring import D, make_acme, rows_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("today")]

NEXT, TODAY, TOMORROW = date(2025, 5, 11), date(2025, 5, 12), date(2025, 5, 13)


def acme_reports() -> None:
    """The golden case, of whom the product reports three issues and a PR, then a merge and a support request."""
    acme = make_acme()
    report_counters(acme, NEXT, issues_tagged=3, prs_generated=1)
    report_counters(acme, TODAY, prs_merged=1, support_requests=1)


def test_what_was_reported_after_the_date_counts_on_it() -> None:
    acme_reports()
    portfolio = score_day(D)
    acme = Snapshot.objects.get()
    assert (acme.score, acme.status, acme.trend) == (73, "healthy", "improving")
    # Five active days, one PR of one merged, three steps, 15 - 2.5 x 3.
    assert (acme.activity, acme.pr_success, acme.adoption, acme.support, acme.nps) == (25, 25, 15, 8, None)
    assert (acme.issues_tagged, acme.prs_generated, acme.prs_merged, acme.support_requests) == (8, 1, 1, 3)
    assert (acme.last_active, acme.days_active, acme.active_days) == (D, 5, 5)
    # 5 May is in week 0 after 3 May; 10 May is the first day of week 1.
    assert acme.active_weeks == 0b11
    assert acme.provisional_to == TODAY
    assert (portfolio.so_far, portfolio.active_today, portfolio.healthy) == (1, 1, 1)
    assert (portfolio.day_issues_tagged, portfolio.day_prs_merged, portfolio.day_support_requests) == (3, 1, 1)


def test_the_program_does_not_move_to_another_day() -> None:
    acme_reports()
    assert data_date() == date(2025, 5, 7)


def test_what_was_reported_of_the_date_itself_counts_like_any_row() -> None:
    acme = make_acme()
    report_counters(acme, D, issues_tagged=1)
    score_day(D)
    assert Snapshot.objects.get().issues_tagged == 6
    assert Snapshot.objects.get().last_active == D
    assert Snapshot.objects.get().provisional_to is None


def test_a_newer_date_finalises_the_older_one() -> None:
    acme_reports()
    score_day(D)
    score_day(NEXT)
    before, after = Snapshot.objects.order_by("date")
    assert (before.date, before.score, before.status, before.provisional_to) == (D, 45, "at_risk", None)
    assert (before.issues_tagged, before.last_active) == (5, date(2025, 5, 7))
    # On the next day its own rows count as they are, and today's as if they were of it.
    assert (after.date, after.issues_tagged, after.prs_merged, after.provisional_to) == (NEXT, 8, 1, TODAY)
    old = PortfolioDay.objects.get(date=D)
    assert (old.so_far, old.active_today, old.at_risk, old.healthy) == (0, 0, 1, 0)
    assert (old.day_issues_tagged, old.prs_generated) == (0, 0)
    assert CohortDay.objects.get(date=D, by="all").at_risk == 1


def test_an_older_date_scored_again_is_without_it() -> None:
    acme_reports()
    score_day(NEXT)
    score_day(D)
    assert Snapshot.objects.get(date=D).score == 45
    assert Snapshot.objects.get(date=NEXT).provisional_to == TODAY


def test_what_is_dated_after_today_waits() -> None:
    report_counters(make_acme(), TOMORROW, issues_tagged=9)
    score_day(D)
    assert Snapshot.objects.get().issues_tagged == 5
    assert Snapshot.objects.get().provisional_to is None


def test_scoring_some_customers_gives_what_scoring_everybody_does() -> None:
    others = [make_customer(id=f"c{number}", cohort="Beta", signup_date=date(2025, 4, number)) for number in (1, 2)]
    for other in others:
        make_onboarding(other, account_created=True)
        make_engagement(other, date(2025, 5, 9), issues_tagged=1, prs_generated=1)
    acme = make_acme()
    score_day(D)
    report_counters(acme, NEXT, issues_tagged=3, prs_generated=1)
    report_step(others[0], TODAY, "first_pr_generated")
    score_customers(D, [acme.pk, others[0].pk])
    stored = [rows_of(D), PortfolioDay.objects.values(), CohortDay.objects.order_by("by", "name").values()]
    some = [[dict(row) for row in rows] for rows in stored]
    score_day(D)
    everybody = [rows_of(D), PortfolioDay.objects.values(), CohortDay.objects.order_by("by", "name").values()]
    for rows in (*some, *everybody):
        for row in rows:
            for name in ("id", "scored_at", "last_run", "last_api_run"):
                row.pop(name, None)
    assert some == [[dict(row) for row in rows] for rows in everybody]
    assert Snapshot.objects.get(customer="c1").first_pr_generated


def test_a_reported_step_counts_whatever_the_onboarding_says() -> None:
    acme = make_acme()
    report_step(acme, date(2025, 5, 9), "first_pr_generated")
    score_day(D)
    found = Snapshot.objects.get()
    assert (found.first_pr_generated, found.steps_done, found.adoption, found.onboarded) == (True, 5, 20, True)
    assert found.provisional_to is None
    assert (found.stage, found.score) == ("regular_usage", 50)


def test_a_reported_step_of_today_counts_on_the_newest_scored_date_alone() -> None:
    acme = make_acme()
    report_step(acme, TODAY, "first_pr_generated")
    score_day(date(2025, 5, 9))
    score_day(D)
    earlier, newest = Snapshot.objects.order_by("date")
    assert (earlier.first_pr_generated, earlier.provisional_to) == (False, None)
    assert (newest.first_pr_generated, newest.provisional_to) == (True, TODAY)


def test_a_step_without_an_event_is_dated_by_what_was_reported_of_it() -> None:
    customer = make_customer(id="c1")
    make_onboarding(customer, first_issue_tagged=True)
    report_counters(customer, TODAY, issues_tagged=1)
    score_day(D)
    assert Snapshot.objects.get().first_issue_tagged


def test_a_step_with_an_event_of_a_file_keeps_its_date() -> None:
    customer = make_customer(id="c1")
    make_onboarding(customer, first_issue_tagged=True)
    make_event(customer, NEXT, "first_issue_tagged")
    report_counters(customer, TODAY, issues_tagged=1)
    score_day(D)
    assert not Snapshot.objects.get().first_issue_tagged


def test_what_was_reported_is_of_the_newest_scored_date_alone() -> None:
    acme_reports()
    assert list(reported(D)) == ["c1001"]
    assert reported(D, "c9") == {}
    score_day(NEXT)
    assert reported(D) == {}
    [measures] = measure(D, ScoringPolicy.objects.get())
    assert measures.issues_tagged == 5


def test_what_changed_has_it_as_data_that_came() -> None:
    acme = make_acme()
    report_counters(acme, NEXT, issues_tagged=3)
    score_day(date(2025, 5, 9))
    score_day(D)
    then, now = Snapshot.objects.select_related("policy").order_by("date")
    change = what_changed(acme, then, now)
    activity = next(part for part in change.parts if part.label == "Activity level")
    assert (activity.then, activity.now, activity.data, activity.time) == (20, 25, 5, 0)
    assert len(activity.why) == 1
    assert "came or changed later" not in activity.why[0]

"""What a customer's timeline says of the product: events, days with engagement, feedback."""

from datetime import date
from typing import Any

import pytest

from analytics.customer_page.timeline import Entry, timeline
from customers.models import Customer, Step
from tests.factories import make_customer, make_engagement, make_event, make_feedback

pytestmark = pytest.mark.django_db

D = date(2025, 5, 10)


@pytest.fixture
def customer() -> Customer:
    return make_customer()


def told(customer: Customer, day: date = D) -> list[tuple[date, str]]:
    return [(entry.day, entry.text) for entry in timeline(customer, day).entries]


# --- Entries ----------------------------------------------------------------------------------------------------


def test_nothing_has_happened(customer: Customer) -> None:
    assert timeline(customer, D).entries == []


def test_what_each_kind_of_event_says(customer: Customer) -> None:
    days = [date(2025, 5, day) for day in range(1, 8)]
    kinds = [*Step.values, "support_request", "note"]
    for day, kind in zip(days, kinds, strict=True):
        make_event(customer, day, kind)
    assert [text for _day, text in told(customer)] == [
        "Note",
        "Support request",
        "First PR generated",
        "Tagged first issue",
        "Installed GitHub Action",
        "Created account",
        "Welcome email sent",
    ]


def test_an_events_own_words_come_before_those_of_its_kind(customer: Customer) -> None:
    make_event(customer, date(2025, 5, 2), "support_request", detail="How do I create PRs?")
    make_event(customer, date(2025, 5, 1), "account_created", detail="Account made by phone")
    assert told(customer) == [
        (date(2025, 5, 2), "Support request: “How do I create PRs?”"),
        (date(2025, 5, 1), "Account made by phone"),
    ]


def test_a_days_engagement_is_summed_and_told_in_one_line(customer: Customer) -> None:
    day = date(2025, 5, 5)
    make_engagement(customer, day, issues_tagged=1, prs_generated=1, prs_merged=1, prs_rejected=1)
    make_engagement(customer, day, issues_tagged=2, prs_generated=1, support_requests=1)
    make_engagement(customer, day, issues_tagged=1200)
    assert told(customer) == [
        (day, "Tagged 1,203 issues, generated 2 PRs, merged 1 PR, rejected 1 PR, 1 support request"),
    ]


def test_a_day_of_zeros_is_not_told(customer: Customer) -> None:
    make_engagement(customer, D)
    assert told(customer) == []


def test_what_an_event_and_the_engagement_both_say_comes_once_as_the_event(customer: Customer) -> None:
    make_event(customer, D, "first_issue_tagged", detail="Tagged 3 issues")
    make_engagement(customer, D, issues_tagged=3)
    assert timeline(customer, D).entries == [Entry(D, "first_issue_tagged", "Tagged 3 issues")]


def test_the_same_words_of_another_day_stay(customer: Customer) -> None:
    make_engagement(customer, date(2025, 5, 9), issues_tagged=3)
    make_engagement(customer, D, issues_tagged=3)
    assert told(customer) == [(D, "Tagged 3 issues"), (date(2025, 5, 9), "Tagged 3 issues")]


def test_a_support_request_in_words_replaces_the_days_count(customer: Customer) -> None:
    make_event(customer, date(2025, 5, 7), "support_request", detail="How?")
    make_engagement(customer, date(2025, 5, 7), support_requests=1)
    make_engagement(customer, date(2025, 5, 6), support_requests=2)
    assert told(customer) == [
        (date(2025, 5, 7), "Support request: “How?”"),
        (date(2025, 5, 6), "2 support requests"),
    ]


def test_the_newest_comes_first_and_within_a_day_the_last_step(customer: Customer) -> None:
    make_event(customer, date(2025, 5, 3), "welcome_email_sent")
    make_event(customer, date(2025, 5, 3), "account_created")
    make_event(customer, date(2025, 5, 4), "note", detail="Called")
    make_engagement(customer, date(2025, 5, 3), issues_tagged=1)
    make_event(customer, date(2025, 5, 1), "note", detail="Kick-off")
    assert told(customer) == [
        (date(2025, 5, 4), "Called"),
        (date(2025, 5, 3), "Tagged 1 issue"),
        (date(2025, 5, 3), "Created account"),
        (date(2025, 5, 3), "Welcome email sent"),
        (date(2025, 5, 1), "Kick-off"),
    ]


def test_nothing_after_the_date_and_nothing_of_others(customer: Customer) -> None:
    make_event(customer, D, "note", detail="On the day")
    make_event(customer, date(2025, 5, 11), "note", detail="After it")
    make_engagement(customer, date(2025, 5, 11), issues_tagged=1)
    other = make_customer()
    make_event(other, D, "note", detail="Another's")
    make_engagement(other, D, issues_tagged=1)
    assert told(customer) == [(D, "On the day")]


def test_a_support_request_of_after_the_date_hides_nothing_before_it(customer: Customer) -> None:
    make_event(customer, date(2025, 5, 11), "support_request", detail="Later")
    make_engagement(customer, D, support_requests=1)
    assert told(customer) == [(D, "1 support request")]


def test_events_of_the_same_words_are_all_told() -> None:
    customer = make_customer()
    for _ in range(2):
        make_event(customer, date(2025, 5, 5), "support_request", detail="It hangs")
    texts = [entry.text for entry in timeline(customer, date(2025, 5, 10)).entries]
    assert texts == ["Support request: “It hangs”"] * 2


def test_support_requests_beyond_the_events_of_a_day_are_counted() -> None:
    customer = make_customer()
    make_event(customer, date(2025, 5, 5), "support_request", detail="It hangs")
    make_engagement(customer, date(2025, 5, 5), support_requests=3)
    texts = [entry.text for entry in timeline(customer, date(2025, 5, 10)).entries]
    assert sorted(texts) == ["2 support requests", "Support request: “It hangs”"]


def test_what_is_left_of_a_day_that_events_tell_in_part(customer: Customer) -> None:
    make_event(customer, D, "first_issue_tagged", detail="Tagged 3 issues")
    make_engagement(customer, D, issues_tagged=3, prs_generated=1)
    assert told(customer) == [(D, "Generated 1 PR"), (D, "Tagged 3 issues")]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"nps": 0}, "NPS 0 of 10"),
        ({"nps": 9, "csat": 5, "comment": "Great <b>work</b>"}, "NPS 9 of 10, CSAT 5 of 5: “Great <b>work</b>”"),
        ({"comment": "Only words"}, "Feedback: “Only words”"),
    ],
)
def test_feedback(customer: Customer, answer: dict[str, Any], expected: str) -> None:
    make_feedback(customer, D, **answer)
    make_feedback(customer, date(2025, 5, 11), nps=1)
    assert told(customer) == [(D, expected)]

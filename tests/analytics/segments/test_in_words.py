"""What filters ask for, in words, and what they do not understand."""

from datetime import date

import pytest
from django.contrib.auth.models import User
from django.http import QueryDict

from analytics.portfolio.score_change import ScoreChanges
from analytics.segments.filters import SnapshotFilter
from analytics.segments.in_words import filters_in_words, refusals
from tests.factories import make_customer, make_day, make_snapshot, make_staff

pytestmark = pytest.mark.django_db

D = date(2025, 5, 10)


@pytest.fixture
def user() -> User:
    return make_staff(username="zoe")


def asked(query: str, user: User) -> SnapshotFilter:
    make_day(date=D, total=1)
    make_snapshot(make_customer(cohort="2025-Q1"), date=D)
    return SnapshotFilter(QueryDict(query), D, changes=ScoreChanges(D), user=user, me=None)


def test_each_value_that_narrows_is_said(user: User) -> None:
    filters = asked("status=at_risk&status=inactive&cohort=2025-Q1&score_max=40&only=blocked&q=", user)
    assert [(one.name, one.value, one.label, one.words) for one in filters_in_words(filters)] == [
        ("status", "at_risk", "Status", "At risk"),
        ("status", "inactive", "Status", "Inactive"),
        ("cohort", "2025-Q1", "Cohort", "2025-Q1"),
        ("only", "blocked", "Quick filters", "Blocked"),
        ("score_max", None, "Score to", "40"),
    ]
    assert refusals(filters) == []


def test_what_is_refused_is_said_and_narrows_nothing(user: User) -> None:
    filters = asked("status=great&score_max=many&score_min=20", user)
    assert [(one.name, one.words) for one in filters_in_words(filters)] == [("score_min", "20")]
    assert refusals(filters) == [
        "Status: Select a valid choice. great is not one of the available choices.",
        "Score to: Enter a whole number.",
    ]

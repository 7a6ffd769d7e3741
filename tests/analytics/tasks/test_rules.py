"""The recommendation rules in the admin: how many each matches, a preview, and what is refused."""

import re

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from analytics.models import RecommendationRule, Task
from customers.models import Customer
from tests.factories import make_staff
from tests.support.pages import words

pytestmark = pytest.mark.django_db

RULE = {"text": "Call", "kind": "call", "condition": "at_risk", "urgency": "5", "rest_days": "7", "active": "on"}
RULES = "/admin/analytics/recommendationrule/"


@pytest.fixture
def paula(client: Client) -> User:
    user = make_staff("Program manager")
    client.force_login(user)
    return user


def test_the_list_says_how_many_each_rule_matches(client: Client, paula: User, three: list[Customer]) -> None:
    page = client.get(RULES).text
    found = re.findall(r"field-condition_in_words[^>]*>(.*?)</td>.*?field-matches[^>]*>(.*?)</td>", page, re.DOTALL)
    told = {words(condition): words(matches) for condition, matches in found}
    assert told["Status is At risk"] == "2 customers"
    assert told["Status is Healthy"] == "1 customer"
    assert told["Status is Champion"] == "0 customers"


def test_the_list_takes_the_same_queries_however_many_rules(
    client: Client, paula: User, three: list[Customer]
) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert client.get(RULES).status_code == 200
        return len(captured)

    few = count()
    for number in range(20):
        RecommendationRule.objects.create(
            text=f"Do {number}", kind="call", condition="silent", threshold=number + 1, urgency=1
        )
    assert count() == few


def test_a_preview_counts_what_is_typed_and_saves_nothing(client: Client, paula: User, three: list[Customer]) -> None:
    before = RecommendationRule.objects.count()
    response = client.post(f"{RULES}add/", {**RULE, "_preview": "1"})
    assert response.status_code == 200
    text = words(response.text)
    assert "“Status is At risk” matches 2 customers on 10 May 2025. Nothing is saved yet." in text
    assert RecommendationRule.objects.count() == before
    changed = {**RULE, "condition": "score_below", "threshold": "76", "_preview": "1"}
    rule = RecommendationRule.objects.get(urgency=30)
    response = client.post(f"{RULES}{rule.pk}/change/", changed)
    assert "“Score below 76” matches 3 customers" in words(response.text)
    rule.refresh_from_db()
    assert rule.condition == "at_risk"


@pytest.mark.parametrize("n", ["", "0"])
def test_a_condition_without_its_n_is_refused(client: Client, paula: User, three: list[Customer], n: str) -> None:
    for extra in ({}, {"_preview": "1"}):
        sent = {**RULE, "condition": "silent", "threshold": n, **extra}
        response = client.post(f"{RULES}add/", sent)
        assert response.status_code == 200
        assert response.context["errors"]
    assert not RecommendationRule.objects.filter(condition="silent").exists()


def test_a_rule_can_be_changed_but_not_deleted_from_under_its_tasks(
    client: Client, paula: User, three: list[Customer]
) -> None:
    client.post(f"{RULES}add/", {**RULE, "condition": "silent", "threshold": "3"})
    rule = RecommendationRule.objects.get(condition="silent")
    Task.objects.create(customer=three[0], rule=rule, what="x", due="2025-05-10")
    client.post(f"{RULES}{rule.pk}/delete/", {"post": "yes"})
    assert RecommendationRule.objects.filter(pk=rule.pk).exists()
    Task.objects.all().delete()
    client.post(f"{RULES}{rule.pk}/delete/", {"post": "yes"})
    assert not RecommendationRule.objects.filter(pk=rule.pk).exists()

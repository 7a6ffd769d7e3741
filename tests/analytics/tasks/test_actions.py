"""Recommended actions: each rule with its reason, the most urgent first, none said twice, none that is taken."""

from datetime import date, timedelta
from importlib import import_module
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from analytics.models import Condition, HealthStatus, RecommendationRule, ScoringPolicy, Snapshot, Stage, Task, Trend
from analytics.tasks.conditions import CONDITIONS, count_matches, matching_reason
from analytics.tasks.recommendations import recommendations, recommended_actions
from customers.models import Customer
from customers.text.codes import code_in_words
from tests.factories import make_customer, make_snapshot
from tests.support.selection import examples_of_a_push

D = date(2025, 5, 10)
NOW = import_module("analytics.migrations.0036_email_and_skipped").TEXTS
SEEDS = [
    RecommendationRule(pk=place, urgency=urgency, condition=condition, kind=kind, text=NOW.get(text, text))
    for place, (urgency, condition, kind, text) in enumerate(
        import_module("analytics.migrations.0006_default_rules").RULES, start=1
    )
]


def snapshot(**overrides: Any) -> Snapshot:
    """A snapshot that no rule but its status speaks about; nothing is stored."""
    return Snapshot(
        **{
            "date": D,
            "policy": ScoringPolicy(),
            "customer": Customer(signup_date=date(2025, 3, 1)),
            "status": "healthy",
            "score": 75,
            "onboarded": False,
            "blocker_type": "",
            "issues_tagged": 0,
            "prs_generated": 0,
            "last_active": D,
            **overrides,
        }
    )


def advice(**overrides: Any) -> list[tuple[str, str]]:
    return [(action.text, action.reason) for action in recommended_actions(snapshot(**overrides), SEEDS, [])]


def texts(**overrides: Any) -> list[str]:
    return [text for text, _reason in advice(**overrides)]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (
            {"status": "champion", "score": 91},
            [("Ask for a testimonial", "Champion, score 91"), ("Discuss expansion", "Champion, score 91")],
        ),
        (
            {"status": "healthy", "score": 75},
            [("Do the regular check-in", "Healthy, score 75"), ("Suggest advanced features", "Healthy, score 75")],
        ),
        (
            {"status": "needs_attention", "score": 52},
            [
                ("Send a check-in email", "Needs attention, score 52"),
                ("Offer additional resources", "Needs attention, score 52"),
            ],
        ),
        (
            {"status": "at_risk", "score": 15},
            [
                ("Schedule a technical call", "At risk, score 15"),
                ("Send a follow-up email", "At risk, score 15"),
                ("Share the documentation", "At risk, score 15"),
            ],
        ),
        (
            {"status": "inactive", "score": 13, "last_active": date(2025, 4, 17)},
            [
                ("Send a re-engagement email", "No activity for 23 days"),
                ("Confirm the contact", "No activity for 23 days"),
            ],
        ),
        (
            {"status": "inactive", "score": 10, "last_active": None},
            [("Send a re-engagement email", "No activity yet"), ("Confirm the contact", "No activity yet")],
        ),
        (
            {
                "status": "inactive",
                "score": 10,
                "last_active": None,
                "customer": Customer(signup_date=date(2025, 4, 27)),
            },
            [
                ("Send a re-engagement email", "Account is paused or has ended"),
                ("Confirm the contact", "Account is paused or has ended"),
            ],
        ),
        (
            {"status": "inactive", "score": 13, "last_active": date(2025, 4, 26)},
            [
                ("Send a re-engagement email", "No activity for 14 days"),
                ("Confirm the contact", "No activity for 14 days"),
            ],
        ),
        (
            {"status": "inactive", "score": 80, "last_active": date(2025, 4, 27)},
            [
                ("Send a re-engagement email", "Account is paused or has ended"),
                ("Confirm the contact", "Account is paused or has ended"),
            ],
        ),
    ],
    ids=str,
)
def test_each_status_has_its_actions(fields: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert advice(**fields) == expected


@pytest.mark.parametrize("status", HealthStatus.values)
def test_no_status_is_without_advice(status: str) -> None:
    assert advice(status=status)


@pytest.mark.parametrize("blocker", ["github_permissions", "github_config", "GitHub", "repository Permissions"])
def test_a_blocker_on_github_or_permissions(blocker: str) -> None:
    assert advice(blocker_type=blocker)[:2] == [
        ("Schedule a technical call", f"Blocked: {code_in_words(blocker)}"),
        ("Share the documentation on repository permissions", f"Blocked: {code_in_words(blocker)}"),
    ]


def test_another_blocker_is_no_matter_of_permissions() -> None:
    assert texts(blocker_type="budget_freeze") == ["Do the regular check-in", "Suggest advanced features"]


def test_who_is_onboarded_is_not_blocked() -> None:
    assert texts(blocker_type="github_permissions", onboarded=True) == [
        "Do the regular check-in",
        "Suggest advanced features",
    ]


@pytest.mark.parametrize(
    ("issues", "reason"),
    [(1, "1 issue tagged, but no PR generated"), (1200, "1,200 issues tagged, but no PR generated")],
)
def test_issues_without_a_pr(issues: int, reason: str) -> None:
    assert advice(issues_tagged=issues)[0] == ("Send a follow-up email about PR generation", reason)
    assert "Send a follow-up email about PR generation" not in texts(issues_tagged=issues, prs_generated=1)


def test_the_most_urgent_comes_first_and_nothing_is_said_twice() -> None:
    assert advice(status="at_risk", score=45, blocker_type="github_permissions", issues_tagged=5) == [
        ("Schedule a technical call", "Blocked: GitHub permissions"),
        ("Share the documentation on repository permissions", "Blocked: GitHub permissions"),
        ("Send a follow-up email about PR generation", "5 issues tagged, but no PR generated"),
    ]


def test_at_risk_with_issues_only() -> None:
    assert advice(status="at_risk", score=45, issues_tagged=5) == [
        ("Send a follow-up email about PR generation", "5 issues tagged, but no PR generated"),
        ("Schedule a technical call", "At risk, score 45"),
        ("Share the documentation", "At risk, score 45"),
    ]


def test_at_most_five_whatever_applies() -> None:
    assert len(texts(status="needs_attention", blocker_type="github", issues_tagged=5)) == 5
    many = [
        RecommendationRule(pk=100 + number, condition="champion", text=f"Do {number:02}", urgency=90)
        for number in range(10)
    ]
    actions = recommended_actions(snapshot(status="champion"), [*SEEDS, *many], [])
    assert [action.text for action in actions] == [
        "Ask for a testimonial",
        "Discuss expansion",
        "Do 00",
        "Do 01",
        "Do 02",
    ]


# --- The conditions with an N, and those that the seed does not use ----------------------------------------------


@pytest.mark.parametrize(
    ("condition", "n", "fields", "expected"),
    [
        ("score_below", 50, {"score": 49}, "Score 49, below 50"),
        ("score_below", 50, {"score": 50}, None),
        ("silent", 7, {"last_active": date(2025, 5, 3)}, "No activity for 7 days"),
        ("silent", 7, {"last_active": date(2025, 5, 4)}, None),
        ("silent", 9, {"last_active": None}, "No activity in the 9 days since signup"),
        ("silent", 10, {"last_active": None}, None),
        ("no_first_pr", 9, {"first_pr_generated": False}, "No first PR 9 days after signup"),
        ("no_first_pr", 10, {"first_pr_generated": False}, None),
        ("no_first_pr", 9, {"first_pr_generated": True}, None),
        ("declining", None, {"trend": "declining"}, "Activity is declining, score 75"),
        ("declining", None, {"trend": "stable"}, None),
        ("blocked", None, {"blocker_type": "budget"}, "Blocked: Budget"),
        ("blocked", None, {"blocker_type": "budget", "onboarded": True}, None),
    ],
)
def test_conditions_at_their_edges(
    condition: str, n: int | None, fields: dict[str, Any], expected: str | None
) -> None:
    signed_up = Customer(signup_date=date(2025, 5, 1))
    rule = RecommendationRule(condition=condition, threshold=n)
    assert matching_reason(snapshot(customer=signed_up, **fields), rule) == expected


def test_every_condition_is_declared() -> None:
    assert set(CONDITIONS) == set(Condition)


days = st.dates(D - timedelta(days=60), D)
blockers = st.one_of(
    st.sampled_from(
        ["", "github", "GitHub_App", "PERMISSIONS", "permi\u017f\u017fion", "g\u0131thub", "G\u0130THUB", "budget"]
    ),
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20),
)
numbers = st.integers(0, 3)
snapshots_of_a_day = st.lists(
    st.fixed_dictionaries(
        {
            "score": st.integers(0, 100),
            "status": st.sampled_from(HealthStatus.values),
            "trend": st.sampled_from(Trend.values),
            "stage": st.sampled_from(Stage.values),
            "onboarded": st.booleans(),
            "first_pr_generated": st.booleans(),
            "blocker_type": blockers,
            "issues_tagged": numbers,
            "prs_generated": numbers,
            "last_active": st.none() | days,
            "signup_date": days,
        }
    ),
    min_size=1,
    max_size=6,
)


class Agreement(TestCase):
    """Each condition says the same of a snapshot in Python and in SQL."""

    @hypothesis_settings(max_examples=examples_of_a_push(60))
    @given(snapshots_of_a_day, st.sampled_from([0, 1, 7, 14, 30, 50, 100, 2_147_483_647]))
    def test_in_python_and_in_sql(self, rows: list[dict[str, Any]], n: int) -> None:
        stored = []
        for row in rows:
            signup = row.pop("signup_date")
            stored.append(make_snapshot(make_customer(signup_date=signup), date=D, **row))
        make_snapshot(date=D - timedelta(days=1))  # of another day
        rules = [RecommendationRule(condition=condition, threshold=n) for condition in Condition]
        expected = [sum(matching_reason(one, rule) is not None for one in stored) for rule in rules]
        assert dict(zip(Condition, count_matches(rules, D), strict=True)) == dict(
            zip(Condition, expected, strict=True)
        )


# --- What somebody is at, or has done of late -------------------------------------------------------------------


def make_task(rule: RecommendationRule, **overrides: Any) -> Task:
    values = {"rule": rule, "rule_id": rule.pk, "what": rule.text, "due": D, "state": "open", **overrides}
    return Task(**values)


def left(*tasks: Task, on: date = D) -> list[str]:
    found = recommended_actions(snapshot(status="champion", date=on, last_active=on), SEEDS, tasks)
    return [action.text for action in found]


TESTIMONIAL = next(rule for rule in SEEDS if rule.text == "Ask for a testimonial")
CALL, CALL_AT_RISK = (rule for rule in SEEDS if rule.text == "Schedule a technical call")
PERMISSIONS = next(rule for rule in SEEDS if rule.text == "Share the documentation on repository permissions")


def test_an_open_task_hides_its_rule_however_old_it_is() -> None:
    assert left(make_task(TESTIMONIAL)) == ["Discuss expansion"]
    assert left(make_task(TESTIMONIAL), on=date(2030, 1, 1)) == ["Discuss expansion"]


@pytest.mark.parametrize("state", ["done", "dropped"])
@pytest.mark.parametrize(("days_ago", "hidden"), [(0, True), (14, True), (15, False), (-3, True)])
def test_a_closed_one_rests_for_its_days(state: str, days_ago: int, hidden: bool) -> None:
    closed = make_task(TESTIMONIAL, state=state, closed_on=D - timedelta(days=days_ago))
    assert ("Ask for a testimonial" not in left(closed)) is hidden


def test_without_rest_it_is_quiet_on_that_day_only() -> None:
    rule = RecommendationRule(pk=1, condition="champion", text="Sing", rest_days=0)
    done = make_task(rule, state="done", closed_on=D)
    champion = snapshot(status="champion")
    assert recommended_actions(champion, [rule], [done]) == []
    champion.date = D + timedelta(days=1)
    assert [action.text for action in recommended_actions(champion, [rule], [done])] == ["Sing"]


def test_a_taken_action_is_not_said_by_another_rule_either() -> None:
    state = snapshot(status="at_risk", score=45, blocker_type="github_permissions")
    assert [a.text for a in recommended_actions(state, SEEDS, [make_task(CALL)])] == [
        "Share the documentation on repository permissions",
        "Send a follow-up email",
    ]
    # The other way round, and what was said more exactly.
    tasks = [make_task(CALL_AT_RISK), make_task(PERMISSIONS, state="done", closed_on=D)]
    assert [a.text for a in recommended_actions(state, SEEDS, tasks)] == ["Send a follow-up email"]


def test_a_task_of_ones_own_hides_nothing() -> None:
    assert len(left(Task(what="Ask for a testimonial", due=D))) == 2


@pytest.mark.django_db
def test_many_customers_take_the_same_few_queries() -> None:
    RecommendationRule.objects.create(text="Wake up", kind="call", condition="silent", threshold=5, urgency=1)
    call = RecommendationRule.objects.get(urgency=30)

    def ask(how_many: int) -> int:
        keys = [make_snapshot(status="at_risk", score=30, last_active=D).customer_id for _number in range(how_many)]
        Task.objects.create(customer_id=keys[0], rule=call, what="Call", due=D)
        stored = list(Snapshot.objects.filter(customer__in=keys))
        with CaptureQueriesContext(connection) as captured:
            found = recommendations(stored)
        assert [action.text for action in found[keys[0]]] == ["Send a follow-up email", "Share the documentation"]
        assert all(found[key][0].text == "Schedule a technical call" for key in keys[1:])
        return len(captured)

    assert (ask(2), ask(30)) == (3, 3)


@pytest.mark.django_db
def test_one_customer_takes_two_queries_and_a_rule_switched_off_is_quiet() -> None:
    one = make_snapshot(status="champion", score=90)
    with CaptureQueriesContext(connection) as captured:
        found = recommended_actions(one)
    assert (len(captured), [action.text for action in found]) == (2, ["Ask for a testimonial", "Discuss expansion"])
    RecommendationRule.objects.filter(text="Discuss expansion").update(active=False)
    assert [action.text for action in recommended_actions(one)] == ["Ask for a testimonial"]

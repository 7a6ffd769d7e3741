"""Recommended actions: each rule with its reason, the most urgent first, none said twice."""

from datetime import date
from typing import Any

import pytest

from analytics.actions import RULES, recommended_actions
from analytics.models import HealthStatus, ScoringPolicy, Snapshot

D = date(2025, 5, 10)


def snapshot(**overrides: Any) -> Snapshot:
    """A snapshot that no rule but its status speaks about; nothing is stored."""
    return Snapshot(
        **{
            "date": D,
            "policy": ScoringPolicy(),
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
    return [(action.text, action.reason) for action in recommended_actions(snapshot(**overrides))]


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
                ("Send a check-in e-mail", "Needs attention, score 52"),
                ("Offer additional resources", "Needs attention, score 52"),
            ],
        ),
        (
            {"status": "at_risk", "score": 15},
            [
                ("Schedule a technical call", "At risk, score 15"),
                ("Send a follow-up e-mail", "At risk, score 15"),
                ("Share the documentation", "At risk, score 15"),
            ],
        ),
        (
            {"status": "inactive", "score": 13, "last_active": date(2025, 4, 17)},
            [
                ("Send a re-engagement e-mail", "No activity for 23 days"),
                ("Confirm the contact", "No activity for 23 days"),
            ],
        ),
        (
            {"status": "inactive", "score": 10, "last_active": None},
            [("Send a re-engagement e-mail", "No activity yet"), ("Confirm the contact", "No activity yet")],
        ),
        (
            {"status": "inactive", "score": 13, "last_active": date(2025, 4, 26)},
            [
                ("Send a re-engagement e-mail", "No activity for 14 days"),
                ("Confirm the contact", "No activity for 14 days"),
            ],
        ),
        (
            {"status": "inactive", "score": 80, "last_active": date(2025, 4, 27)},
            [
                ("Send a re-engagement e-mail", "Paused or ended by contract"),
                ("Confirm the contact", "Paused or ended by contract"),
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
        ("Schedule a technical call", f"Blocked: {blocker}"),
        ("Share the documentation on repository permissions", f"Blocked: {blocker}"),
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
    assert advice(issues_tagged=issues)[0] == ("Send a follow-up e-mail about PR generation", reason)
    assert "Send a follow-up e-mail about PR generation" not in texts(issues_tagged=issues, prs_generated=1)


def test_the_most_urgent_comes_first_and_nothing_is_said_twice() -> None:
    assert advice(status="at_risk", score=45, blocker_type="github_permissions", issues_tagged=5) == [
        ("Schedule a technical call", "Blocked: github_permissions"),
        ("Share the documentation on repository permissions", "Blocked: github_permissions"),
        ("Send a follow-up e-mail about PR generation", "5 issues tagged, but no PR generated"),
    ]


def test_at_risk_with_issues_only() -> None:
    assert advice(status="at_risk", score=45, issues_tagged=5) == [
        ("Send a follow-up e-mail about PR generation", "5 issues tagged, but no PR generated"),
        ("Schedule a technical call", "At risk, score 45"),
        ("Share the documentation", "At risk, score 45"),
    ]


def test_at_most_five_whatever_applies(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(texts(status="needs_attention", blocker_type="github", issues_tagged=5)) == 5
    from analytics import actions

    many = actions.Rule(lambda _snapshot: "why", tuple(f"Do {number:02}" for number in range(10)))
    monkeypatch.setattr(actions, "RULES", (*RULES, many))
    assert texts(status="champion") == ["Ask for a testimonial", "Discuss expansion", "Do 00", "Do 01", "Do 02"]

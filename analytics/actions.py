"""What to do about a customer: rules over status and signals, each with its reason."""

from collections.abc import Callable
from dataclasses import dataclass

from analytics.models import HealthStatus, Snapshot
from analytics.wording import counted

MOST_ACTIONS = 5
ABOUT_PERMISSIONS = ("github", "permission")


@dataclass(frozen=True)
class Action:
    """Something to do, and why."""

    text: str
    reason: str


@dataclass(frozen=True)
class Rule:
    """When ``applies`` says why (else it says nothing), the ``texts`` are to be done."""

    applies: Callable[[Snapshot], str | None]
    texts: tuple[str, ...]


def _blocked_on_github(snapshot: Snapshot) -> str | None:
    kind = snapshot.blocker_type.lower()
    about = any(word in kind for word in ABOUT_PERMISSIONS)
    return f"Blocked: {snapshot.blocker_type}" if snapshot.blocked and about else None


def _issues_without_pr(snapshot: Snapshot) -> str | None:
    if snapshot.issues_tagged and not snapshot.prs_generated:
        return f"{counted(snapshot.issues_tagged, 'issue')} tagged, but no PR generated"
    return None


def _has_status(status: HealthStatus) -> Callable[[Snapshot], str | None]:
    def applies(snapshot: Snapshot) -> str | None:
        return f"{status.label}, score {snapshot.score}" if snapshot.status == status else None

    return applies


def _away(snapshot: Snapshot) -> str | None:
    if snapshot.status != HealthStatus.INACTIVE:
        return None
    days = snapshot.days_since_active
    if days is None:
        return "No activity yet"
    if days < snapshot.policy.inactive_days:
        return "Paused or ended by contract"
    return f"No activity for {counted(days, 'day')}"


RULES = (
    Rule(
        _blocked_on_github,
        ("Schedule a technical call", "Share the documentation on repository permissions"),
    ),
    Rule(_issues_without_pr, ("Send a follow-up e-mail about PR generation",)),
    Rule(
        _has_status(HealthStatus.AT_RISK),
        ("Schedule a technical call", "Send a follow-up e-mail", "Share the documentation"),
    ),
    Rule(_away, ("Send a re-engagement e-mail", "Confirm the contact")),
    Rule(_has_status(HealthStatus.NEEDS_ATTENTION), ("Send a check-in e-mail", "Offer additional resources")),
    Rule(_has_status(HealthStatus.HEALTHY), ("Do the regular check-in", "Suggest advanced features")),
    Rule(_has_status(HealthStatus.CHAMPION), ("Ask for a testimonial", "Discuss expansion")),
)
"""Most urgent first."""


def recommended_actions(snapshot: Snapshot) -> list[Action]:
    """At most five things to do, most urgent first; none that an earlier one says already, or more exactly."""
    actions: list[Action] = []
    for rule in RULES:
        reason = rule.applies(snapshot)
        if reason:
            for text in rule.texts:
                if not any(action.text.startswith(text) for action in actions):
                    actions.append(Action(text, reason))
    return actions[:MOST_ACTIONS]

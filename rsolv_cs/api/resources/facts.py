"""What is told of a customer and of its snapshot, wherever the API tells of them."""

from datetime import date
from typing import Annotated, TypedDict

from django.contrib.auth.models import AbstractUser
from django.utils import timezone

from analytics.forecast.bands import shown_percent
from analytics.models import HealthStatus, Snapshot, SnapshotQuerySet, Stage, Trend
from analytics.portfolio.comparison import MONTH, WEEK
from analytics.portfolio.score_change import COLUMN_OF, ScoreChanges
from analytics.portfolio.status_change import WAS_OF
from analytics.scoring.components import COMPONENTS
from customers.core.people import name_of
from customers.models import Customer, Step


class Person(TypedDict):
    """A member of staff."""

    id: int
    username: str
    name: Annotated[str, "What pages call the person."]


class CustomerFacts(TypedDict):
    """A customer as the newest files and the staff have it, whatever the scored date."""

    id: str
    organization: str
    email: str
    github_username: str
    signup_date: date
    cohort: Annotated[str, "Empty where there is none."]
    industry: Annotated[str, "Empty where there is none."]
    team_size: int | None
    account_status: Annotated[Customer.Status, "The state of the contract."]
    missing_since: Annotated[date | None, "The day of the run from which on customers.csv lacks the customer."]
    owner: Person | None
    do_not_contact: bool
    language: Annotated[str, "The language of emails to the customer, such as de; empty where none is known."]


class SnapshotFacts(TypedDict):
    """What was known of a customer on a scored date. Counters are of all days up to it."""

    date: date
    score: Annotated[int, "0 to 100."]
    status: HealthStatus
    activity_trend: Trend
    stage: Stage
    points: Annotated[
        dict[str, int | None],
        f"By component ({', '.join(one.name for one in COMPONENTS)}); null without an answer, which counts 0.",
    ]
    policy: Annotated[str, "The scoring policy that scored the customer."]
    steps: Annotated[dict[str, bool], f"Whether each counts: {', '.join(Step.values)}."]
    steps_done: int
    onboarding_percent: int
    onboarded: bool
    completed_on: Annotated[date | None, "The day of onboarding; null where it is not known."]
    days_to_value: Annotated[int | None, "Days from signup to the day of onboarding."]
    blocker: Annotated[str, "What holds the onboarding up; empty where nothing does."]
    issues_tagged: int
    prs_generated: int
    prs_merged: int
    prs_rejected: int
    success_rate: Annotated[int | None, "Merged of generated PRs in whole percent; null where none was generated."]
    support_requests: int
    days_active: int
    last_active: date | None
    forecast_quiet: Annotated[int | None, "How probable it is to go quiet in 30 days, in whole percent."]
    forecast_first_pr: Annotated[int | None, "How probable a first PR in 30 days is, in whole percent."]
    provisional_to: Annotated[
        date | None, "Through which day counts what the product reported and no file has; null where nothing does."
    ]


class Changes(TypedDict):
    """What the score and the status are compared with; null where there is no earlier score."""

    score_7_days: Annotated[int | None, "Score less the score a week before."]
    score_30_days: Annotated[int | None, "Score less the score 30 days before."]
    status_7_days_before: HealthStatus | None
    status_30_days_before: HealthStatus | None


def with_facts(rows: SnapshotQuerySet) -> SnapshotQuerySet:
    """Return snapshots with all that ``snapshot_facts`` tells of them."""
    return rows.with_forecasts(of_over=False).with_policy_names()


def with_customers(day: date, changes: ScoreChanges) -> SnapshotQuerySet:
    """Return the snapshots of a date with all that is told of them and their customers."""
    return changes.beside(with_facts(Snapshot.objects.on(day))).select_related("customer__missing_since")


def person(user: AbstractUser | None) -> Person | None:
    """Return what is told of a member of staff."""
    return {"id": user.pk, "username": user.get_username(), "name": name_of(user)} if user else None


def customer_facts(customer: Customer) -> CustomerFacts:
    """Return what is told of a customer, who comes with ``care``, its owner and the run since which it is missing."""
    care = getattr(customer, "care", None)
    missing = customer.missing_since
    return {
        "id": customer.pk,
        "organization": customer.organization,
        "email": customer.email,
        "github_username": customer.github_username,
        "signup_date": customer.signup_date,
        "cohort": customer.cohort,
        "industry": customer.industry,
        "team_size": customer.team_size,
        "account_status": Customer.Status(customer.status),
        "missing_since": timezone.localtime(missing.started_at).date() if missing else None,
        "owner": person(care and care.owner),
        "do_not_contact": bool(care and care.do_not_contact),
        "language": care.language if care else "",
    }


def snapshot_facts(snapshot: Snapshot) -> SnapshotFacts:
    """Return what is told of a snapshot, one of ``with_facts``."""
    return {
        "date": snapshot.date,
        "score": snapshot.score,
        "status": HealthStatus(snapshot.status),
        "activity_trend": Trend(snapshot.trend),
        "stage": Stage(snapshot.stage),
        "points": {component.name: component.points(snapshot) for component in COMPONENTS},
        "policy": snapshot.scoring_policy,
        "steps": {step.value: getattr(snapshot, step.value) for step in Step},
        "steps_done": snapshot.steps_done,
        "onboarding_percent": snapshot.onboarding_percent,
        "onboarded": snapshot.onboarded,
        "completed_on": snapshot.completed_on,
        "days_to_value": snapshot.days_to_complete,
        "blocker": snapshot.blocker_type,
        "issues_tagged": snapshot.issues_tagged,
        "prs_generated": snapshot.prs_generated,
        "prs_merged": snapshot.prs_merged,
        "prs_rejected": snapshot.prs_rejected,
        "success_rate": snapshot.success_rate,
        "support_requests": snapshot.support_requests,
        "days_active": snapshot.days_active,
        "last_active": snapshot.last_active,
        "forecast_quiet": shown_percent(snapshot.forecast_quiet),
        "forecast_first_pr": shown_percent(snapshot.forecast_first_pr),
        "provisional_to": snapshot.provisional_to,
    }


def changes_of(snapshot: Snapshot) -> Changes:
    """Return how a snapshot differs from earlier ones, to be had of ``ScoreChanges.beside``."""
    week, month = (getattr(snapshot, WAS_OF[days]) for days in (WEEK, MONTH))
    return {
        "score_7_days": getattr(snapshot, COLUMN_OF[WEEK]),
        "score_30_days": getattr(snapshot, COLUMN_OF[MONTH]),
        "status_7_days_before": HealthStatus(week) if week else None,
        "status_30_days_before": HealthStatus(month) if month else None,
    }

"""Plain functions that make rows and CSV files; every value can be overridden."""

import csv
import gzip
from collections.abc import Mapping, Sequence
from datetime import date
from itertools import count
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.db.models import BooleanField, IntegerField, Model
from django.utils import timezone

from analytics.models import Alert, AlertRule, Forecast, ForecastCase, Message, PortfolioDay, ScoringPolicy, Snapshot
from analytics.scoring.snapshots import score_day
from customers.audit import trail
from customers.feeds.declarations import FEEDS
from customers.imports.folder import import_folder
from customers.imports.interface import Options
from customers.models import Customer, Engagement, Event, Feedback, ImportRun, Onboarding, StepSighting

_numbers = count(1_000_001)  # above every id of the demo program

ROWS: dict[str, dict[str, str]] = {
    "customers": {
        "id": "c2001",
        "email": "ops@example.com",
        "organization": "Example Ltd",
        "github_username": "example-dev",
        "signup_date": "2025-05-01",
        "cohort": "VIP",
        "industry": "SaaS",
        "team_size": "12",
        "status": "active",
    },
    "onboarding": {
        "id": "o2001",
        "customer_id": "c2001",
        "welcome_email_sent": "true",
        "account_created": "true",
        "github_action_installed": "true",
        "first_issue_tagged": "false",
        "first_pr_generated": "false",
        "completed_date": "",
        "days_to_complete": "",
        "blocker_type": "github_config",
        "notes": "Needs help with repository permissions",
    },
    "engagement": {
        "id": "e2001",
        "customer_id": "c2001",
        "date": "2025-05-02",
        "issues_tagged": "5",
        "prs_generated": "3",
        "prs_merged": "2",
        "prs_rejected": "1",
        "support_requests": "1",
    },
    "feedback": {"id": "f2001", "customer_id": "c2001", "date": "2025-05-03", "nps": "9", "csat": "5", "comment": ""},
    "events": {"id": "v2001", "customer_id": "c2001", "date": "2025-05-01", "kind": "note", "detail": "Kick-off call"},
}
"""A valid row of each feed: the examples of csv-feeds.md."""


def csv_row(feed: str, **overrides: str) -> dict[str, str]:
    """A valid row of a feed, as text."""
    return {**ROWS[feed], **overrides}


def write_feed(folder: Path, feed: str, rows: Sequence[Mapping[str, str]] = (), *, compress: bool = False) -> Path:
    """A feed's CSV file with proper quoting; returns its path."""
    path = folder / f"{feed}.csv{'.gz' if compress else ''}"
    opened = (
        gzip.open(path, "wt", encoding="utf-8", newline="")  # noqa: SIM115 - the next lines close it
        if compress
        else path.open("w", encoding="utf-8", newline="")
    )
    with opened as file:
        writer = csv.DictWriter(file, FEEDS[feed].column_names)
        writer.writeheader()
        writer.writerows(rows)
    return path


def write_feeds(folder: Path, **feeds: Sequence[Mapping[str, str]]) -> Path:
    """The three required feeds (empty where not given) and the optional ones given; returns the folder."""
    for feed in ("customers", "onboarding", "engagement"):
        write_feed(folder, feed, feeds.pop(feed, ()))
    for feed, rows in feeds.items():
        write_feed(folder, feed, rows)
    return folder


def make_run(**overrides: Any) -> ImportRun:
    """A loaded run."""
    run = ImportRun(
        **{"feed": "customers", "file": "customers.csv", "status": "loaded", "started_by": "test", **overrides}
    )
    return end_run(run, run.status)


def end_run(run: ImportRun, status: str) -> ImportRun:
    """End a run as the loader does, which notes it in the audit."""
    run.status = status
    run.save()
    if status != ImportRun.Status.RUNNING:
        trail.record(trail.Action.IMPORT, run)
    return run


def make_customer(**overrides: Any) -> Customer:
    """A customer who signed up on 2025-05-01."""
    number = next(_numbers)
    values = {
        "id": f"c{number}",
        "email": f"someone@c{number}.example",
        "organization": f"Customer {number}",
        "signup_date": date(2025, 5, 1),
        "run_id": 1,
        "line": 2,
        **overrides,
    }
    return Customer.objects.create(**values)


def make_onboarding(customer: Customer, **overrides: Any) -> Onboarding:
    """A customer's onboarding, no step done."""
    return Onboarding.objects.create(
        **{"id": f"o-{customer.pk}", "customer": customer, "run_id": 1, "line": 2, **overrides}
    )


def make_engagement(customer: Customer, day: date, **overrides: Any) -> Engagement:
    """A row of engagement, all counters 0."""
    return Engagement.objects.create(
        **{"id": f"e{next(_numbers)}", "customer": customer, "date": day, "run_id": 1, "line": 2, **overrides}
    )


def make_feedback(customer: Customer, day: date, **overrides: Any) -> Feedback:
    """A row of feedback."""
    return Feedback.objects.create(
        **{"id": f"f{next(_numbers)}", "customer": customer, "date": day, "run_id": 1, "line": 2, **overrides}
    )


def make_event(customer: Customer, day: date, kind: str, **overrides: Any) -> Event:
    """An event."""
    return Event.objects.create(
        **{
            "id": f"v{next(_numbers)}",
            "customer": customer,
            "date": day,
            "kind": kind,
            "run_id": 1,
            "line": 2,
            **overrides,
        }
    )


def make_sighting(customer: Customer, step: str, seen_on: date | None, **overrides: Any) -> StepSighting:
    """A run that saw a step's flag turn true; without a date, at the first import."""
    values = {"customer": customer, "step": step, "seen_on": seen_on, "at_first_import": seen_on is None, **overrides}
    if "run" not in values:
        values["run"] = make_run(feed="onboarding", file="onboarding.csv")
    return StepSighting.objects.create(**values)


def make_staff(role: str | None = None, **overrides: Any) -> User:
    """A member of staff who has a role (a group's name), or none."""
    user = User.objects.create_user(
        **{"username": f"staff{next(_numbers)}", "password": "a long password", "is_staff": True, **overrides}
    )
    if role:
        user.groups.add(Group.objects.get(name=role))
    return user


def make_policy(name: str = "v2", **overrides: Any) -> ScoringPolicy:
    """A published policy for everybody, from 2025-05-10 on, unless told otherwise."""
    return ScoringPolicy.objects.create(**{"name": name, "effective_from": date(2025, 5, 10), **overrides})


def make_snapshot(customer: Customer | None = None, **overrides: Any) -> Snapshot:
    """What was known of a customer on 2025-05-10: healthy, with a score of 75, everything else 0 or nothing."""
    values = {
        **_zeros(Snapshot),
        "customer": customer or make_customer(),
        "date": date(2025, 5, 10),
        "policy": overrides.get("policy") or ScoringPolicy.objects.get(),
        "score": 75,
        "status": "healthy",
        "trend": "stable",
        "stage": "onboarding",
        **overrides,
    }
    return Snapshot.objects.create(**values)


def make_day(**overrides: Any) -> PortfolioDay:
    """A scored date, by default 2025-05-10, on which nothing was counted."""
    values = {
        **_zeros(PortfolioDay),
        "date": date(2025, 5, 10),
        "policy": overrides.get("policy") or ScoringPolicy.objects.get(),
        "scored_at": timezone.now(),
        **overrides,
    }
    return PortfolioDay.objects.create(**values)


def make_forecast(customer: Customer, **overrides: object) -> Forecast:
    """What was forecast about a customer on 2025-05-10: nothing, unless told otherwise."""
    return Forecast.objects.create(**{"customer": customer, "date": date(2025, 5, 10), **overrides})


def make_forecast_case(customer: Customer, **overrides: object) -> ForecastCase:
    """Make what a back-test kept of a customer: it was not likely to go quiet, and did not."""
    known = {"target": "quiet", "date": date(2025, 4, 30), "probability": 200, "came_true": False, "acted": False}
    return ForecastCase.objects.create(**{"customer": customer, **known, **overrides})


def make_alert(customer: Customer | None = None, kind: str = "at_risk", **overrides: Any) -> Alert:
    """An open alert of 2025-05-10, by default that a customer became at risk."""
    values = {
        "rule": AlertRule.objects.get(kind=kind),
        "customer": customer or (None if kind == "feed" else make_customer()),
        "feed": "engagement" if kind == "feed" else "",
        "opened_on": date(2025, 5, 10),
        "text": "At risk with a score of 45",
        "value": 45,
        **overrides,
    }
    return Alert.objects.create(**values)


def make_message(customer: Customer | None = None, sender: User | None = None, **overrides: Any) -> Message:
    """A mail that was sent just now, by somebody whose login is sofia unless a sender is given."""
    values = {
        "customer": customer or make_customer(),
        "sender": sender,
        "sent_by": sender.get_username() if sender else "sofia",
        "from_line": "Sofia Marchetti via RSOLV <success@rsolv.example>",
        "recipient": "ops@example.com",
        "reply_to": "sofia@rsolv.example",
        "subject": "How is it going?",
        "body": "Hello,\n\nhow is it going?",
        "message_id": f"<{next(_numbers)}@rsolv.example>",
        "state": "sent",
        **overrides,
    }
    return Message.objects.create(**values)


def _zeros(model: type[Model]) -> dict[str, Any]:
    """0 or false for each number and truth value that a row must have."""
    kinds = (IntegerField, BooleanField)
    return {
        field.name: field.to_python(0)
        for field in model._meta.concrete_fields
        if isinstance(field, kinds) and not field.null and not field.primary_key
    }


def load_demo_program(*days: date) -> None:
    """Import the demo program by the ordinary loader, and score it on ``days`` (the newest one last)."""
    outcomes = import_folder(settings.BASE_DIR / "fixtures", None, Options(started_by="test"))
    assert [outcome.status for outcome in outcomes] == ["loaded"] * 5
    for day in days or (date(2025, 5, 9), date(2025, 5, 10)):
        score_day(day)

"""Undoes imports, and tells what a test of an undo compares: the rows, the quarantine and the counts."""

from datetime import date
from typing import Any

from django.db import connection

from customers.feeds.declarations import FEEDS
from customers.models import ImportRun, QuarantinedRow, StepSighting
from customers.runs.undo import undo
from tests.factories import csv_row

MODELS = [*(feed.model for feed in FEEDS.values()), StepSighting]
HOSTILE = "a\"b'c\\ \\u0041 %s {x} \u2028\u200d\U0001f600 \t\r\nnull true 1e5 $.x <b>&amp;"
TODAY = date(2026, 1, 31)


def data() -> dict[str, list[dict[str, Any]]]:
    """Every column of every row of the feeds and sightings."""
    return {model.__name__: list(model.objects.order_by("pk").values()) for model in MODELS}


def quarantine() -> list[tuple[Any, ...]]:
    """The quarantine's rows that are open."""
    return list(QuarantinedRow.objects.filter(status="open").order_by("pk").values_list("pk", "feed", "line"))


def states_of_quarantine() -> list[tuple[Any, ...]]:
    """The quarantine's rows, each with its status and the run that resolved it."""
    return list(QuarantinedRow.objects.order_by("pk").values_list("pk", "status", "resolved_by"))


def newest(feed: str) -> ImportRun:
    """The newest run of a feed, an undo included."""
    return ImportRun.objects.filter(feed=feed).latest("pk")


def counts(undoing: ImportRun) -> dict[str, int]:
    """An undo's counts, those that are not 0."""
    assert undoing.created + undoing.updated + undoing.unchanged + undoing.quarantined == undoing.rows
    found = {name: getattr(undoing, name) for name in ("created", "updated", "unchanged", "deleted")}
    return {name: count for name, count in found.items() if count}


def undo_newest(feed: str) -> ImportRun:
    """Undo the newest run of a feed, which must succeed."""
    undoing = undo(newest(feed), "test")
    assert undoing.status == "loaded", undoing.reason
    connection.check_constraints()
    return undoing


def left(undoing: ImportRun) -> list[tuple[str, str, str]]:
    """The rows that an undo left: feed, key and reason."""
    return list(undoing.changes.left().values_list("model", "key", "reason"))


def customer_rows(*numbers: int, **overrides: str) -> list[dict[str, str]]:
    """Customers of these numbers, as their feed has them."""
    return [csv_row("customers", id=f"c{number}", **overrides) for number in numbers]


def onboarding_rows(*numbers: int, **overrides: str) -> list[dict[str, str]]:
    """The onboarding of the customers of these numbers, as its feed has it."""
    return [csv_row("onboarding", id=f"o{number}", customer_id=f"c{number}", **overrides) for number in numbers]


def engagement_rows(*numbers: int, **overrides: str) -> list[dict[str, str]]:
    """Rows of engagement of c1 with these numbers, as their feed has them."""
    return [csv_row("engagement", **{"id": f"e{number}", "customer_id": "c1", **overrides}) for number in numbers]


FIRST: dict[str, list[dict[str, str]]] = {
    "customers": customer_rows(1, 2),
    "onboarding": onboarding_rows(1, 2),
    "engagement": engagement_rows(1, 2),
    "feedback": [csv_row("feedback", id="f1", customer_id="c1")],
    "events": [csv_row("events", id="v1", customer_id="c1")],
}

CHANGED: dict[str, list[dict[str, str]]] = {
    "customers": [
        *customer_rows(1, organization=HOSTILE, team_size="", cohort="", status="churned"),
        *customer_rows(2),
        *customer_rows(3),
    ],
    "onboarding": [
        csv_row("onboarding", id="o1", customer_id="c1", notes=HOSTILE, first_issue_tagged="true"),
        csv_row("onboarding", id="o2-new", customer_id="c2", completed_date="2025-05-09", account_created="no"),
    ],
    "engagement": [*engagement_rows(1, issues_tagged="2147483647"), *engagement_rows(2), *engagement_rows(3)],
    "feedback": [
        csv_row("feedback", id="f1", customer_id="c1", nps="", csat="1", comment=HOSTILE),
        csv_row("feedback", id="f2", customer_id="c2", comment=HOSTILE),
    ],
    "events": [
        csv_row("events", id="v1", customer_id="c2", detail=HOSTILE),
        csv_row("events", id="v2", customer_id="c2"),
    ],
}
UNDONE = {
    "customers": {"updated": 1, "deleted": 1},
    "onboarding": {"updated": 1, "created": 1, "deleted": 1},
    "engagement": {"updated": 1, "deleted": 1},
    "feedback": {"updated": 1, "deleted": 1},
    "events": {"updated": 1, "deleted": 1},
}


def newest_file() -> ImportRun:
    """The newest run that is no undo."""
    return ImportRun.objects.filter(undoes=None).latest("pk")

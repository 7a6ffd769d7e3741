"""The five feeds as the oracle reads them: naive pure Python, independent of the reader that is compared with it."""

import csv
import datetime as dt
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Row = dict[str, Any]

STEPS = (
    "welcome_email_sent",
    "account_created",
    "github_action_installed",
    "first_issue_tagged",
    "first_pr_generated",
)
COUNTERS = ("issues_tagged", "prs_generated", "prs_merged", "prs_rejected", "support_requests")
TRUE_WORDS = ("true", "yes", "1", "t")
TRIMMED = " \t\r\n\u00a0"


@dataclass
class Feeds:
    """The five feeds as lists of rows with parsed values: dates, ints, bools; None for a blank optional.

    A row built by hand may leave out what the calculation does not need: a missing counter is 0, a missing
    flag False, a missing `status` active.
    """

    customers: list[Row] = field(default_factory=list)
    onboarding: list[Row] = field(default_factory=list)
    engagement: list[Row] = field(default_factory=list)
    feedback: list[Row] = field(default_factory=list)
    events: list[Row] = field(default_factory=list)


def read_feeds(directory: str | Path) -> Feeds:
    """Read the CSVs of a drop folder. Valid files only: a bad value raises, nothing is quarantined."""
    folder = Path(directory)
    return Feeds(
        customers=[parse_customer(row) for row in read_rows(folder / "customers.csv")],
        onboarding=[parse_onboarding(row) for row in read_rows(folder / "onboarding.csv")],
        engagement=[parse_engagement(row) for row in read_rows(folder / "engagement.csv")],
        feedback=[parse_feedback(row) for row in read_rows(folder / "feedback.csv", optional=True)],
        events=[parse_event(row) for row in read_rows(folder / "events.csv", optional=True)],
    )


def read_rows(path: Path, *, optional: bool = False) -> list[dict[str, str]]:
    if optional and not path.exists():
        return []
    rows = []
    with path.open(encoding="utf-8-sig", newline="") as file:
        for raw in csv.DictReader(file):
            rows.append({name.strip(TRIMMED).lower(): value.strip(TRIMMED) for name, value in raw.items()})
    return rows


def parse_date(text: str) -> dt.date | None:
    return dt.date.fromisoformat(text) if text else None


def parse_number(text: str) -> int | None:
    return int(text) if text else None


def parse_customer(row: dict[str, str]) -> Row:
    return {
        "id": row["id"],
        "email": row["email"],
        "organization": row["organization"],
        "github_username": row["github_username"],
        "signup_date": parse_date(row["signup_date"]),
        "cohort": row["cohort"],
        "industry": row["industry"],
        "team_size": parse_number(row["team_size"]),
        "status": row["status"].lower() or "active",
    }


def parse_onboarding(row: dict[str, str]) -> Row:
    parsed: Row = {"id": row["id"], "customer_id": row["customer_id"]}
    for step in STEPS:
        parsed[step] = row[step].lower() in TRUE_WORDS
    parsed["completed_date"] = parse_date(row["completed_date"])
    parsed["days_to_complete"] = parse_number(row["days_to_complete"])
    parsed["blocker_type"] = row["blocker_type"]
    parsed["notes"] = row["notes"]
    return parsed


def parse_engagement(row: dict[str, str]) -> Row:
    parsed: Row = {"id": row["id"], "customer_id": row["customer_id"], "date": parse_date(row["date"])}
    for counter in COUNTERS:
        parsed[counter] = parse_number(row[counter]) or 0
    return parsed


def parse_feedback(row: dict[str, str]) -> Row:
    return {
        "id": row["id"],
        "customer_id": row["customer_id"],
        "date": parse_date(row["date"]),
        "nps": parse_number(row["nps"]),
        "csat": parse_number(row["csat"]),
        "comment": row["comment"],
    }


def parse_event(row: dict[str, str]) -> Row:
    return {
        "id": row["id"],
        "customer_id": row["customer_id"],
        "date": parse_date(row["date"]),
        "kind": row["kind"],
        "detail": row["detail"],
    }

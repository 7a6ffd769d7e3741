"""Asks the API as a program does, page after page, and puts what it says of a customer as the export's files do."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse
from django.test import Client

Told = dict[str, Any]
"""JSON of an answer."""

STATUSES = {
    "champion": "Champion",
    "healthy": "Healthy",
    "needs_attention": "Needs attention",
    "at_risk": "At risk",
    "inactive": "Inactive",
}
STAGES = {
    "new_signup": "New signup",
    "onboarding": "Onboarding",
    "initial_adoption": "Initial adoption",
    "regular_usage": "Regular usage",
}


def get(client: Client, path: str, **asked: object) -> Told:
    """What is told at an address below ``/api/v1/``, which must be there."""
    address = path if path.startswith("http") else f"/api/v1/{path}"
    response = client.get(f"{address}?{urlencode(asked, doseq=True)}" if asked else address)
    assert response.status_code == 200, response.text
    told = response.json()
    assert isinstance(told, dict)
    return told


def walk(client: Client, path: str, **asked: object) -> Iterator[Told]:
    """The rows of a list, page after page."""
    page = get(client, path, **asked)
    yield from page["results"]
    while page["next"]:
        page = get(client, page["next"])
        yield from page["results"]


def send(client: Client, path: str, body: object = None, **headers: str) -> HttpResponse:
    """Post JSON to an address below ``/api/v1/``."""
    more: dict[str, Any] = {"content_type": "application/json", "headers": headers}
    return client.post(f"/api/v1/{path}", {} if body is None else body, **more)


def refused(response: HttpResponse) -> dict[str, str]:
    """What is refused of a request, by the pointer to it."""
    assert response.status_code == 400, response.text
    return {error["pointer"]: error["detail"] for error in response.json()["errors"]}


def as_exported(row: Told) -> list[str]:
    """A customer's row as the cells of the customer table's export."""
    snapshot, changes = row["snapshot"], row["changes"]
    cells = [
        *(row["id"], row["organization"], STATUSES[snapshot["status"]], snapshot["score"]),
        *(snapshot["activity_trend"].capitalize(), snapshot["onboarding_percent"], STAGES[snapshot["stage"]]),
        *(snapshot["last_active"], row["cohort"], row["owner"] and row["owner"]["name"], row["industry"]),
        *(row["signup_date"], row["team_size"], row["email"], blocker_in_words(snapshot["blocker"])),
        *(snapshot[name] for name in ("days_active", "issues_tagged", "prs_generated", "prs_merged", "success_rate")),
        *(snapshot["support_requests"], snapshot["date"], changes["score_7_days"], changes["score_30_days"]),
        *(row["missing_since"], move(changes["status_7_days_before"], snapshot["status"])),
        *(move(changes["status_30_days_before"], snapshot["status"]), snapshot["forecast_quiet"]),
        *(snapshot["forecast_first_pr"], snapshot["days_to_value"], snapshot["policy"], snapshot["provisional_to"]),
    ]
    return ["" if cell is None else str(cell) for cell in cells]


def blocker_in_words(code: str) -> str:
    """``github_permissions`` as the table has it."""
    words = code.replace("_", " ")
    return (words[:1].upper() + words[1:]).replace("Github", "GitHub")


def move(was: str | None, now: str) -> str:
    """Which way a status went, as the table has it."""
    if was is None:
        return ""
    places = list(STATUSES)
    risen = places.index(was) - places.index(now)
    return "Same" if not risen else f"{'Better' if risen > 0 else 'Worse'}, was {STATUSES[was]}"

"""What only the onboarding feed needs: its checks against customers, and the dates its steps turned true."""

import logging
from datetime import date

from django.db import Error

from customers.clock import program_today
from customers.core.sql import days_between, execute, fetch, table_of
from customers.feeds.declarations import ONBOARDING
from customers.models import (
    Customer,
    FeedName,
    ImportRun,
    Onboarding,
    QuarantinedRow,
    Step,
    StepSighting,
    data_date,
)
from customers.text.say import english

logger = logging.getLogger(__name__)


def completed_before_signup(stage: str) -> str:
    """Return SQL for the ``line`` and ``message`` of staged rows whose completion precedes the signup."""
    return f"""
        SELECT s.line, 'completed_date: ' || CAST(s.completed_date AS text)
            || ' is before the signup date, ' || CAST(c.signup_date AS text) AS message
        FROM {stage} s JOIN {table_of(Customer)} c ON c.id = s.customer_id
        WHERE s.completed_date < c.signup_date"""


def quarantined_before_signup(run: ImportRun) -> list[tuple[int, str]]:
    """Return line and message of rows completed before signup that the run quarantined for another reason."""
    index = ONBOARDING.column_names.index("completed_date")
    rows = QuarantinedRow.objects.filter(run=run, feed=FeedName.ONBOARDING, cells__isnull=False)
    rows = rows.exclude(customer_key="")
    signups = dict(Customer.objects.filter(pk__in=rows.values("customer_key")).values_list("pk", "signup_date"))
    found = []
    for line, customer, cells in rows.values_list("line", "customer_key", "cells").iterator():
        signup = signups.get(customer)
        try:
            completed = ONBOARDING.columns[index].parse((cells or [])[index], date.max)
        except ValueError:
            continue
        if signup and completed and str(completed) < signup.isoformat():
            found.append((line, english(f"completed_date: {completed} is before the signup date, {signup}")))
    return found


def derive_days(stage: str) -> list[str]:
    """Set ``days_to_complete`` of the staged rows from their dates; return a warning where the file disagrees."""
    derived = days_between("c.signup_date", "s.completed_date")
    pairs = f"""
        SELECT s.line, s.days_to_complete AS said, {derived} AS derived
        FROM {stage} s JOIN {table_of(Customer)} c ON c.id = s.customer_id
        WHERE s.days_to_complete IS DISTINCT FROM {derived}"""
    wrong = fetch(f"SELECT * FROM ({pairs}) pairs WHERE said IS NOT NULL ORDER BY line")
    execute(f"UPDATE {stage} SET days_to_complete = p.derived FROM ({pairs}) p WHERE {stage}.line = p.line")
    if not wrong:
        return []
    examples = ", ".join(
        english(f"line {line} ({said}, derived {'none' if days is None else days})") for line, said, days in wrong[:10]
    )
    more = english(f" and {len(wrong) - 10} more") if len(wrong) > 10 else ""
    return [
        english(
            "days_to_complete disagrees with completed_date - signup_date, the derived value is used: "
            f"{examples}{more}"
        )
    ]


def record_sightings(run: ImportRun) -> None:
    """Note each step whose flag this run saw true for the first time."""
    first = not ImportRun.objects.accepted().filter(feed=FeedName.ONBOARDING).exists()
    seen = table_of(StepSighting)
    for step in Step:
        execute(
            f"""
            INSERT INTO {seen} (customer_id, step, at_first_import, run_id)
            SELECT o.customer_id, %s, %s, %s FROM {table_of(Onboarding)} o
            LEFT JOIN {seen} s ON s.customer_id = o.customer_id AND s.step = %s
            WHERE o.{step.value} AND s.id IS NULL""",
            [step.value, first, run.pk, step.value],
        )


def date_sightings(today: date | None = None) -> None:
    """Give the sightings of this night their date: the data date, now that all feeds are loaded.

    A failure is left to the next import.
    """
    undated = StepSighting.objects.filter(seen_on=None, at_first_import=False)
    try:
        if undated.exists():
            undated.update(seen_on=data_date(today or program_today()))
    except Error:
        logger.exception("The newly seen steps could not be dated; the next import tries again")

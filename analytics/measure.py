"""Set-based SQL: for every customer signed up by D the inputs of the score on D, in one query.

The same SQL measures one customer under several views at once, also with the data cut off at a date.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from django.db import connection

from analytics.models import ScoringPolicy
from analytics.score import Measures
from customers.models import Customer, Engagement, Event, Feedback, Onboarding, Step, StepSighting
from customers.onboarding import COUNTER_OF_STEP
from customers.staging import days_between, is_postgres, table_of

FETCH = 2_000
WEEKS = 52
"""For how many weeks after the signup it is kept whether the customer was active."""


@dataclass(frozen=True)
class View:
    """How to look at a customer: on ``day``, by ``policy``, seeing nothing dated after ``known_to``."""

    day: date
    policy: ScoringPolicy
    known_to: date


def measure_one(customer: Customer, views: Sequence[View]) -> list[Measures]:
    """The measures of one customer under each of some views, in one query that is the scoring's own.

    A step keeps its date and a completion its own: to a view that does not know them yet they are not there.
    """
    parameters: dict[str, Any] = {}
    parts = []
    for number, view in enumerate(views):
        values = {"customer": customer.pk, **_parameters(view.day, view.policy, view.known_to)}
        parameters |= {f"{name}_{number}": value for name, value in values.items()}
        sql = re.sub(r"%\((\w+)\)s", rf"%(\g<1>_{number})s", _sql(view.policy, one=True))
        parts.append(f"SELECT {number} AS view, v.* FROM ({sql}) v")
    with connection.cursor() as cursor:
        cursor.execute(f"{' UNION ALL '.join(parts)} ORDER BY 1", parameters)
        columns = [column[0] for column in cursor.description][1:]
        rows = [_measures(dict(zip(columns, row[1:], strict=True))) for row in cursor.fetchall()]
    return [_cut(measures, view.known_to) for measures, view in zip(rows, views, strict=True)]


def _cut(measures: Measures, known_to: date) -> Measures:
    """Without the steps and the completion that are dated later."""
    completed = measures.completed_date
    return replace(
        measures,
        step_dates={step: done for step, done in measures.step_dates.items() if done <= known_to},
        completed_date=completed if completed and completed <= known_to else None,
    )


def measure(day: date, policy: ScoringPolicy) -> Iterator[Measures]:
    """The measures of each customer on ``day``, in the order of the keys."""
    with connection.cursor() as cursor:
        cursor.execute(_sql(policy), _parameters(day, policy, day))
        columns = [column[0] for column in cursor.description]
        while rows := cursor.fetchmany(FETCH):
            for row in rows:
                yield _measures(dict(zip(columns, row, strict=True)))


def day_totals(day: date) -> dict[str, int]:
    """The counters of one day, over the customers signed up by then."""
    counters = ", ".join(f"CAST(COALESCE(SUM(e.{name}), 0) AS bigint)" for name in Engagement.COUNTERS)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT {counters} FROM {table_of(Engagement)} e
            JOIN {table_of(Customer)} c ON c.id = e.customer_id
            WHERE e.date = %s AND c.signup_date <= %s""",
            [day, day],
        )
        return dict(zip(Engagement.COUNTERS, cursor.fetchone(), strict=True))


def _measures(row: dict[str, Any]) -> Measures:
    dates = {step.value: _date(row.pop(step.value)) for step in Step}
    for name in ("signup_date", "completed_date", "last_active"):
        row[name] = _date(row[name])
    return Measures(**row, step_dates={step: done for step, done in dates.items() if done})


def _date(value: str | date | None) -> date | None:
    return date.fromisoformat(value) if isinstance(value, str) else value


def _parameters(day: date, policy: ScoringPolicy, known_to: date) -> dict[str, date]:
    def start(days: int) -> date:
        return day - timedelta(days=days - 1)

    return {
        "day": day,
        "known_to": min(day, known_to),
        "activity_start": start(policy.activity_days),
        "pr_start": start(policy.pr_days),
        "support_start": start(policy.support_days),
        "csat_start": start(policy.csat_days),
        "nps_start": start(policy.nps_days),
        "trend_start": start(policy.trend_days),
        "before_start": start(2 * policy.trend_days),
    }


def _own(*, one: bool) -> str:
    return "customer_id = %(customer)s" if one else "1 = 1"


def _sql(policy: ScoringPolicy, *, one: bool = False) -> str:
    """The statement; for ``one`` customer alone every table is narrowed to it."""
    own = _own(one=one)
    there = "c.id = %(customer)s" if one else "c.signup_date <= %(day)s"
    customer, engagement, event = table_of(Customer), table_of(Engagement), table_of(Event)
    trend_start = "CAST(%(trend_start)s AS date)" if is_postgres() else "%(trend_start)s"
    position = f"(2 * {days_between(trend_start, 'e.date')} - {policy.trend_days - 1})"

    def total(expression: str, when: str) -> str:
        return f"CAST(COALESCE(SUM({expression}) FILTER (WHERE {when}), 0) AS bigint)"

    def window(start: str) -> str:
        return f"e.date BETWEEN %({start})s AND %(known_to)s"

    # Counters are never negative, so that a day is active where one of its rows is.
    active = f"({' OR '.join(f'e.{name} > 0' for name in Engagement.COUNTERS)})"
    activity = f"({' + '.join(f'CAST(e.{name} AS bigint)' for name in Engagement.COUNTERS)})"
    totals = ", ".join(f"{total(f'e.{name}', 'e.date <= %(known_to)s')} AS {name}" for name in Engagement.COUNTERS)
    kinds = ", ".join(f"MIN(date) FILTER (WHERE kind = '{step.value}') AS {step.value}" for step in Step)
    sightings = ", ".join(f"MIN(CASE WHEN step = '{step.value}' THEN seen_on END) AS {step.value}" for step in Step)
    steps = ", ".join(_step_date(step) for step in Step)
    zeros = ", ".join(f"COALESCE(activity.{name}, 0) AS {name}" for name in _ACTIVITY_SUMS)
    return f"""
        WITH activity AS (
            SELECT e.customer_id, {totals},
                COUNT(DISTINCT e.date) FILTER (WHERE {active} AND e.date <= %(known_to)s) AS days_active,
                MAX(e.date) FILTER (WHERE {active} AND e.date <= %(known_to)s) AS last_active,
                COUNT(DISTINCT e.date) FILTER (WHERE {active} AND {window("activity_start")}) AS active_days,
                {total("e.prs_generated", window("pr_start"))} AS window_prs_generated,
                {total("e.prs_merged", window("pr_start"))} AS window_prs_merged,
                {total("e.support_requests", window("support_start"))} AS window_support_requests,
                {total(activity, window("trend_start"))} AS trend_now,
                {total(activity, f"e.date < %(trend_start)s AND {window('before_start')}")} AS trend_before,
                {total(f"{activity} * {position}", f"e.date >= c.signup_date AND {window('trend_start')}")}
                    AS trend_moment,
                {_active_weeks(active)} AS active_weeks,
                MIN(e.date) FILTER (WHERE e.issues_tagged > 0) AS first_issue,
                MIN(e.date) FILTER (WHERE e.prs_generated > 0) AS first_pr
            FROM {engagement} e JOIN {customer} c ON c.id = e.customer_id
            WHERE {there}
            GROUP BY e.customer_id
        ), events AS (
            SELECT customer_id, {kinds} FROM {event} WHERE {own} GROUP BY customer_id
        ), sightings AS (
            SELECT customer_id, {sightings} FROM {table_of(StepSighting)} WHERE {own} GROUP BY customer_id
        ), csat AS (
            SELECT customer_id, CAST(SUM(csat) AS bigint) AS total, COUNT(csat) AS answers
            FROM {table_of(Feedback)} WHERE date BETWEEN %(csat_start)s AND %(known_to)s AND {own} GROUP BY customer_id
        ), nps AS (
            SELECT customer_id, nps,
                ROW_NUMBER() OVER (PARTITION BY customer_id ORDER BY date DESC, id DESC) AS age
            FROM {table_of(Feedback)} WHERE nps IS NOT NULL AND date BETWEEN %(nps_start)s AND %(known_to)s AND {own}
        )
        SELECT c.id AS customer_id, c.status AS csv_status, c.cohort, c.signup_date, o.completed_date,
            COALESCE(o.blocker_type, '') AS blocker_type, {steps}, {zeros}, activity.last_active,
            COALESCE(csat.total, 0) AS csat_sum, COALESCE(csat.answers, 0) AS csat_count, nps.nps
        FROM {customer} c
        LEFT JOIN {table_of(Onboarding)} o ON o.customer_id = c.id
        LEFT JOIN activity ON activity.customer_id = c.id
        LEFT JOIN events ON events.customer_id = c.id
        LEFT JOIN sightings ON sightings.customer_id = c.id
        LEFT JOIN csat ON csat.customer_id = c.id
        LEFT JOIN nps ON nps.customer_id = c.id AND nps.age = 1
        WHERE {there}
        ORDER BY c.id"""


def _active_weeks(active: str) -> str:
    """SQL: a bit for each week after the signup that has an active day."""
    week = f"{days_between('c.signup_date', 'e.date')} / 7"
    # PostgreSQL would shift a bit around, SQLite shifts it out and has no BIT_OR.
    bits = f"BIT_OR(CAST(1 AS bigint) << LEAST({week}, 62))" if is_postgres() else f"SUM(DISTINCT 1 << {week})"
    when = f"{active} AND e.date BETWEEN c.signup_date AND %(known_to)s"
    return f"COALESCE({bits} FILTER (WHERE {when}), 0) & {(1 << WEEKS) - 1}"


_ACTIVITY_SUMS = (
    *Engagement.COUNTERS,
    "days_active",
    "active_days",
    "window_prs_generated",
    "window_prs_merged",
    "window_support_requests",
    "trend_now",
    "trend_before",
    "trend_moment",
    "active_weeks",
)
_FIRST = {Step.FIRST_ISSUE: "first_issue", Step.FIRST_PR: "first_pr"}


def _step_date(step: Step) -> str:
    """SQL: by the earliest event, else by engagement, else by the run that saw it, else the signup date."""
    by_engagement = f"activity.{_FIRST[step]}, " if step in COUNTER_OF_STEP else ""
    return (
        f"CASE WHEN o.{step.value} THEN "
        f"COALESCE(events.{step.value}, {by_engagement}sightings.{step.value}, c.signup_date) END AS {step.value}"
    )

"""Set-based SQL: for every customer signed up by D the inputs of the score on D, in one query.

The same SQL measures one customer under several views at once, also with the data cut off at a date.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.db import connection

from analytics.models import ScoringPolicy
from analytics.score import STEPS, Measures
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
        rows = cursor.fetchall()
    readers = [_Reader(view.day, view.policy) for view in views]
    found = [reader.measures(row[1:]) for reader, row in zip(readers, rows, strict=True)]
    return [_cut(measures, view.known_to) for measures, view in zip(found, views, strict=True)]


def _cut(measures: Measures, known_to: date) -> Measures:
    """Without the steps and the completion that are dated later."""
    completed = measures.completed_date
    return measures._replace(
        step_dates={step: done for step, done in measures.step_dates.items() if done <= known_to},
        completed_date=completed if completed and completed <= known_to else None,
    )


def measure(day: date, policy: ScoringPolicy) -> Iterator[Measures]:
    """The measures of each customer on ``day``, in the order of the keys."""
    with connection.cursor() as cursor:
        cursor.execute(_sql(policy), _parameters(day, policy, day))
        reader = _Reader(day, policy)
        while rows := cursor.fetchmany(FETCH):
            yield from map(reader.measures, rows)


def day_totals(day: date) -> dict[str, int]:
    """The counters of one day, over the customers signed up by then."""
    counters = ", ".join(f"CAST(COALESCE(SUM(e.{name}), 0) AS bigint)" for name in Engagement.COUNTERS)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT {counters} FROM {table_of(Customer)} c CROSS JOIN {table_of(Engagement)} e
            WHERE e.customer_id = c.id AND e.date = %s AND c.signup_date <= %s""",
            [day, day],
        )
        return dict(zip(Engagement.COUNTERS, cursor.fetchone(), strict=True))


class _Reader:
    """Makes measures of the statement's rows, of a day and a policy."""

    def __init__(self, day: date, policy: ScoringPolicy) -> None:
        self._numbers = _Numbers()
        self._active_from = day.toordinal() - (policy.activity_days - 1)

    def measures(self, row: Sequence[Any]) -> Measures:
        """What the row says."""
        key, csv_status, cohort, signup_date, completed_date, blocker_type, *values, days = row
        signup_date = _date(signup_date)
        step_dates = {step: _date(done) for step, done in zip(STEPS, values, strict=False) if done}
        numbers = sorted(set(map(self._numbers.__getitem__, days.split(",")))) if days else []
        steps, sums = len(STEPS), len(STEPS) + len(Engagement.COUNTERS)
        return Measures(
            key,
            csv_status,
            signup_date,
            _date(completed_date),
            blocker_type,
            step_dates,
            *values[steps:sums],
            len(numbers),
            date.fromordinal(numbers[-1]) if numbers else None,
            len(numbers) - bisect_left(numbers, self._active_from),
            *values[sums:],
            cohort,
            _active_weeks(numbers, signup_date.toordinal()) if numbers else 0,
        )


class _Numbers(dict[str, int]):
    """The number of a day by the text that the database writes for it, worked out once for each day."""

    def __missing__(self, text: str) -> int:
        number = int(text) if text.isdigit() else date.fromisoformat(text).toordinal()
        self[text] = number
        return number


def _active_weeks(numbers: list[int], first: int) -> int:
    """A bit for each of the ``WEEKS`` weeks from the day ``first`` on that has one of some sorted days."""
    inside = numbers[bisect_left(numbers, first) : bisect_left(numbers, first + 7 * WEEKS)]
    return sum({1 << (number - first) // 7 for number in inside})


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
        "recent_start": start(max(policy.pr_days, policy.support_days, 2 * policy.trend_days)),
    }


def _sql(policy: ScoringPolicy, *, one: bool = False) -> str:
    """The statement; for ``one`` customer alone every table is narrowed to it.

    Its columns are those of a row of ``_Reader``; the last one is every active row's day, as text.
    """
    # PostgreSQL would spend 10 ms of a page on the best order to join a row with a row; so it is left little choice.
    kept = "AS MATERIALIZED" if one and is_postgres() else "AS"
    own = "customer_id = %(customer)s" if one else "1 = 1"
    there = "c.id = %(customer)s" if one else "c.signup_date <= %(day)s"
    customer, engagement, event = table_of(Customer), table_of(Engagement), table_of(Event)
    # A number is shorter than a date, and PostgreSQL writes a date as its settings say.
    day = "CAST(date - DATE '0001-01-01' + 1 AS text)" if is_postgres() else "date"
    gather = "STRING_AGG" if is_postgres() else "GROUP_CONCAT"
    active = " OR ".join(f"{name} > 0" for name in Engagement.COUNTERS)
    trend_start = "CAST(%(trend_start)s AS date)" if is_postgres() else "%(trend_start)s"
    position = f"(2 * {days_between(trend_start, 'e.date')} - {policy.trend_days - 1})"
    activity = f"({' + '.join(f'CAST(e.{name} AS bigint)' for name in Engagement.COUNTERS)})"

    def recent(expression: str, start: str, end: str = "known_to") -> str:
        when = f"e.date >= %({start})s" if end == "known_to" else f"e.date >= %({start})s AND e.date < %({end})s"
        return f"CAST(SUM({expression}) FILTER (WHERE {when}) AS bigint)"

    totals = ", ".join(f"CAST(SUM({name}) AS bigint) AS {name}" for name in Engagement.COUNTERS)
    kinds = ", ".join(f"MIN(date) FILTER (WHERE kind = '{step.value}') AS {step.value}" for step in Step)
    sightings = ", ".join(f"MIN(CASE WHEN step = '{step.value}' THEN seen_on END) AS {step.value}" for step in Step)
    steps = ", ".join(_step_date(step) for step in Step)
    sums = ", ".join(f"COALESCE(activity.{name}, 0)" for name in Engagement.COUNTERS)
    recents = ", ".join(f"COALESCE(recent.{name}, 0)" for name in _WINDOWS)
    trends = ", ".join(f"COALESCE(recent.{name}, 0)" for name in _TRENDS)
    return f"""
        WITH activity {kept} (
            SELECT customer_id, {totals}, {gather}({day}, ',') FILTER (WHERE {active}) AS days
            FROM {engagement} WHERE date <= %(known_to)s AND {own} GROUP BY customer_id
        ), recent {kept} (
            SELECT c.id AS customer_id,
                {recent("e.prs_generated", "pr_start")} AS window_prs_generated,
                {recent("e.prs_merged", "pr_start")} AS window_prs_merged,
                {recent("e.support_requests", "support_start")} AS window_support_requests,
                {recent(activity, "trend_start")} AS trend_now,
                {recent(activity, "before_start", "trend_start")} AS trend_before,
                CAST(SUM({activity} * {position}) FILTER (
                    WHERE e.date >= %(trend_start)s AND e.date >= c.signup_date
                ) AS bigint) AS trend_moment
            FROM {customer} c CROSS JOIN {engagement} e
            WHERE e.customer_id = c.id AND e.date BETWEEN %(recent_start)s AND %(known_to)s AND {there}
            GROUP BY c.id
        ), events {kept} (
            SELECT customer_id, {kinds} FROM {event} WHERE {own} GROUP BY customer_id
        ), sightings {kept} (
            SELECT customer_id, {sightings} FROM {table_of(StepSighting)} WHERE {own} GROUP BY customer_id
        ), csat {kept} (
            SELECT customer_id, CAST(SUM(csat) AS bigint) AS total, COUNT(csat) AS answers
            FROM {table_of(Feedback)} WHERE date BETWEEN %(csat_start)s AND %(known_to)s AND {own} GROUP BY customer_id
        ), nps {kept} (
            SELECT customer_id, nps,
                ROW_NUMBER() OVER (PARTITION BY customer_id ORDER BY date DESC, id DESC) AS age
            FROM {table_of(Feedback)} WHERE nps IS NOT NULL AND date BETWEEN %(nps_start)s AND %(known_to)s AND {own}
        )
        SELECT c.id, c.status, c.cohort, c.signup_date, o.completed_date, COALESCE(o.blocker_type, ''), {steps},
            {sums}, {recents}, COALESCE(csat.total, 0), COALESCE(csat.answers, 0), nps.nps, {trends}, activity.days
        FROM {customer} c
        LEFT JOIN {table_of(Onboarding)} o ON o.customer_id = c.id
        LEFT JOIN activity ON activity.customer_id = c.id
        LEFT JOIN recent ON recent.customer_id = c.id
        LEFT JOIN events ON events.customer_id = c.id
        LEFT JOIN sightings ON sightings.customer_id = c.id
        LEFT JOIN csat ON csat.customer_id = c.id
        LEFT JOIN nps ON nps.customer_id = c.id AND nps.age = 1
        WHERE {there}
        ORDER BY 1"""


_WINDOWS = ("window_prs_generated", "window_prs_merged", "window_support_requests")
_TRENDS = ("trend_now", "trend_before", "trend_moment")


def _step_date(step: Step) -> str:
    """SQL: by the earliest event, else by engagement, else by the run that saw it, else the signup date."""
    by_engagement = ""
    if counter := COUNTER_OF_STEP.get(step):
        # Of all rows: a step that is dated later is not done yet.
        by_engagement = f"(SELECT MIN(date) FROM {table_of(Engagement)} WHERE customer_id = c.id AND {counter} > 0), "
    return (
        f"CASE WHEN o.{step.value} THEN "
        f"COALESCE(events.{step.value}, {by_engagement}sightings.{step.value}, c.signup_date) END"
    )

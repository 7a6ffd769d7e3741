"""Set-based SQL: for every customer signed up by D the inputs of the score on D, in one query.

The same SQL measures one customer under several views at once, also with the data cut off at a date.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.db import connection

from analytics.models import ScoringPolicy
from analytics.scoring.score import STEPS, Measures
from customers.core.prepared import fetch_prepared
from customers.core.sql import days_between, is_postgres, table_of
from customers.models import Customer, Engagement, Event, Feedback, KeyChange, Onboarding, Step, StepSighting
from customers.models.onboarding import COUNTER_OF_STEP

FETCH = 2_000
# A customer who goes on under another key is counted there.
_COUNTS = f"""(c.missing_since_id IS NULL OR NOT EXISTS (
    SELECT 1 FROM {table_of(KeyChange)} k WHERE k.former_id = c.id AND k.state = '{KeyChange.State.JOINED.value}'))"""
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
    rows = fetch_prepared(f"{' UNION ALL '.join(parts)} ORDER BY 1", parameters)
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
        self._day = day.toordinal()
        self._active = _from_bits if is_postgres() else _Dates(self._day).active
        self._activity_days = (1 << policy.activity_days) - 1

    def measures(self, row: Sequence[Any]) -> Measures:
        """What the row says."""
        key, csv_status, cohort, signup_date, completed_date, blocker_type, *values, days = row
        signup_date = _date(signup_date)
        dates = dict(zip(STEPS, values, strict=False))
        step_dates = {step: _date(done) for step, done in dates.items() if done}
        if undated := [step for step, done in step_dates.items() if done == date.min]:
            step_dates |= dict.fromkeys(undated, signup_date)
        active = self._active(days) if days else 0
        steps, sums = len(STEPS), len(STEPS) + len(Engagement.COUNTERS)
        return Measures(
            key,
            csv_status,
            signup_date,
            _date(completed_date),
            blocker_type,
            step_dates,
            *values[steps:sums],
            active.bit_count(),
            date.fromordinal(self._day + 1 - (active & -active).bit_length()) if active else None,
            (active & self._activity_days).bit_count(),
            *values[sums:],
            cohort,
            _active_weeks(active, self._day - signup_date.toordinal()),
            not undated,
        )


def _from_bits(text: str) -> int:
    """The active days as one number, of a text of bits: bit k is k days before the measured one."""
    return int(text[::-1], 2)


class _Dates(dict[str, int]):
    """The bit of each date; many customers have a date in common."""

    def __init__(self, day: int) -> None:
        self._day = day

    def __missing__(self, text: str) -> int:
        self[text] = bit = 1 << self._day - date.fromisoformat(text).toordinal()
        return bit

    def active(self, text: str) -> int:
        """The same number, of a list of dates that may have some twice."""
        return sum(map(self.__getitem__, set(text.split(","))))


def _active_weeks(active: int, since: int) -> int:
    """A bit for each of the ``WEEKS`` weeks from the signup, ``since`` days ago, that has one of the active days."""
    active <<= 6  # The week that has not ended yet has days to come.
    weeks = range(min(since // 7 + 1, WEEKS))
    return sum([1 << week for week in weeks if active >> since - 7 * week & 0b1111111])


def _date(value: str | date | None) -> date | None:
    return date.fromisoformat(value) if isinstance(value, str) else value


def _windows(policy: ScoringPolicy) -> dict[str, int]:
    """The days of each window; the recent rows are those of the windows that engagement is summed in."""
    return {
        "pr": policy.pr_days,
        "support": policy.support_days,
        "csat": policy.csat_days,
        "nps": policy.nps_days,
        "trend": policy.trend_days,
        "before": 2 * policy.trend_days,
        "recent": max(policy.pr_days, policy.support_days, 2 * policy.trend_days),
    }


def _parameters(day: date, policy: ScoringPolicy, known_to: date) -> dict[str, date]:
    starts = {f"{name}_start": day - timedelta(days=days - 1) for name, days in _windows(policy).items()}
    return {"day": day, "known_to": min(day, known_to), **starts}


def _sql(policy: ScoringPolicy, *, one: bool = False) -> str:
    """The statement; for ``one`` customer alone every table is narrowed to it.

    Its columns are those of a row of ``_Reader``; the last one says the active days.
    """
    # PostgreSQL would spend 10 ms of a page on the best order to join a row with a row; so it is left little choice.
    kept = "AS MATERIALIZED" if one and is_postgres() else "AS"
    own = "customer_id = %(customer)s" if one else "1 = 1"
    there = "c.id = %(customer)s" if one else f"c.signup_date <= %(day)s AND {_COUNTS}"
    customer, engagement, event = table_of(Customer), table_of(Engagement), table_of(Event)
    trend_start = "CAST(%(trend_start)s AS date)" if is_postgres() else "%(trend_start)s"
    position = f"(2 * {days_between(trend_start, 'e.date')} - {policy.trend_days - 1})"
    # PostgreSQL sums the windows as it passes through all rows; SQLite finds their few rows in its index.
    once = is_postgres()
    window_start = "trend_start" if once else "recent_start"
    window_sums = "" if once else f"{_window_sums(policy)},"
    kinds = ", ".join(f"MIN(date) FILTER (WHERE kind = '{step.value}') AS {step.value}" for step in Step)
    sightings = ", ".join(f"MIN(CASE WHEN step = '{step.value}' THEN seen_on END) AS {step.value}" for step in Step)
    steps = ", ".join(_step_date(step) for step in Step)
    sums = ", ".join(f"COALESCE(activity.{name}, 0)" for name in Engagement.COUNTERS)
    windows = [f"COALESCE({'activity' if once else 'recent'}.{name}, 0)" for name in _WINDOWS]
    return f"""
        WITH activity {kept} ({_activity(policy, own, there)}), recent {kept} (
            SELECT c.id AS customer_id, {window_sums}
                CAST(SUM({_ACTIVITY} * {position}) FILTER (
                    WHERE e.date >= %(trend_start)s AND e.date >= c.signup_date
                ) AS bigint) AS trend_moment
            FROM {customer} c CROSS JOIN {engagement} e
            WHERE e.customer_id = c.id AND e.date BETWEEN %({window_start})s AND %(known_to)s AND {there}
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
            {sums}, {", ".join(windows[:3])}, COALESCE(csat.total, 0), COALESCE(csat.answers, 0), nps.nps,
            {", ".join(windows[3:])}, COALESCE(recent.trend_moment, 0), activity.days
        FROM activity CROSS JOIN {customer} c
        LEFT JOIN {table_of(Onboarding)} o ON o.customer_id = c.id
        LEFT JOIN recent ON recent.customer_id = c.id
        LEFT JOIN events ON events.customer_id = c.id
        LEFT JOIN sightings ON sightings.customer_id = c.id
        LEFT JOIN csat ON csat.customer_id = c.id
        LEFT JOIN nps ON nps.customer_id = c.id AND nps.age = 1
        WHERE activity.customer_id = c.id
        ORDER BY 1"""


def _activity(policy: ScoringPolicy, own: str, there: str) -> str:
    """SQL for a row for each customer: the counters of all time, the active days, and on PostgreSQL the windows' sums.

    SQLite walks the customers and, in the same order, an index; PostgreSQL groups the whole table, and sets a bit for
    each active day, which takes half as long as gathering the days.
    """
    customer, engagement = table_of(Customer), table_of(Engagement)
    active = " OR ".join(f"{name} > 0" for name in Engagement.COUNTERS)
    totals = ", ".join(f"CAST(SUM({name}) AS bigint) AS {name}" for name in Engagement.COUNTERS)
    if not is_postgres():
        return f"""
            SELECT c.id AS customer_id, {totals}, GROUP_CONCAT(date, ',') FILTER (WHERE {active}) AS days
            FROM {customer} c LEFT JOIN {engagement} e ON e.customer_id = c.id AND e.date <= %(known_to)s
            WHERE {there} GROUP BY c.id"""
    day, names = "CAST(%(day)s AS date)", ", ".join((*Engagement.COUNTERS, *_WINDOWS))
    no_day = f"(SELECT CAST(REPEAT('0', {day} - MIN(date) + 1) AS varbit) FROM {engagement})"
    return f"""
        SELECT c.id AS customer_id, {names}, RTRIM(CAST(bits AS text), '0') AS days
        FROM {customer} c LEFT JOIN (
            SELECT customer_id, {totals}, {_window_sums(policy)},
                BIT_OR(SET_BIT({no_day}, {day} - date, 1)) FILTER (WHERE {active}) AS bits
            FROM {engagement} e WHERE date <= %(known_to)s AND {own} GROUP BY customer_id
        ) sums ON sums.customer_id = c.id
        WHERE {there}"""


def _window_sums(policy: ScoringPolicy) -> str:
    """SQL for the sums of ``_WINDOWS`` over rows ``e``; on SQLite those are the recent ones already."""
    days = _windows(policy)

    def total(expression: str, window: str, until: str = "") -> str:
        # A condition costs as much as a sum, so none that all rows meet.
        always = not is_postgres() and days[window] == days["recent"]
        conditions = [] if always else [f"e.date >= %({window}_start)s"]
        conditions += [f"e.date < %({until}_start)s"] if until else []
        where = f" FILTER (WHERE {' AND '.join(conditions)})" if conditions else ""
        return f"CAST(SUM({expression}){where} AS bigint)"

    sums = (
        total("e.prs_generated", "pr"),
        total("e.prs_merged", "pr"),
        total("e.support_requests", "support"),
        total(_ACTIVITY, "trend"),
        total(_ACTIVITY, "before", "trend"),
    )
    return ", ".join(f"{sql} AS {name}" for sql, name in zip(sums, _WINDOWS, strict=True))


_WINDOWS = ("window_prs_generated", "window_prs_merged", "window_support_requests", "trend_now", "trend_before")
_ACTIVITY = f"({' + '.join(f'CAST(e.{name} AS bigint)' for name in Engagement.ACTIVITY)})"


def _step_date(step: Step) -> str:
    """SQL: by the earliest event, else by engagement, else by the run that saw it, else a date before all there is."""
    undated = f"CAST('{date.min}' AS date)" if is_postgres() else f"'{date.min}'"
    by_engagement = ""
    if counter := COUNTER_OF_STEP.get(step):
        # Of all rows: a step that is dated later is not done yet.
        by_engagement = f"(SELECT MIN(date) FROM {table_of(Engagement)} WHERE customer_id = c.id AND {counter} > 0), "
    return (
        f"CASE WHEN o.{step.value} THEN "
        f"COALESCE(events.{step.value}, {by_engagement}sightings.{step.value}, {undated}) END"
    )

"""Read what forecasts need: a program as far as it is known on a date, in one query, and whether somebody acted.

To act is to write to a customer, to talk to it, or to complete a task about it.
"""

from collections.abc import Iterator
from datetime import date, datetime

import numpy as np

from analytics.forecast.program import NEVER, Bools, Ints, Program, program_of
from analytics.models import Message, Task
from analytics.scoring.measure_sql import IS_ACTIVE, signed_up, step_date, step_tables
from customers.clock import program_day
from customers.core.limits import FETCH_SIZE
from customers.core.replica.routing import reading_connection
from customers.core.sql import Row, date_of, is_postgres, table_of
from customers.models import Customer, Engagement, Note, Onboarding, Step

_PR = list(Step).index(Step.FIRST_PR)


def load_program(until: date) -> Program:
    """Read the customers who had signed up by a date, and what is dated up to it."""
    keys, signups, rows, steps, pr_before = [], [], [], [], []
    table_of_days = _table_of_bytes if is_postgres() else _TextReader().table
    for key, signup, *dates, days in _rows(until):
        done = [_ordinal(one, until) for one in dates]
        keys.append(key)
        signups.append(date_of(signup).toordinal())
        rows.append(table_of_days(days) if days else np.empty((0, 3), np.int64))
        steps.append([NEVER if day == date.min.toordinal() else day for day in done])
        pr_before.append(done[_PR] == date.min.toordinal())
    return program_of(keys, signups, rows, steps, pr_before)


def _ordinal(done: str | date | None, until: date) -> int:
    """Return the day of a step, ``NEVER`` where it is not done by a date."""
    day = date_of(done).toordinal() if done else NEVER
    return day if day <= until.toordinal() else NEVER


# Each database makes of a million rows, in its own fastest way, one value a customer: of each active day the date, the
# issues and the requests.

_ORDINAL = f"e.date - CAST('{date.min}' AS date) + 1"
_DAYS_AS_BYTES = f"STRING_AGG(int4send({_ORDINAL}) || int4send(e.issues_tagged) || int4send(e.support_requests), '')"
# SQLite makes three texts in half the time of one that has all.
_DAYS_AS_TEXT = " || ',' || ".join(
    f"GROUP_CONCAT(CAST(e.{name} AS text), ' ')" for name in ("date", "issues_tagged", "support_requests")
)


def _table_of_bytes(days: bytes) -> Ints:
    """Return the active days of a customer: PostgreSQL sends each as three numbers of four bytes."""
    return np.frombuffer(days, ">i4").reshape(-1, 3).astype(np.int64)


class _TextReader(dict[str, int]):
    """Reads SQLite's texts, and keeps the ordinal of each date; many customers have a date in common."""

    def __missing__(self, text: str) -> int:
        self[text] = ordinal = date.fromisoformat(text).toordinal()
        return ordinal

    def table(self, days: str) -> Ints:
        """Return the active days of a customer, from lists of the same length: dates, issues and requests."""
        dates, issues, requests = days.split(",")
        of_days = dates.split(" ")
        table = np.empty((len(of_days), 3), np.int64)
        table[:, 0] = [self[day] for day in of_days]
        table[:, 1] = np.fromstring(issues, np.int64, sep=" ")
        table[:, 2] = np.fromstring(requests, np.int64, sep=" ")
        return table


def _rows(until: date) -> Iterator[Row]:
    """Yield key, signup, the day of each step, and the active days as ``load_program`` reads them; None for none."""
    undated = f"CAST('{date.min}' AS date)" if is_postgres() else f"'{date.min}'"
    days = _DAYS_AS_BYTES if is_postgres() else _DAYS_AS_TEXT
    files = _of_files()
    steps = ", ".join(step_date(step, undated, files) for step in Step)
    with reading_connection().cursor() as cursor:
        cursor.execute(
            f"""
            WITH active AS (
                SELECT e.customer_id, {days} AS days FROM {table_of(Engagement)} e
                WHERE ({IS_ACTIVE}) AND e.date <= %(day)s AND {files} GROUP BY e.customer_id
            ), {step_tables(of_files=True)}
            SELECT c.id, c.signup_date, {steps}, active.days
            FROM {table_of(Customer)} c
            LEFT JOIN active ON active.customer_id = c.id
            LEFT JOIN {table_of(Onboarding)} o ON o.customer_id = c.id
            LEFT JOIN events ON events.customer_id = c.id
            LEFT JOIN sightings ON sightings.customer_id = c.id
            WHERE {signed_up()} ORDER BY 1""",
            {"day": until},
        )
        while rows := cursor.fetchmany(FETCH_SIZE):
            yield from rows


def _of_files() -> str:
    """Return SQL for which engagement ``e`` forecasts are learnt from: that of files, not what the product reported.

    SQLite would look at each row for the column; the few rows that have it set are found by their index.
    """
    if is_postgres():
        return "NOT e.provisional"
    reported = f"FROM {table_of(Engagement)} WHERE provisional"
    return f"(NOT EXISTS (SELECT 1 {reported}) OR e.rowid NOT IN (SELECT rowid {reported}))"


def acted_between(program: Program, who: Ints, after: Ints, until: Ints) -> Bools:
    """Return about whom somebody acted after which date, up to another."""
    days: dict[str, list[int]] = {}
    for customer, moment in _acts():
        if moment:
            days.setdefault(customer, []).append(program_day(moment).toordinal())
    rows = [np.array([(day, 0, 0) for day in days.get(key, ())], np.int64).reshape(-1, 3) for key in program.keys]
    # As if each act were an active day.
    acts = program_of(program.keys, [0] * len(program), rows)
    return acts.any_between(who, after, until)


def _acts() -> Iterator[tuple[str, datetime | None]]:
    yield from Message.objects.filter(state=Message.State.SENT).order_by().values_list("customer_id", "sent_at")
    yield from Note.objects.filter(kind__in=Note.CONTACTS).order_by().values_list("customer_id", "created_at")
    yield from Task.objects.filter(state=Task.State.DONE).order_by().values_list("customer_id", "closed_at")

"""Read the measures of every customer who signed up by a date, in one query.

The same statement measures one customer under several views at once, also with the data cut off at a date.
"""

import re
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import reduce
from itertools import groupby
from math import ceil
from operator import or_

from analytics.models import ScoringPolicy
from analytics.scoring.components import STEPS, Measures
from analytics.scoring.measure_sql import MEASURED, Whom, measure_sql, windows
from analytics.scoring.so_far import Reported, reported, reported_totals, with_reported
from customers.core.ahead.fetching import can_fetch_ahead, fetch_ahead
from customers.core.limits import FETCH_SIZE
from customers.core.postgresql.vacuum import is_visible, make_visible
from customers.core.prepared import fetch_prepared
from customers.core.replica.routing import reading_connection
from customers.core.sql import Row, Statement, date_of, fetch, is_postgres, table_of
from customers.models import Customer, Engagement

_PARAMETER = re.compile(r"%\((?!customer\))(\w+)\)s")
"""A parameter of the statement that a view decides."""
WEEKS = 52
"""For how many weeks after the signup it is kept whether the customer was active."""


MOST_KEPT = 100_000
"""The rows of so many customers are kept in memory."""
AT_ONCE = 250_000
"""PostgreSQL measures at most so many customers at once; of more than are kept there are at least two ranges."""
WALKED_AT_ONCE = 2_500
"""SQLite measures so many customers at once, or somewhat more, while those before them are scored."""
FETCHED_AHEAD = 5_000
"""From so many customers on, measures are fetched while those before them are scored; with fewer it takes longer."""


@dataclass(frozen=True)
class View:
    """How to look at a customer: on ``day``, by ``policy``, seeing nothing dated after ``known_to`` but ``so_far``."""

    day: date
    policy: ScoringPolicy
    known_to: date
    so_far: Mapping[str, Reported] = field(default_factory=dict)


def measure_one(customer: Customer, views: Sequence[View]) -> list[Measures]:
    """Return the measures of one customer under each of the views, in one query by the statement of the scoring.

    Steps and a completion that are dated after what a view knows are left out of its measures.
    """
    sql, parameters = _planned_once(views) if is_postgres() else _one_by_one(views)
    rows = fetch_prepared(f"{sql} ORDER BY 1", {"customer": customer.pk, **parameters})
    readers = [_Reader(view.day, view.policy, view.so_far) for view in views]
    found = [reader.measures(row[1:]) for reader, row in zip(readers, rows, strict=True)]
    return [_cut(measures, view.known_to) for measures, view in zip(found, views, strict=True)]


def _planned_once(views: Sequence[View]) -> tuple[str, dict[str, date]]:
    """Return the statement for all views. PostgreSQL plans it once for a policy, which takes most of its time."""
    parameters: dict[str, date] = {}
    parts = []
    for policy, numbered in groupby(enumerate(views), key=lambda pair: pair[1].policy):
        rows = []
        for number, view in numbered:
            values = _of_view(number, view)
            parameters |= values
            rows.append(f"({number}, {', '.join(f'CAST(%({name})s AS date)' for name in values)})")
        names = ", ".join(_parameters(views[0].day, policy, views[0].known_to))
        sql = re.sub(_PARAMETER, r"one.\1", measure_sql(policy, Whom.ONE))
        table = f"(VALUES {', '.join(rows)}) AS one (number, {names})"
        parts.append(f"SELECT one.number, v.* FROM {table} CROSS JOIN LATERAL ({sql}) v")
    return " UNION ALL ".join(parts), parameters


def _one_by_one(views: Sequence[View]) -> tuple[str, dict[str, date]]:
    """Return the same for SQLite, where no subquery sees the row beside it."""
    parameters: dict[str, date] = {}
    parts = []
    for number, view in enumerate(views):
        parameters |= _of_view(number, view)
        sql = re.sub(_PARAMETER, rf"%(\g<1>_{number})s", measure_sql(view.policy, Whom.ONE))
        parts.append(f"SELECT {number}, v.* FROM ({sql}) v")
    return " UNION ALL ".join(parts), parameters


def _of_view(number: int, view: View) -> dict[str, date]:
    values = _parameters(view.day, view.policy, view.known_to)
    return {f"{name}_{number}": value for name, value in values.items()}


def _cut(measures: Measures, known_to: date) -> Measures:
    """Leave out the steps and the completion that are dated after ``known_to``."""
    completed = measures.completed_date
    return measures._replace(
        step_dates={step: done for step, done in measures.step_dates.items() if done <= known_to},
        completed_date=completed if completed and completed <= known_to else None,
    )


def measure(
    day: date, policy: ScoringPolicy, whom: Whom = Whom.EVERYBODY, *, all_committed: bool = False
) -> Iterator[Measures]:
    """Yield the measures of each customer on ``day``, in the order of the keys.

    Where all that they are measured from is committed, many are measured on more than one core.
    """
    count = Customer.objects.count() if whom is Whom.EVERYBODY else 0
    ahead = all_committed and count >= FETCHED_AHEAD and can_fetch_ahead()
    reader, values = _Reader(day, policy, reported(day, whom=whom)), _parameters(day, policy, day)
    parts = _parts(whom, _ranges(count, ahead=ahead))
    statements = [(measure_sql(policy, part), {**values, **keys}) for part, keys in parts]
    if ahead:
        rows = fetch_ahead(statements, in_order=is_postgres() and is_visible(table_of(Engagement)))
    else:
        rows = _fetch_in_turn(statements)
    with closing(rows):
        yield from map(reader.measures, rows)


def prepare_measuring() -> None:
    """Let PostgreSQL read the engagement of many in order, from an index alone, unless a transaction is open."""
    if is_postgres() and Customer.objects.count() >= FETCHED_AHEAD:
        make_visible(table_of(Engagement))


def _parts(whom: Whom, ranges: int) -> Iterator[tuple[Whom, dict[str, str]]]:
    """Yield whom the statement measures: everybody in so many ranges of keys, one after another."""
    if ranges == 1:
        yield whom, {}
        return
    parts = fetch(
        f"""
        SELECT MIN(id), MAX(id) FROM (SELECT id, NTILE(%s) OVER (ORDER BY id) AS part FROM {table_of(Customer)}) c
        GROUP BY part ORDER BY part""",
        [ranges],
    )
    for first, last in parts:
        yield Whom.RANGE, {"first": first, "last": last}


def _ranges(count: int, *, ahead: bool) -> int:
    """Return in how many ranges so many customers are measured.

    On PostgreSQL a range's sums fit into its memory: those of a million customers at once went to disk and back, in
    222 s instead of 37 s. Each range reads most pages of the table: ten of 100,000 took 67 s. Where engagement is
    read in order, that is not so, but two ranges at once have two cores. On SQLite a range is found in the indexes,
    and what is won is that the next ones are walked meanwhile.
    """
    if is_postgres():
        return 1 if count <= MOST_KEPT else max(2, ceil(count / AT_ONCE))
    return max(1, count // WALKED_AT_ONCE) if ahead else 1


def _fetch_in_turn(statements: Sequence[Statement]) -> Generator[Row, None, None]:
    """Yield the rows of statements. Those of several are left with PostgreSQL, as its driver would keep all in memory.

    Behind such a cursor PostgreSQL works on one core, so it is not for fewer rows.
    """
    connection = reading_connection()
    are_many = len(statements) > 1
    if are_many and connection.in_atomic_block:
        # All rows are wanted, not the first ones soon.
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL cursor_tuple_fraction = 1")
    for statement in statements:
        with connection.chunked_cursor() if are_many else connection.cursor() as cursor:
            cursor.execute(*statement)
            while rows := cursor.fetchmany(FETCH_SIZE):
                yield from rows


def day_totals(day: date) -> dict[str, int]:
    """Return the sums of one day's counters, over the customers who signed up by then, so far where it is that."""
    counters = ", ".join(f"CAST(COALESCE(SUM(e.{name}), 0) AS bigint)" for name in Engagement.COUNTERS)
    [totals] = fetch(
        f"""
        SELECT {counters} FROM {table_of(Customer)} c CROSS JOIN {table_of(Engagement)} e
        WHERE e.customer_id = c.id AND e.date = %s AND c.signup_date <= %s""",
        [day, day],
    )
    return dict(zip(Engagement.COUNTERS, map(sum, zip(totals, reported_totals(day), strict=True)), strict=True))


class _Reader:
    """Turn rows of the statement into measures, for a day and a policy, with what was reported after the day."""

    def __init__(self, day: date, policy: ScoringPolicy, so_far: Mapping[str, Reported]) -> None:
        self._date, self._policy, self._so_far = day, policy, so_far
        self._day = day.toordinal()
        self._active = _from_bits if is_postgres() else _Dates(self._day).active
        self._activity_days = (1 << policy.activity_days) - 1
        self._known = _Known()

    def measures(self, row: Row) -> Measures:
        """Return the measures of a row."""
        if self._so_far and (more := self._so_far.get(row[0])):
            row = with_reported(row, more, self._date, self._policy)
        known = self._known
        signup, completed, *dates, days = row[MEASURED:]
        signup_date = known[signup]
        step_dates = {step: known[done] for step, done in zip(STEPS, dates, strict=True) if done}
        if undated := date.min in step_dates.values():
            step_dates = {step: signup_date if done == date.min else done for step, done in step_dates.items()}
        active = self._active(days) if days else 0
        # By their places, which takes half as long as by their names.
        return Measures(  # type: ignore[call-arg]  # The slice has as many as there are fields before the others.
            *row[:MEASURED],
            signup_date,
            known[completed] if completed else None,
            step_dates,
            active.bit_count(),
            date.fromordinal(self._day + 1 - (active & -active).bit_length()) if active else None,
            (active & self._activity_days).bit_count(),
            _active_weeks(active, self._day - signup_date.toordinal()) if active else 0,
            not undated,
        )


class _Known(dict[str | date, date]):
    """Dates as queries give them; many customers have one in common."""

    def __missing__(self, value: str | date) -> date:
        self[value] = found = date_of(value)
        return found


def _from_bits(text: str) -> int:
    """Read a text of bits as one number: bit k is whether the day k days before was active."""
    return int(text[::-1], 2)


class _Dates(dict[str, int]):
    """The bit of each date; many customers have a date in common."""

    def __init__(self, day: int) -> None:
        self._day = day

    def __missing__(self, text: str) -> int:
        self[text] = bit = 1 << self._day - date.fromisoformat(text).toordinal()
        return bit

    def active(self, text: str) -> int:
        """Return the same number from a list of dates, some of which may stand twice."""
        return reduce(or_, map(self.__getitem__, text.split(",")))


def _active_weeks(active: int, since: int) -> int:
    """Return a bit for each of the ``WEEKS`` weeks from the signup that has an active day."""
    # Each bit joins those of the six days after it, so that a week's first day tells of the whole week. In a text
    # from the measured day back, every seventh bit is then a week, and the last one is week 0.
    two_days = active | active << 1
    four_days = two_days | two_days << 2
    week_from = four_days | four_days << 3
    weeks = since // 7 + 1
    text = f"{week_from >> since % 7:b}"[::-7][:weeks].ljust(weeks, "0")
    return int(text[-WEEKS:], 2)


def _parameters(day: date, policy: ScoringPolicy, known_to: date) -> dict[str, date]:
    starts = {f"{name}_start": day - timedelta(days=days - 1) for name, days in windows(policy).items()}
    return {"day": day, "known_to": min(day, known_to), **starts}

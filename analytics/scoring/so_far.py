"""So far today: what the product reported after the newest scored date counts as of that date.

A row is ``provisional`` until a file has it. One that is dated on a scored date or before counts there like any other.
One that is dated later, up to today, counts on the newest scored date as if it had happened on it, and on no other.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from operator import add

from analytics.models import PortfolioDay, ScoringPolicy, Snapshot
from analytics.scoring.components import STEPS, Measures
from analytics.scoring.measure_sql import CONCERNED, MEASURED, Whom
from customers.clock import program_today
from customers.core.limits import FETCH_SIZE
from customers.core.replica.routing import reading_connection
from customers.core.sql import Row, date_of, execute, fetch, is_postgres, table_of
from customers.models import COUNTER_OF_STEP, Customer, Engagement, Event

_PLACE = {name: place for place, name in enumerate(Measures._fields[:MEASURED])}
_STEP_PLACE = {step: MEASURED + 2 + place for place, step in enumerate(STEPS)}
"""In a row of the statement the dates of signup and completion come before those of the steps."""
_DAYS = -1


_NOTHING = (0,) * len(Engagement.COUNTERS)


@dataclass(slots=True)
class Reported:
    """What the product reported of a customer after a scored date, through the day ``through``.

    There may be one for everybody, so it is small: most have no step.
    """

    through: date = date.min
    counters: tuple[int, ...] = _NOTHING
    steps: frozenset[str] = frozenset()
    dated: frozenset[str] = frozenset()
    """The steps that an event dates, whatever engagement says."""

    @property
    def counts(self) -> dict[str, int]:
        """The counters by name."""
        return dict(zip(Engagement.COUNTERS, self.counters, strict=True))


def reported(day: date, customer: str = "", whom: Whom = Whom.EVERYBODY) -> dict[str, Reported]:
    """Return by customer what counts on ``day`` though it is dated later; of one ``customer`` alone, if given.

    One query; empty for any but the newest scored date.
    """
    found: dict[str, Reported] = {}
    # Many have the same day and the same numbers, which are kept once.
    days: dict[date, date] = {}
    numbers: dict[tuple[int, ...], tuple[int, ...]] = {}
    whose = "AND r.customer_id = %(customer)s" if customer else _WHOSE[whom]
    with reading_connection().cursor() as cursor:
        cursor.execute(_statement(whose), _parameters(day, customer))
        while rows := cursor.fetchmany(FETCH_SIZE):
            for key, source, on, kind, *counters in rows:
                one = found.get(key) or found.setdefault(key, Reported())
                if source == "dated":
                    one.dated |= {kind}
                    continue
                through = max(one.through, date_of(on))
                one.through = days.setdefault(through, through)
                if source == "step":
                    one.steps |= {kind}
                else:
                    sums = tuple(map(add, one.counters, counters))
                    one.counters = numbers.setdefault(sums, sums)
    return found


def mark_so_far(day: date, whom: Whom = Whom.EVERYBODY) -> int:
    """Note in the snapshots of ``day`` through which date they count what was reported since; return in how many."""
    later = _later(_WHOSE[whom])
    rows = " UNION ALL ".join(
        f"SELECT r.customer_id, r.date FROM {table_of(model)} r WHERE {later}" for model in (Engagement, Event)
    )
    statement = f"""
        UPDATE {table_of(Snapshot)} SET provisional_to = found.through
        FROM (SELECT customer_id, MAX(date) AS through FROM ({rows}) reported GROUP BY customer_id) found
        WHERE {table_of(Snapshot)}.date = %(day)s AND {table_of(Snapshot)}.customer_id = found.customer_id
            AND {_IS_NEWEST}"""
    return execute(statement, _parameters(day, ""))


def reported_totals(day: date) -> Row:
    """Return the sums of what counts on ``day`` though it is dated later, in the order of the counters."""
    sums = ", ".join(f"CAST(COALESCE(SUM(r.{name}), 0) AS bigint)" for name in Engagement.COUNTERS)
    statement = f"SELECT {sums} FROM {table_of(Engagement)} r WHERE {_later()} AND {_IS_NEWEST}"
    [totals] = fetch(statement, _parameters(day, ""))
    return totals


def _parameters(day: date, customer: str) -> dict[str, date | str]:
    return {"day": day, "today": program_today(), **({"customer": customer} if customer else {})}


_IS_NEWEST = f"NOT EXISTS (SELECT 1 FROM {table_of(PortfolioDay)} WHERE date > %(day)s)"
_WHOSE = {Whom.EVERYBODY: "", Whom.CONCERNED: f"AND r.customer_id IN (SELECT id FROM {CONCERNED})"}


def _later(whose: str = "") -> str:
    """Return SQL for whether a row ``r`` counts on the day though it is dated later."""
    return f"""r.provisional AND r.date > %(day)s AND r.date <= %(today)s {whose} AND EXISTS (
        SELECT 1 FROM {table_of(Customer)} c WHERE c.id = r.customer_id AND c.signup_date <= %(day)s)"""


def _statement(whose: str) -> str:
    later = _later(whose)
    engagement, event = table_of(Engagement), table_of(Event)
    counters = ", ".join(f"r.{name}" for name in Engagement.COUNTERS)
    nothing = ", ".join(["0"] * len(Engagement.COUNTERS))
    dating = ", ".join(f"'{step.value}'" for step in COUNTER_OF_STEP)
    return f"""
        SELECT * FROM (
            SELECT r.customer_id, 'counters' AS source, r.date, '' AS kind, {counters}
            FROM {engagement} r WHERE {later}
            UNION ALL SELECT r.customer_id, 'step', r.date, r.kind, {nothing} FROM {event} r WHERE {later}
            UNION ALL SELECT f.customer_id, 'dated', f.date, f.kind, {nothing} FROM {event} f
            WHERE f.kind IN ({dating}) AND f.customer_id IN (SELECT r.customer_id FROM {engagement} r WHERE {later})
        ) found WHERE {_IS_NEWEST}"""


def with_reported(row: Row, more: Reported, day: date, policy: ScoringPolicy) -> Row:
    """Return a row of the statement for ``day`` with what was reported since, as if it had happened on that day."""
    values, counts = list(row), more.counts
    for name, number in _added(counts, policy).items():
        values[_PLACE[name]] += number
    if any(more.counters):
        values[_DAYS] = _with_active(values[_DAYS], day)
    engaged = {step.value for step, counter in COUNTER_OF_STEP.items() if counts[counter]} - more.dated
    _move_steps(values, more.steps | engaged, day)
    return tuple(values)


def _added(counts: dict[str, int], policy: ScoringPolicy) -> dict[str, int]:
    """Return what the sums grow by: the day itself is in each window, and is the last one of the trend's."""
    activity = sum(counts[name] for name in Engagement.ACTIVITY)
    return {
        **counts,
        "window_prs_generated": counts["prs_generated"],
        "window_prs_merged": counts["prs_merged"],
        "window_support_requests": counts["support_requests"],
        "trend_now": activity,
        "trend_moment": activity * (policy.trend_days - 1),
    }


def _with_active(days: str | None, day: date) -> str:
    """Return the active days with the day itself: its bit is the first on PostgreSQL, and SQLite lists dates."""
    if is_postgres():
        return f"1{(days or '')[1:]}"
    return f"{days},{day.isoformat()}" if days else day.isoformat()


def _move_steps(values: list[object], steps: Iterable[str], day: date) -> None:
    """Let the steps that are done after the day be done on it."""
    for step in steps:
        done = values[_STEP_PLACE[step]]
        if isinstance(done, str | date) and date_of(done) > day:
            values[_STEP_PLACE[step]] = day

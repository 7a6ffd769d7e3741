"""The statement that measures customers, for each database: the same columns from the same rows, each in its best way.

Parameters: ``day``, ``known_to`` (nothing dated later is seen), the first day of each window of ``windows`` as
``<name>_start``, for one customer alone ``customer``, and for a range of keys its ``first`` and ``last``. For some
customers alone the temporary table ``CONCERNED`` has their keys.
"""

from datetime import date
from enum import Enum

from analytics.models import ScoringPolicy
from analytics.scoring.components import Measures
from customers.core.sql import days_between, is_postgres, table_of
from customers.models import Customer, Engagement, Event, Feedback, KeyChange, Onboarding, Step, StepSighting
from customers.models.onboarding import COUNTER_OF_STEP

CONCERNED = "concerned"
"""The temporary table of the customers who alone are measured: ``id``."""
_CUSTOMER, _ENGAGEMENT = table_of(Customer), table_of(Engagement)
_WINDOW_SUMS = ("window_prs_generated", "window_prs_merged", "window_support_requests", "trend_now", "trend_before")
_ACTIVITY = f"({' + '.join(f'CAST(e.{name} AS bigint)' for name in Engagement.ACTIVITY)})"
IS_ACTIVE = " OR ".join(f"{name} > 0" for name in Engagement.COUNTERS)
"""Whether a row of engagement makes its date an active day."""
_SIGNED_UP = "e.date >= c.signup_date"
_TOTALS = ", ".join(f"CAST(SUM({name}) AS bigint) AS {name}" for name in Engagement.COUNTERS)
# A customer who goes on under another key is counted there.
_COUNTS = f"""(c.missing_since_id IS NULL OR NOT EXISTS (
    SELECT 1 FROM {table_of(KeyChange)} k WHERE k.former_id = c.id AND k.state = '{KeyChange.State.JOINED.value}'))"""


def _expressions(sums: str) -> dict[str, str]:
    """Return the measures that are columns of the statement, with the windows' sums of the table ``sums``."""
    return {
        "customer_id": "c.id",
        "csv_status": "c.status",
        "cohort": "c.cohort",
        "blocker_type": "COALESCE(o.blocker_type, '')",
        **{name: f"COALESCE(activity.{name}, 0)" for name in Engagement.COUNTERS},
        **{name: f"COALESCE({sums}.{name}, 0)" for name in _WINDOW_SUMS},
        "csat_sum": "COALESCE(csat.total, 0)",
        "csat_count": "COALESCE(csat.answers, 0)",
        "nps_answer": "nps.nps",
        "trend_moment": f"COALESCE(recent.trend_moment, {sums}.trend_moment, 0)",
    }


MEASURED = len(_expressions(""))
"""A row begins with so many measures, the first ones of ``Measures``; then come dates, and text for the reader."""


def windows(policy: ScoringPolicy) -> dict[str, int]:
    """Return the days of each window; ``recent`` has those of all windows that engagement is summed in."""
    return {
        "pr": policy.pr_days,
        "support": policy.support_days,
        "csat": policy.csat_days,
        "nps": policy.nps_days,
        "trend": policy.trend_days,
        "before": 2 * policy.trend_days,
        "recent": max(policy.pr_days, policy.support_days, 2 * policy.trend_days),
    }


class Whom(Enum):
    """Whom the statement measures: it narrows every table to them."""

    EVERYBODY = "everybody"
    RANGE = "range"
    CONCERNED = "concerned"
    ONE = "one"


_NARROWED = {
    Whom.RANGE: "BETWEEN %(first)s AND %(last)s",
    Whom.CONCERNED: f"IN (SELECT id FROM {CONCERNED})",
    Whom.ONE: "= %(customer)s",
}


def measure_sql(policy: ScoringPolicy, whom: Whom = Whom.EVERYBODY) -> str:
    """Return the statement for the connected database."""
    return _postgres(policy, whom) if is_postgres() else _sqlite(policy, whom)


def _postgres(policy: ScoringPolicy, whom: Whom) -> str:
    """Group the whole table of engagement, and sum the windows on the way.

    A bit for each active day takes half as long as gathering the days.
    """
    # PostgreSQL would spend 10 ms of a page on the best order to join a row with a row; so it is left little choice.
    kept = "AS MATERIALIZED" if whom is Whom.ONE else "AS"
    own, there = _own(whom), signed_up(whom)
    day = "CAST(%(day)s AS date)"
    names = ", ".join((*Engagement.COUNTERS, *_WINDOW_SUMS))
    # The first day of a range alone would be looked for row by row.
    first = "1 = 1" if whom is Whom.RANGE else own
    no_day = f"(SELECT CAST(REPEAT('0', {day} - MIN(date) + 1) AS varbit) FROM {_ENGAGEMENT} WHERE {first})"
    start = "CAST(%(trend_start)s AS date)"
    # Rows before the signup do not count in the moment. Only who signed up after the window's first day can have such
    # rows in it; theirs is summed again, beside the signup.
    newcomers = f"c.signup_date > {start} AND {there}"
    return f"""
        WITH activity {kept} (
            SELECT c.id AS customer_id, {names}, trend_moment, RTRIM(CAST(bits AS text), '0') AS days
            FROM {_CUSTOMER} c LEFT JOIN (
                SELECT customer_id, {_TOTALS}, {_window_sums(windows(policy))}, {_trend_moment(policy, start)},
                    BIT_OR(SET_BIT({no_day}, {day} - date, 1)) FILTER (WHERE {IS_ACTIVE}) AS bits
                FROM {_ENGAGEMENT} e WHERE date <= %(known_to)s AND {own} GROUP BY customer_id
            ) sums ON sums.customer_id = c.id
            WHERE {there}
        ), recent {kept} ({_recent("trend_start", _trend_moment(policy, start, _SIGNED_UP), newcomers)}),
        {_other_feeds(kept, own)}
        {_select(f"CAST('{date.min}' AS date)", sums="activity")}"""


def _sqlite(policy: ScoringPolicy, whom: Whom) -> str:
    """Walk the customers and, in the same order, an index of engagement; find the windows' few rows in that index."""
    there, days = signed_up(whom), windows(policy)
    # A condition costs as much as a sum, so none that all recent rows meet.
    sums = _window_sums(days, always=[name for name in days if days[name] == days["recent"]])
    moment = _trend_moment(policy, "%(trend_start)s", _SIGNED_UP)
    return f"""
        WITH activity AS (
            SELECT c.id AS customer_id, {_TOTALS}, GROUP_CONCAT(date) FILTER (WHERE {IS_ACTIVE}) AS days
            FROM {_CUSTOMER} c LEFT JOIN {_ENGAGEMENT} e ON e.customer_id = c.id AND e.date <= %(known_to)s
            WHERE {there} GROUP BY c.id
        ), recent AS ({_recent("recent_start", f"{sums}, {moment}", there)}),
        {_other_feeds("AS", _own(whom))}
        {_select(f"'{date.min}'", sums="recent")}"""


# --- What both have in common -----------------------------------------------------------------------------------


def _own(whom: Whom) -> str:
    return " ".join(("customer_id", _NARROWED[whom])) if whom in _NARROWED else "1 = 1"


def signed_up(whom: Whom = Whom.EVERYBODY) -> str:
    """Return SQL for which customers ``c`` count on a day: who had signed up, or the one that is asked for."""
    if whom is Whom.ONE:
        return "c.id = %(customer)s"
    narrowed = f" AND c.id {_NARROWED[whom]}" if whom in _NARROWED else ""
    return f"c.signup_date <= %(day)s AND {_COUNTS}{narrowed}"


def _recent(start: str, sums: str, there: str) -> str:
    return f"""
            SELECT c.id AS customer_id, {sums} FROM {_CUSTOMER} c CROSS JOIN {_ENGAGEMENT} e
            WHERE e.customer_id = c.id AND e.date BETWEEN %({start})s AND %(known_to)s AND {there}
            GROUP BY c.id"""


def _trend_moment(policy: ScoringPolicy, start: str, which: str = "1 = 1") -> str:
    position = f"(2 * {days_between(start, 'e.date')} - {policy.trend_days - 1})"
    total = f"SUM({_ACTIVITY} * {position}) FILTER (WHERE e.date >= %(trend_start)s AND {which})"
    return f"CAST(COALESCE({total}, 0) AS bigint) AS trend_moment"


def _window_sums(days: dict[str, int], always: list[str] | None = None) -> str:
    """SQL for the sums of ``_WINDOW_SUMS`` over rows ``e``, all of which are in the ``always`` windows."""

    def total(expression: str, window: str, until: str = "") -> str:
        conditions = [] if window in (always or ()) else [f"e.date >= %({window}_start)s"]
        conditions += [f"e.date < %({until}_start)s"] if until else []
        where = f" FILTER (WHERE {' AND '.join(conditions)})" if conditions else ""
        return f"CAST(SUM({expression}){where} AS bigint)"

    sums = {
        "window_prs_generated": total("e.prs_generated", "pr"),
        "window_prs_merged": total("e.prs_merged", "pr"),
        "window_support_requests": total("e.support_requests", "support"),
        "trend_now": total(_ACTIVITY, "trend"),
        "trend_before": total(_ACTIVITY, "before", "trend"),
    }
    return ", ".join(f"{sql} AS {name}" for name, sql in sums.items())


def step_tables(kept: str = "AS", own: str = "1 = 1", *, of_files: bool = False) -> str:
    """Return the tables ``events`` and ``sightings``, which ``step_date`` looks into.

    ``of_files`` leaves out the events that the product reported.
    """
    there = f"{own} AND NOT provisional" if of_files else own
    kinds = ", ".join(
        f"MIN(date) FILTER (WHERE kind = '{step.value}') AS {step.value}, "
        f"COUNT(*) FILTER (WHERE provisional AND kind = '{step.value}') AS reported_{step.value}"
        for step in Step
    )
    sightings = ", ".join(f"MIN(CASE WHEN step = '{step.value}' THEN seen_on END) AS {step.value}" for step in Step)
    return f"""events {kept} (
            SELECT customer_id, {kinds} FROM {table_of(Event)} WHERE {there} GROUP BY customer_id
        ), sightings {kept} (
            SELECT customer_id, {sightings} FROM {table_of(StepSighting)} WHERE {own} GROUP BY customer_id
        )"""


def _other_feeds(kept: str, own: str) -> str:
    """Return the tables of the steps' dates and of the answers."""
    return f"""{step_tables(kept, own)}, csat {kept} (
            SELECT customer_id, CAST(SUM(csat) AS bigint) AS total, COUNT(csat) AS answers
            FROM {table_of(Feedback)} WHERE date BETWEEN %(csat_start)s AND %(known_to)s AND {own} GROUP BY customer_id
        ), nps {kept} (
            SELECT customer_id, nps,
                ROW_NUMBER() OVER (PARTITION BY customer_id ORDER BY date DESC, id DESC) AS age
            FROM {table_of(Feedback)} WHERE nps IS NOT NULL AND date BETWEEN %(nps_start)s AND %(known_to)s AND {own}
        )"""


def _select(undated: str, sums: str) -> str:
    """Return the columns of a row, and the joins of all tables."""
    expressions = _expressions(sums)
    columns = ", ".join(expressions[name] for name in Measures._fields[:MEASURED])
    steps = ", ".join(step_date(step, undated) for step in Step)
    # An expression has no declared type, by which Django would read each row's text anew on SQLite.
    signup, completed = "COALESCE(c.signup_date, NULL)", "COALESCE(o.completed_date, NULL)"
    return f"""SELECT {columns}, {signup}, {completed}, {steps}, activity.days
        FROM activity CROSS JOIN {_CUSTOMER} c
        LEFT JOIN {table_of(Onboarding)} o ON o.customer_id = c.id
        LEFT JOIN recent ON recent.customer_id = c.id
        LEFT JOIN events ON events.customer_id = c.id
        LEFT JOIN sightings ON sightings.customer_id = c.id
        LEFT JOIN csat ON csat.customer_id = c.id
        LEFT JOIN nps ON nps.customer_id = c.id AND nps.age = 1
        WHERE activity.customer_id = c.id
        ORDER BY 1"""


def step_date(step: Step, undated: str, files: str = "1 = 1") -> str:
    """Return SQL for the date of the earliest event, else of engagement, else of the run that saw it.

    A step is done by its flag, or by an event that the product reported. ``files`` narrows the engagement.
    """
    by_engagement = ""
    if counter := COUNTER_OF_STEP.get(step):
        # Of all rows: a step that is dated later is not done yet.
        rows = f"{_ENGAGEMENT} e WHERE customer_id = c.id AND {counter} > 0 AND {files}"
        by_engagement = f"(SELECT MIN(date) FROM {rows}), "
    return (
        f"CASE WHEN o.{step.value} OR events.reported_{step.value} > 0 THEN "
        f"COALESCE(events.{step.value}, {by_engagement}sightings.{step.value}, {undated}) END"
    )

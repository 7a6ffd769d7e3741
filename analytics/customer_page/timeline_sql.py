"""Everything that happened to a customer as rows of one shape: one query sorts it and cuts out a page.

Each source is a SELECT of the columns of ``Row`` in their order; what a source lacks is NULL. The entries of a day are
in the order of their sources, then by ``moment``, ``sort`` and ``ident``.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Model
from django.utils import timezone

from analytics.models import Snapshot
from analytics.portfolio.comparison import WEEK
from analytics.portfolio.milestones import MARKS, Milestone
from customers.core.prepared import fetch_prepared
from customers.core.sql import date_of, is_postgres, table_of
from customers.imports.journal import journal_name, json_field, json_object
from customers.models import (
    Customer,
    Engagement,
    Event,
    Feedback,
    ImportRun,
    Onboarding,
    RowChange,
    Step,
)
from customers.text.say import english

SEPARATOR = "\x1f"
"""Stands between the details of a day's events."""


@dataclass(frozen=True)
class Row:
    """One thing that happened; what the columns from ``who`` on hold depends on the ``source``."""

    day: date
    sort: int
    ident: str
    source: str
    moment: datetime | None
    who: str | None
    kind: str | None
    text: str | None
    more: str | None
    numbers: tuple[int | None, ...]


@dataclass(frozen=True)
class TimelineQuery:
    """Whose history up to which day; what people and imports did is cut at ``until``, where that is given.

    ``dated_steps`` are the steps that events tell of, so that a change of the snapshots need not. ``all_milestones``
    asks for those, too, that other sources tell anyway.
    """

    customer: Customer
    day: date
    until: datetime | None = None
    dated_steps: frozenset[str] = frozenset()
    all_milestones: bool = False


Sql = tuple[str, list[object]]
"""SQL with its parameters."""
Source = Callable[[TimelineQuery], Sql]


def rows(query: TimelineQuery, ranks: Sequence[Sequence[Source]], limit: int, offset: int) -> tuple[list[Row], int]:
    """The rows from ``offset`` on, newest first, and how many there are in all (0 beyond the last); one query.

    ``ranks`` are the sources in the order of a day, the earliest first; those of one rank are ordered by moment.
    """
    selects: list[str] = []
    parameters: list[object] = []
    for rank, sources in enumerate(ranks):
        for source in sources:
            sql, values = source(query)
            selects.append(f"SELECT {rank} AS rank, {source.__name__}.* FROM ({sql}) {source.__name__}")
            parameters += values
    collation = ' COLLATE "C"' if is_postgres() else ""
    sql = (
        f"SELECT COUNT(*) OVER (), entries.* FROM ({' UNION ALL '.join(selects)}) entries "
        f"ORDER BY day DESC, rank DESC, moment DESC, source, sort DESC, ident{collation} "
        f"LIMIT {int(limit)} OFFSET {int(offset)}"
    )
    found = fetch_prepared(sql, parameters)
    return [_row(values[2:]) for values in found], found[0][0] if found else 0


# --- The shape ----------------------------------------------------------------------------------------------------

_TYPES = {
    "day": "date",
    "sort": "bigint",
    "ident": "text",
    "source": "text",
    "moment": "timestamptz",
    "who": "text",
    "kind": "text",
    "text": "text",
    "more": "text",
}
_NUMBERS = [f"n{number}" for number in range(1, 7)]


def select(numbers: Sequence[str] = (), **given: str) -> str:
    """The select list of a source."""
    given |= dict(zip(_NUMBERS, numbers, strict=False))
    kinds = {**_TYPES, **dict.fromkeys(_NUMBERS, "bigint")}
    return ", ".join(f"{given.get(name, f'CAST(NULL AS {kind})')} AS {name}" for name, kind in kinds.items())


def _row(values: tuple[Any, ...]) -> Row:
    named = dict(zip(_TYPES, values, strict=False))
    named["day"] = date_of(named["day"])
    moment = named["moment"]
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment)
    if moment and moment.tzinfo is None:  # SQLite keeps moments in UTC, without saying so.
        named["moment"] = moment.replace(tzinfo=UTC)
    return Row(**named, numbers=values[len(_TYPES) :])


def local_day(column: str) -> Sql:
    """SQL for the day of a moment where we are."""
    sql, values = connection.ops.datetime_cast_date_sql(column, (), timezone.get_current_timezone_name())
    return sql, list(values)


def up_to(column: str, query: TimelineQuery) -> Sql:
    """SQL: whether a moment belongs to what is asked for."""
    return (f"{column} < %s", [_stored(query.until)]) if query.until else ("1 = 1", [])


def _stored(moment: datetime) -> datetime | str | None:
    return connection.ops.adapt_datetimefield_value(moment)


# --- The sources --------------------------------------------------------------------------------------------------


def events(query: TimelineQuery) -> Sql:
    """Events: ``kind``, and their own words as ``text``."""
    order = " ".join(f"WHEN '{kind}' THEN {number}" for number, kind in enumerate(Event.Kind.values))
    columns = select(
        day="date", sort=f"CASE kind {order} END", ident="id", source="'event'", kind="kind", text="detail"
    )
    sql = f"SELECT {columns} FROM {table_of(Event)} WHERE customer_id = %s AND date <= %s"
    return sql, [query.customer.pk, query.day]


def engagement(query: TimelineQuery) -> Sql:
    """Days with engagement that events do not tell: the counters, and last the support requests beyond the events.

    ``more`` are the words of the day's events.
    """
    sums = ", ".join(f"SUM({name}) AS {name}" for name in Engagement.COUNTERS)
    *counters, requests = (f"d.{name}" for name in Engagement.COUNTERS)
    untold = f"{requests} - COALESCE(t.requests, 0)"
    joined = f"{'string_agg' if is_postgres() else 'group_concat'}(detail,{separator()})"
    columns = select(
        [*(f"CAST({name} AS bigint)" for name in counters), f"CAST({untold} AS bigint)"],
        day="d.date",
        sort="0",
        ident="''",
        source="'engagement'",
        more="t.words",
    )
    sql = f"""
        SELECT {columns} FROM (
            SELECT date, {sums} FROM {table_of(Engagement)} WHERE customer_id = %s AND date <= %s GROUP BY date
        ) d LEFT JOIN (
            SELECT date, {joined} AS words, COUNT(*) FILTER (WHERE kind = '{Event.Kind.SUPPORT_REQUEST}') AS requests
            FROM {table_of(Event)} WHERE customer_id = %s AND date <= %s GROUP BY date
        ) t ON t.date = d.date
        WHERE {untold} > 0 OR {" OR ".join(_untold(*one) for one in zip(counters, COUNTED, strict=True))}"""
    return sql, [query.customer.pk, query.day] * 2


def feedback(query: TimelineQuery) -> Sql:
    """Answers: NPS and CSAT, and the comment as ``text``."""
    columns = select(["nps", "csat"], day="date", sort="0", ident="id", source="'feedback'", text="comment")
    sql = f"SELECT {columns} FROM {table_of(Feedback)} WHERE customer_id = %s AND date <= %s"
    return sql, [query.customer.pk, query.day]


COUNTED = (
    (english("Tagged"), "issue"),
    (english("Generated"), "PR"),
    (english("Merged"), "PR"),
    (english("Rejected"), "PR"),
)
"""What the events say of the counters of a day, but for the support requests."""


def _untold(counter: str, words: tuple[str, str]) -> str:
    """Return SQL for whether a counter above 0 is told, because no event of the day says the same.

    From 1,000 on the words have a comma, which is not looked for: such a day is a row that may say nothing.
    """
    verb, noun = words
    find = "strpos" if is_postgres() else "instr"
    mark = separator()
    said = f"'{verb} ' || {counter} || ' {noun}' || CASE WHEN {counter} = 1 THEN '' ELSE 's' END"
    return f"({counter} > 0 AND {find}({mark} || COALESCE(t.words, '') || {mark}, {mark} || {said} || {mark}) = 0)"


_COMPARED = {
    "status": "status",
    "stage": "stage",
    "blocker": "CASE WHEN onboarded THEN '' ELSE blocker_type END",
    **{step.value: step.value for step in Step},
}


def snapshots(query: TimelineQuery) -> Sql:
    """Scored dates on which something is not as on the one before: both, as the JSON objects ``text`` and ``more``."""
    compared = {name: sql for name, sql in _COMPARED.items() if name not in query.dated_steps}
    before = ", ".join(f"LAG({sql}) OVER (ORDER BY date) AS was_{name}" for name, sql in compared.items())
    now = ", ".join(f"{sql} AS is_{name}" for name, sql in compared.items())
    differs = " OR ".join(f"is_{name} <> was_{name}" for name in compared)
    columns = select(
        day="date",
        sort="0",
        ident="''",
        source="'snapshot'",
        text=f"CAST({json_object(**{name: f'is_{name}' for name in compared})} AS text)",
        more=f"CAST({json_object(**{name: f'was_{name}' for name in compared})} AS text)",
    )
    sql = f"""
        SELECT {columns} FROM (
            SELECT date, {now}, {before} FROM {table_of(Snapshot)} WHERE customer_id = %s AND date <= %s
        ) s WHERE was_status IS NOT NULL AND ({differs})"""
    return sql, [query.customer.pk, query.day]


def milestones(query: TimelineQuery) -> Sql:
    """Select the first scored dates on which milestones count; which, as ``kind``.

    The customer's very first scored date tells of them where it had just signed up.
    """
    told = [one for one in Milestone if query.all_milestones or not MARKS[one].tells_anyway]
    reached = ", ".join(f"MIN(CASE WHEN {MARKS[one].sql} THEN date END) AS {one.value}" for one in told)
    dates = " UNION ALL ".join(
        f"SELECT '{one.value}' AS kind, {list(Milestone).index(one)} AS place, {one.value} AS day, first FROM scored"
        for one in told
    )
    columns = select(day="day", sort="place", ident="''", source="'milestone'", kind="kind")
    sql = f"""
        WITH scored AS (
            SELECT MIN(date) AS first, {reached} FROM {table_of(Snapshot)} WHERE customer_id = %s AND date <= %s
        )
        SELECT {columns} FROM ({dates}) m WHERE day > first OR (day = first AND day <= %s)"""
    return sql, [query.customer.pk, query.day, query.customer.signup_date + timedelta(days=WEEK)]


def imports(query: TimelineQuery) -> Sql:
    """Runs that made the customer's two rows what they are: ``text`` before and ``more`` after, as JSON.

    They are found from the rows backwards: a row names its run, whose entry in the journal has the row before, which
    names the run before. So it costs as many look-ups by key as there were changes; what was undone is not told.
    """
    runs, changes = table_of(ImportRun), table_of(RowChange)
    cut, moment = up_to("r.started_at", query)
    day, zone = local_day("r.started_at")
    columns = select(
        ["r.id"],
        day=day,
        sort="r.id",
        ident="w.model",
        source="'import'",
        moment="r.started_at",
        who="r.file",
        kind="w.model",
        text=f"CAST({_null_image('c.before')} AS text)",
        more=f"CAST({_null_image('c.after')} AS text)",
    )
    sql = f"""
        WITH RECURSIVE walk(model, key, run_id) AS (
            SELECT CAST(model AS text), key, run_id FROM ({_seeds(Customer)} UNION ALL {_seeds(Onboarding)}) seeds
            UNION
            SELECT walk.model, walk.key, CAST({json_field("c.before", "run_id")} AS bigint)
            FROM walk JOIN {changes} c
                ON c.run_id = walk.run_id AND c.model = walk.model AND c.key = walk.key
            WHERE c.reason = '' AND c.before IS NOT NULL
        )
        SELECT {columns} FROM walk w JOIN {runs} r ON r.id = w.run_id
        LEFT JOIN {changes} c
            ON c.run_id = w.run_id AND c.model = w.model AND c.key = w.key AND c.reason = ''
        WHERE {cut}"""
    return sql, [query.customer.pk] * 4 + zone + moment


def _seeds(model: type[Model]) -> str:
    """The runs that a row names: the one that changed it last, and the one whose file lacked it."""
    column = "id" if model is Customer else "customer_id"
    columns = f"'{journal_name(model)}' AS model, id AS key, {{0}} AS run_id"
    named = f"SELECT {columns} FROM {table_of(model)} WHERE {column} = %s"
    return f"{named.format('run_id')} UNION ALL {named.format('missing_since_id')} AND missing_since_id IS NOT NULL"


def _null_image(column: str) -> str:
    """A JSON null is none, on both databases."""
    return f"NULLIF(CAST({column} AS text), 'null')"


def separator() -> str:
    """SQL: ``SEPARATOR``."""
    return "chr(31)" if is_postgres() else "char(31)"


def named(login: str) -> str:
    """SQL: first name, last name and login of the joined user ``u``, each but the login with ``SEPARATOR`` after it.

    Where there is no such user (any more), the login alone.
    """
    mark = separator()
    names = f"u.first_name || {mark} || u.last_name || {mark} || u.username"
    return f"CASE WHEN u.id IS NULL THEN {login} ELSE {names} END"


def by_people(
    query: TimelineQuery,
    source: str,
    table: str,
    moment: str,
    where: Sql,
    numbers: Sequence[str] = (),
    **columns: str,
) -> Sql:
    """Return the source of what people did at a ``moment``, from the rows ``r`` of a table."""
    cut, until = up_to(moment, query)
    day, zone = local_day(moment)
    chosen = select(numbers, day=day, sort="r.id", ident="''", source=f"'{source}'", moment=moment, **columns)
    condition, parameters = where
    return f"SELECT {chosen} FROM {table} WHERE {condition} AND {cut}", [*zone, *parameters, *until]

"""What is read for the effects of actions: the cases, and the customers whom they are compared with."""

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from math import ceil
from zlib import crc32

from analytics.models import ActionKind, Playbook, PlaybookRun, Snapshot, Task
from customers.core.sql import date_of, fetch, is_postgres, table_of
from customers.models import Customer
from customers.text.say import english, say

HORIZONS = (14, 28)
APART_DAYS = 28
LOOK_BACK = 365
MAX_SAMPLE = 250


PLAYBOOK = "playbook-"
"""Begins the kind of a playbook, before its key."""


@dataclass(frozen=True)
class PlaybookKind:
    """A playbook, which is compared as a kind of action is."""

    pk: int
    name: str

    @property
    def value(self) -> str:
        """Return what the cases call it."""
        return f"{PLAYBOOK}{self.pk}"

    @property
    def label(self) -> str:
        """Return what people call it."""
        return say("Playbook: {name}", name=self.name)


Kind = ActionKind | PlaybookKind


def playbook_kinds() -> list[PlaybookKind]:
    """Return the playbooks as kinds, by name; one query."""
    return [PlaybookKind(pk, name) for pk, name in Playbook.objects.values_list("pk", "name")]


@dataclass(frozen=True)
class Case:
    """A customer on a date: the score then, and after each horizon (None: there is none)."""

    kind: str
    day: date
    status: str | None
    score: int | None
    later: tuple[int | None, ...]
    customer: str


@dataclass(frozen=True)
class ScoreGroup:
    """The customers with one status and score on a date who have a later score: number, sum of deltas."""

    score: int
    count: int
    delta: int


Groups = dict[tuple[date, str], list[ScoreGroup]]
"""By date and status, in the order of the scores."""


def _plus(column: str, days: int) -> str:
    """Return a date some days after a column's (or a parameter's)."""
    return f"({column} + {days})" if is_postgres() else english(f"date({column}, '{days:+} days')")


def _done(day: date) -> tuple[str, dict[str, str]]:
    """Common tables of kind, customer and date, each once, and their parameters: tasks done, and playbooks started.

    ``done`` are the cases; ``known`` begins earlier, for what was done in the days before the first of them.
    """
    first, last, before = (_as_date(f"%({name})s") for name in ("first", "last", "before"))
    sql = f"""known AS (
        SELECT DISTINCT kind, customer_id, closed_on AS day FROM {table_of(Task)}
        WHERE state = '{Task.State.DONE.value}' AND closed_on BETWEEN {before} AND {last}
        UNION SELECT '{PLAYBOOK}' || CAST(playbook_id AS text), customer_id, day FROM {table_of(PlaybookRun)}
        WHERE state <> '{PlaybookRun.State.PASSED.value}' AND day BETWEEN {before} AND {last}),
        done AS (SELECT * FROM known WHERE day >= {first})"""
    since = {"first": LOOK_BACK, "before": LOOK_BACK + APART_DAYS, "last": 0}
    return sql, {name: (day - timedelta(days=days)).isoformat() for name, days in since.items()}


def _as_date(parameter: str) -> str:
    return f"CAST({parameter} AS date)" if is_postgres() else parameter


def _days() -> str:
    """Return the common table of the dates with a case, each with the dates after it."""
    later = ", ".join(f"{_plus('day', days)} AS day{days}" for days in HORIZONS)
    return f"days AS (SELECT DISTINCT day, {later} FROM done)"


def _later() -> str:
    """Return joins of a snapshot ``s`` of a date ``x`` to the same customer's after each horizon."""
    return " ".join(
        f"LEFT JOIN {table_of(Snapshot)} s{days} ON s{days}.date = x.day{days} "
        f"AND s{days}.customer_id = s.customer_id AND x.day{days} <= {_until()}"
        for days in HORIZONS
    )


def _until() -> str:
    return _as_date("%(last)s")


def _deltas() -> str:
    """SQL: for each horizon how many have a later score, and the sum of their deltas."""
    return ", ".join(
        f"COUNT(s{days}.score), CAST(COALESCE(SUM(s{days}.score - s.score), 0) AS bigint)" for days in HORIZONS
    )


def read_cases(day: date) -> list[Case]:
    done, parameters = _done(day)
    scores = ", ".join(f"s{days}.score" for days in HORIZONS)
    rows = fetch(
        f"""
        WITH {done}, {_days()}
        SELECT d.kind, d.day, d.customer_id, s.status, s.score, {scores} FROM done d JOIN days x ON x.day = d.day
        LEFT JOIN {table_of(Snapshot)} s ON s.customer_id = d.customer_id AND s.date = d.day
        {_later()}
        ORDER BY d.kind, d.day, d.customer_id""",
        parameters,
    )
    return [
        Case(kind, date_of(when), status, score, tuple(later), customer)
        for kind, when, customer, status, score, *later in rows
    ]


def sample_keys() -> list[str]:
    """Return the keys of the sample, which stay the same until the number of customers has much changed."""
    keys = list(Customer.objects.order_by().values_list("pk", flat=True))
    parts = ceil(len(keys) / MAX_SAMPLE)
    return [key for key in keys if crc32(key.encode()) % parts == 0] if parts > 1 else keys


def _chosen(column: str) -> str:
    """That a column is one of the parameter ``sample``, which is one value however many there are."""
    if is_postgres():
        return f"{column} = ANY(%(sample)s)"
    return f"{column} IN (SELECT value FROM json_each(%(sample)s))"


def _with_sample(parameters: dict[str, str], keys: list[str]) -> dict[str, str | list[str]]:
    return {**parameters, "sample": keys if is_postgres() else json.dumps(keys)}


def read_sample(day: date, keys: list[str]) -> list[Groups]:
    """Return for each horizon the groups of the sample on the dates with a case."""
    done, parameters = _done(day)
    rows = fetch(
        f"""
        WITH {done}, {_days()}
        SELECT s.date, s.status, s.score, {_deltas()} FROM days x
        JOIN {table_of(Snapshot)} s ON s.date = x.day AND x.day{HORIZONS[0]} <= {_until()}
            AND {_chosen("s.customer_id")}
        {_later()}
        GROUP BY s.date, s.status, s.score
        ORDER BY s.date, s.status, s.score""",
        _with_sample(parameters, keys),
    )
    groups: list[Groups] = [defaultdict(list) for _days in HORIZONS]
    for when, status, score, *sums in rows:
        _add(groups, (date_of(when), status), score, sums)
    return groups


def read_treated(day: date, keys: list[str]) -> list[dict[str, Groups]]:
    """Return for each horizon and kind who of the sample had it done near a date with a case."""
    done, parameters = _done(day)
    rows = fetch(
        f"""
        WITH {done}, {_days()}, near AS (
            SELECT DISTINCT d.kind, d.day, o.customer_id FROM (SELECT DISTINCT kind, day FROM done) d
            JOIN known o ON o.kind = d.kind AND {_chosen("o.customer_id")}
            AND o.day BETWEEN {_plus("d.day", -APART_DAYS)} AND {_plus("d.day", APART_DAYS)})
        SELECT n.kind, s.date, s.status, s.score, {_deltas()} FROM near n JOIN days x ON x.day = n.day
        JOIN {table_of(Snapshot)} s ON s.customer_id = n.customer_id AND s.date = n.day
        {_later()}
        GROUP BY n.kind, s.date, s.status, s.score
        ORDER BY n.kind, s.date, s.status, s.score""",
        _with_sample(parameters, keys),
    )
    groups: list[dict[str, Groups]] = [defaultdict(lambda: defaultdict(list)) for _days in HORIZONS]
    for kind, when, status, score, *sums in rows:
        _add([by_kind[kind] for by_kind in groups], (date_of(when), status), score, sums)
    return groups


def _add(groups: Sequence[Groups], key: tuple[date, str], score: int, sums: Sequence[int]) -> None:
    for index, by_key in enumerate(groups):
        count, delta = sums[2 * index : 2 * index + 2]
        if count:
            by_key[key].append(ScoreGroup(score, count, delta))

"""Did it help: how the score moved after a kind of action, beside similar customers without it.

A **case** is a customer and a scored date on which at least one task of a kind was closed as done
(``Task.closed_on``). For each horizon of 14 and 28 days its **movement** is the score that many days later less the
score on that date.

Its **similar customers** had on that date the same status and a score within 5 points of the case's, have a score
that many days later too, and no task of that kind that was done within 28 days before or after that date. What moves
them is the mean of their movements. The case's **difference** is its own movement less that mean; a kind's figures
are the plain means over its cases, so that each case counts once, however many customers resemble it.

Those who are compared with are everybody where there are at most ``MOST_COMPARED`` customers, else a fixed part of
them of about that number, told by a hash of their ids: a mean over a few dozen is as telling as one over thousands,
and takes the same time however large the program grows. Every case counts, in that part or not.

Left out, and counted: cases whose days have **not passed** by the shown date, cases **without a score** on one of
the two dates, and cases **without anybody similar**. Below ten cases there is no verdict. From ten on the verdict is
"no clear difference" where the mean difference is less than two standard errors from nothing.

Everything is as of the shown date D: tasks closed later, and scores of later dates, do not exist. Cases are those of
the 365 days to D. Four queries; the largest looks at each compared customer once for each date with a case.
"""

import json
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import accumulate
from math import ceil, sqrt
from statistics import fmean, stdev
from typing import Any
from zlib import crc32

from django.db import connection

from analytics.models import ActionKind, Snapshot, Task
from customers.core.sql import is_postgres, table_of
from customers.models import Customer

HORIZONS = (14, 28)
NEAR = 5
APART_DAYS = 28
LOOK_BACK = 365
LEAST_CASES = 10
STANDARD_ERRORS = 2
MOST_COMPARED = 250


@dataclass(frozen=True)
class Case:
    """A customer on a date: the score then, and after each horizon (None: there is none)."""

    kind: str
    day: date
    status: str | None
    score: int | None
    later: tuple[int | None, ...]


@dataclass(frozen=True)
class Cell:
    """How many customers with a status and a score on a date have a later score, and the sum of their movements."""

    score: int
    count: int
    moved: int


@dataclass(frozen=True)
class Effect:
    """What followed a kind of action after ``days``; the means are None without a case."""

    kind: ActionKind
    days: int
    cases: int
    similar: int
    moved: float | None
    similar_moved: float | None
    difference: float | None
    error: float | None
    not_passed: int
    no_score: int
    nobody_similar: int

    @property
    def verdict(self) -> str:
        """In words, from ten cases on."""
        if self.cases < LEAST_CASES or self.difference is None or self.error is None:
            return f"too few to tell: {self.cases} of {LEAST_CASES}"
        if abs(self.difference) <= STANDARD_ERRORS * self.error:
            return "no clear difference"
        return "better than without" if self.difference > 0 else "worse than without"

    @property
    def tone(self) -> str:
        """How the verdict is coloured."""
        return {"better than without": "healthy", "worse than without": "at_risk"}.get(self.verdict, "inactive")


Pool = dict[tuple[date, str], Sequence[Cell]]
"""By date and status, in the order of the scores."""


@dataclass
class _Sums:
    """What is gathered of a kind and a horizon."""

    own: list[int] = field(default_factory=list)
    similar: list[float] = field(default_factory=list)
    customers: int = 0
    not_passed: int = 0
    no_score: int = 0
    nobody_similar: int = 0


def effects(day: date) -> list[tuple[ActionKind, list[Effect]]]:
    """The effects of each kind with a case, as of ``day``."""
    cases = _cases(day)
    compared = _compared() if cases else []
    pools = _pools(day, compared) if cases else [{} for _days in HORIZONS]
    treated = _treated(day, compared) if cases else [{} for _days in HORIZONS]
    found = []
    for kind in ActionKind:
        mine = [case for case in cases if case.kind == kind]
        if mine:
            found.append(
                (
                    kind,
                    [
                        effect(kind, place, mine, pools[place], treated[place].get(kind, {}), day)
                        for place in range(len(HORIZONS))
                    ],
                )
            )
    return found


def effect(kind: ActionKind, place: int, cases: Iterable[Case], pool: Pool, treated: Pool, day: date) -> Effect:
    """The effect after the horizon at ``place``: of everybody (``pool``) those without the action are similar."""
    sums = _Sums()
    pools = {key: _Ranges(cells) for key, cells in pool.items()}
    others = {key: _Ranges(cells) for key, cells in treated.items()}
    nobody = _Ranges([])
    for case in cases:
        later = case.later[place]
        if case.day + timedelta(days=HORIZONS[place]) > day:
            sums.not_passed += 1
        elif case.score is None or case.status is None or later is None:
            sums.no_score += 1
        else:
            key = (case.day, case.status)
            count, moved = pools.get(key, nobody).near(case.score)
            with_it, moved_with_it = others.get(key, nobody).near(case.score)
            if count <= with_it:
                sums.nobody_similar += 1
                continue
            sums.own.append(later - case.score)
            sums.similar.append((moved - moved_with_it) / (count - with_it))
            sums.customers += count - with_it
    differences = [own - similar for own, similar in zip(sums.own, sums.similar, strict=True)]
    some = bool(differences)
    return Effect(
        kind=kind,
        days=HORIZONS[place],
        cases=len(differences),
        similar=sums.customers,
        moved=fmean(sums.own) if some else None,
        similar_moved=fmean(sums.similar) if some else None,
        difference=fmean(differences) if some else None,
        error=stdev(differences) / sqrt(len(differences)) if len(differences) > 1 else None,
        not_passed=sums.not_passed,
        no_score=sums.no_score,
        nobody_similar=sums.nobody_similar,
    )


class _Ranges:
    """Sums of cells over any range of scores."""

    def __init__(self, cells: Sequence[Cell]) -> None:
        self.scores = [cell.score for cell in cells]
        self.counts = list(accumulate((cell.count for cell in cells), initial=0))
        self.moved = list(accumulate((cell.moved for cell in cells), initial=0))

    def near(self, score: int) -> tuple[int, int]:
        """How many have a score within NEAR of it, and the sum of their movements."""
        first, last = bisect_left(self.scores, score - NEAR), bisect_right(self.scores, score + NEAR)
        return self.counts[last] - self.counts[first], self.moved[last] - self.moved[first]


# --- The four queries -------------------------------------------------------------------------------------------


def _plus(column: str, days: int) -> str:
    """A date some days after a column's (or a parameter's)."""
    return f"({column} + {days})" if is_postgres() else f"date({column}, '{days:+} days')"


def _done(day: date) -> tuple[str, dict[str, Any]]:
    """Common tables of kind, customer and date, each once, and their parameters.

    ``done`` are the cases; ``known`` begins earlier, for what was done in the days before the first of them.
    """
    first, last, before = (_as_date(f"%({name})s") for name in ("first", "last", "before"))
    sql = f"""known AS (
        SELECT DISTINCT kind, customer_id, closed_on AS day FROM {table_of(Task)}
        WHERE state = '{Task.State.DONE.value}' AND closed_on BETWEEN {before} AND {last}),
        done AS (SELECT * FROM known WHERE day >= {first})"""
    since = {"first": LOOK_BACK, "before": LOOK_BACK + APART_DAYS, "last": 0}
    return sql, {name: (day - timedelta(days=days)).isoformat() for name, days in since.items()}


def _as_date(parameter: str) -> str:
    return f"CAST({parameter} AS date)" if is_postgres() else parameter


def _days() -> str:
    """Common table of the dates with a case, each with the dates after it: worked out once, not for each customer."""
    later = ", ".join(f"{_plus('day', days)} AS day{days}" for days in HORIZONS)
    return f"days AS (SELECT DISTINCT day, {later} FROM done)"


def _later() -> str:
    """Joins to a snapshot ``s`` of a date ``x`` those of the same customer after each horizon, where there are any."""
    return " ".join(
        f"LEFT JOIN {table_of(Snapshot)} s{days} ON s{days}.date = x.day{days} "
        f"AND s{days}.customer_id = s.customer_id AND x.day{days} <= {_until()}"
        for days in HORIZONS
    )


def _until() -> str:
    return _as_date("%(last)s")


def _movements() -> str:
    """For each horizon how many have a later score, and the sum of the movements."""
    return ", ".join(
        f"COUNT(s{days}.score), CAST(COALESCE(SUM(s{days}.score - s.score), 0) AS bigint)" for days in HORIZONS
    )


def _cases(day: date) -> list[Case]:
    done, parameters = _done(day)
    scores = ", ".join(f"s{days}.score" for days in HORIZONS)
    rows = _rows(
        f"""
        WITH {done}, {_days()}
        SELECT d.kind, d.day, s.status, s.score, {scores} FROM done d JOIN days x ON x.day = d.day
        LEFT JOIN {table_of(Snapshot)} s ON s.customer_id = d.customer_id AND s.date = d.day
        {_later()}
        ORDER BY d.kind, d.day, d.customer_id""",
        parameters,
    )
    return [Case(kind, _date(when), status, score, tuple(later)) for kind, when, status, score, *later in rows]


def _compared() -> list[str]:
    """Who is compared with; whom the hash takes stays the same until the number of customers has much changed."""
    keys = list(Customer.objects.order_by().values_list("pk", flat=True))
    parts = ceil(len(keys) / MOST_COMPARED)
    return [key for key in keys if crc32(key.encode()) % parts == 0] if parts > 1 else keys


def _chosen(column: str) -> str:
    """That a column is one of the parameter ``compared``, which is one value however many there are."""
    if is_postgres():
        return f"{column} = ANY(%(compared)s)"
    return f"{column} IN (SELECT value FROM json_each(%(compared)s))"


def _with(parameters: dict[str, Any], compared: list[str]) -> dict[str, Any]:
    return {**parameters, "compared": compared if is_postgres() else json.dumps(compared)}


def _pools(day: date, compared: list[str]) -> list[Pool]:
    """All who are compared with on the dates with a case, for each horizon."""
    done, parameters = _done(day)
    rows = _rows(
        f"""
        WITH {done}, {_days()}
        SELECT s.date, s.status, s.score, {_movements()} FROM days x
        JOIN {table_of(Snapshot)} s ON s.date = x.day AND x.day{HORIZONS[0]} <= {_until()}
            AND {_chosen("s.customer_id")}
        {_later()}
        GROUP BY s.date, s.status, s.score
        ORDER BY s.date, s.status, s.score""",
        _with(parameters, compared),
    )
    pools: list[Pool] = [defaultdict(list) for _days in HORIZONS]
    for when, status, score, *sums in rows:
        _add(pools, (_date(when), status), score, sums)
    return pools


def _treated(day: date, compared: list[str]) -> list[dict[str, Pool]]:
    """Of each kind: who of those compared with had it done near a date with a case; the cases may be among them."""
    done, parameters = _done(day)
    rows = _rows(
        f"""
        WITH {done}, {_days()}, near AS (
            SELECT DISTINCT d.kind, d.day, o.customer_id FROM (SELECT DISTINCT kind, day FROM done) d
            JOIN known o ON o.kind = d.kind AND {_chosen("o.customer_id")}
            AND o.day BETWEEN {_plus("d.day", -APART_DAYS)} AND {_plus("d.day", APART_DAYS)})
        SELECT n.kind, s.date, s.status, s.score, {_movements()} FROM near n JOIN days x ON x.day = n.day
        JOIN {table_of(Snapshot)} s ON s.customer_id = n.customer_id AND s.date = n.day
        {_later()}
        GROUP BY n.kind, s.date, s.status, s.score
        ORDER BY n.kind, s.date, s.status, s.score""",
        _with(parameters, compared),
    )
    pools: list[dict[str, Pool]] = [defaultdict(lambda: defaultdict(list)) for _days in HORIZONS]
    for kind, when, status, score, *sums in rows:
        _add([pool[kind] for pool in pools], (_date(when), status), score, sums)
    return pools


def _add(pools: Sequence[Pool], key: tuple[date, str], score: int, sums: Sequence[int]) -> None:
    for place, pool in enumerate(pools):
        count, moved = sums[2 * place : 2 * place + 2]
        if count:
            pool[key].append(Cell(score, count, moved))


def _rows(sql: str, parameters: dict[str, Any]) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall()


def _date(value: str | date) -> date:
    return date.fromisoformat(value) if isinstance(value, str) else value

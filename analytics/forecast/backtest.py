"""The back-test: at each month's end of the past, forecast with what was known then, and compare."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from analytics.forecast.accuracy import Cases
from analytics.forecast.bands import BANDS
from analytics.forecast.evidence import days_since_active, evidence
from analytics.forecast.forecasting import learn, probabilities_of
from analytics.forecast.learning import LearningRows, fit, learning_rows, probabilities
from analytics.forecast.program import Floats, Ints, Program
from analytics.forecast.target import Target
from analytics.models import HORIZON


@dataclass(frozen=True)
class BackTest:
    """The cases of the months' ends from ``first`` to ``last``; earlier ones had too little to learn from."""

    first: date | None
    last: date | None
    months: int
    cases: Cases


def backtest(program: Program, target: Target, through: date) -> BackTest:
    """Forecast at each month's end whose horizon is over by a date, as it would have been done then."""
    months, parts = [], []
    for day in _months_ends(program, through):
        rows = learning_rows(program, target, day.toordinal())
        weighed = evidence(rows, day)
        who = program.everybody
        when = np.full(len(who), day.toordinal())
        who = who[target.in_population(program, who, when)]
        when = when[: len(who)]
        if weighed.method and len(who):
            model = learn(program, target, rows, weighed.method)
            months.append(day)
            parts.append(
                Cases(
                    who,
                    when,
                    probabilities_of(model, target, program, who, when),
                    np.full(len(who), rows.came_true.mean()),
                    _by_recency(program, rows, who, when),
                    target.came_true(program, who, when),
                )
            )
    return BackTest(min(months, default=None), max(months, default=None), len(months), Cases.of(parts))


def _months_ends(program: Program, through: date) -> Iterator[date]:
    """Yield the last day of each month from the first active day on whose horizon is over by a date."""
    day = date.fromordinal(int(program.days.min())) if len(program.days) else through
    while True:
        end = (day.replace(day=1) + timedelta(days=31)).replace(day=1) - timedelta(days=1)
        if end + timedelta(days=HORIZON) > through:
            return
        yield end
        day = end + timedelta(days=1)


def _by_recency(program: Program, rows: LearningRows, who: Ints, when: Ints) -> Floats:
    """Return the probabilities of a model that knows the days since the last activity and nothing else."""

    def recency(who: Ints, when: Ints) -> Floats:
        column: Floats = np.log1p(days_since_active(program, who, when))[:, None]
        return column

    alone = LearningRows(rows.who, rows.when, recency(rows.who, rows.when), rows.came_true)
    return probabilities(fit(("days_since_active",), alone), recency(who, when))


def lead_times(program: Program, cases: Cases) -> Ints:
    """Return for each silence that was called how many days the call came before its ``HORIZON`` days were over.

    A silence is called where somebody likely to go quiet went quiet; the call is the first of an unbroken row of them,
    month by month.
    """
    order = np.lexsort((cases.when, cases.who))
    likely = np.round(cases.probability[order] * 100) >= BANDS[0].at_least
    leads: dict[tuple[int, int], int] = {}
    called: int | None = None
    before: int | None = None
    for who, when, called_now, true in zip(
        cases.who[order].tolist(), cases.when[order].tolist(), likely, cases.came_true[order], strict=True
    ):
        if not called_now or who != before:
            called = None
        before = who
        if called_now:
            called = when if called is None else called
            if true:
                newest = program.newest_until(np.array([who]), np.array([when]))
                over = int(program.days[newest[0]]) + HORIZON
                leads.setdefault((who, over), over - called)
    return np.array(list(leads.values()), np.int64)

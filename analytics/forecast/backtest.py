"""The back-test: at each month's end of the past, forecast with what was known then, and compare."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

import numpy as np

from analytics.forecast.accuracy import Cases
from analytics.forecast.bands import BANDS
from analytics.forecast.evidence import days_since_active, evidence
from analytics.forecast.forecasting import learn, probabilities_of
from analytics.forecast.learning import LearningRows, fit, learning_rows, probabilities
from analytics.forecast.program import Bools, Floats, Ints, Program
from analytics.forecast.target import Target
from analytics.models import HORIZON


@dataclass(frozen=True)
class BackTest:
    """The population of each month's end, and its outcomes; those with a forecast are the ``cases``.

    ``first`` and ``last`` are the ends of the months with a forecast; others had too little to learn from.
    """

    first: date | None
    last: date | None
    months: int
    population: Cases

    @cached_property
    def is_forecast(self) -> Bools:
        """Of whom in the population there is a forecast."""
        return ~np.isnan(self.population.probability)

    @cached_property
    def cases(self) -> Cases:
        """The forecasts and what came of them."""
        return self.population.part(self.is_forecast)


def backtest(program: Program, target: Target, through: date) -> BackTest:
    """Forecast at each month's end whose horizon is over by a date, as it would have been done then."""
    months, parts = [], []
    for day in _months_ends(program, through):
        who = program.everybody
        when = np.full(len(who), day.toordinal())
        who = who[target.in_population(program, who, when)]
        when = when[: len(who)]
        rows = learning_rows(program, target, day.toordinal())
        method = evidence(rows, day).method
        probability = base_rate = by_recency = np.full(len(who), np.nan)
        if method and len(who):
            months.append(day)
            model = learn(program, target, rows, method)
            probability = probabilities_of(model, target, program, who, when)
            base_rate = np.full(len(who), rows.came_true.mean())
            by_recency = _by_recency(program, rows, who, when)
        parts.append(Cases(who, when, probability, base_rate, by_recency, target.came_true(program, who, when)))
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


def lead_times(program: Program, cases: Cases) -> dict[int, int]:
    """Return for each silence that was called how many days the call came before its ``HORIZON`` days were over.

    By the place of its first case that came true. A silence is called where somebody likely to go quiet went quiet;
    the call is the first of an unbroken row of them, month by month.
    """
    order = np.lexsort((cases.when, cases.who))
    likely = np.round(cases.probability[order] * 100) >= BANDS[0].at_least
    leads: dict[tuple[int, int], tuple[int, int]] = {}
    called: int | None = None
    before: int | None = None
    for place, called_now in zip(order.tolist(), likely, strict=True):
        who, when = int(cases.who[place]), int(cases.when[place])
        if not called_now or who != before:
            called = None
        before = who
        if called_now:
            called = when if called is None else called
            if cases.came_true[place]:
                newest = program.newest_until(np.array([who]), np.array([when]))
                over = int(program.days[newest[0]]) + HORIZON
                leads.setdefault((who, over), (place, over - called))
    return dict(leads.values())

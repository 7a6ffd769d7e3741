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

    By the place of its first case that came true. A silence is called where somebody likely to go quiet went quiet.
    """
    likely = np.round(cases.probability * 100) >= BANDS[0].at_least
    newest = program.days[program.newest_until(cases.who, cases.when)]
    return leads(cases.who, cases.when, likely, cases.came_true, newest)


def leads(who: Ints, when: Ints, called: Bools, came_true: Bools, newest: Ints) -> dict[int, int]:
    """Return the leads of any calls before silences, as ``lead_times`` does of forecasts.

    The call is the first of an unbroken row of them, month by month. ``newest`` is the newest active day by then.
    """
    found: dict[tuple[int, int], tuple[int, int]] = {}
    since: int | None = None
    before: int | None = None
    # Of 100,000 customers few have a silence that was called.
    there = np.flatnonzero(np.isin(who, who[called & came_true]))
    for place in there[np.lexsort((when[there], who[there]))].tolist():
        customer, day = int(who[place]), int(when[place])
        if not called[place] or customer != before:
            since = None
        before = customer
        if called[place]:
            since = day if since is None else since
            if came_true[place]:
                over = int(newest[place]) + HORIZON
                found.setdefault((customer, over), (place, over - since))
    return dict(found.values())

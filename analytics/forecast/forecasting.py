"""Forecast a date: with the newest model that knew nothing later, fitted anew where that is due."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from django.utils import timezone

from analytics.forecast.evidence import Evidence, count, days_since_active, evidence
from analytics.forecast.first_pr import FIRST_PR
from analytics.forecast.learning import LearningRows, fit, learning_rows
from analytics.forecast.model import DECIMALS, Logistic, Model, from_numbers, to_numbers
from analytics.forecast.program import Floats, Ints, Program
from analytics.forecast.quiet import QUIET
from analytics.forecast.target import Target
from analytics.models import ForecastModel

DEFINITIONS = 1
"""The version of the features: a model of another one is not used."""
REFIT_DAYS = 28
"""A model serves for so many days of data."""
TARGETS = (QUIET, FIRST_PR)


@dataclass(frozen=True)
class Forecasts:
    """A date's forecasts of one target: keys of customers, their rounded features, and their probabilities.

    Without a ``model`` there are none, and ``evidence`` says what is lacking.
    """

    target: Target
    model: ForecastModel | None
    evidence: Evidence
    keys: Sequence[str]
    features: Sequence[Sequence[float]]
    probabilities: Sequence[float]


class Forecaster:
    """Forecasts dates of one program, the oldest first, and remembers the models that it fits.

    ``keep`` stores them; ``fit_anew`` fits one for the first date, however new the stored one is.
    """

    def __init__(self, program: Program, *, keep: bool, fit_anew: bool = False) -> None:
        self._program = program
        self._keep = keep
        self._fit_anew = {target.name for target in TARGETS} if fit_anew else set()
        self._fitted: list[ForecastModel] = []

    def forecast(self, day: date) -> Iterator[Forecasts]:
        """Yield the forecasts of each target on a date."""
        for target in TARGETS:
            yield self._forecast(target, day)

    def _forecast(self, target: Target, day: date) -> Forecasts:
        found = None if target.name in self._fit_anew else self._newest(target, day)
        if found:
            weighed = Evidence(found.customers, found.rarer, None)
        else:
            rows = learning_rows(self._program, target, day.toordinal())
            weighed = evidence(rows, day)
            found = self._fit(target, rows, weighed, day)
        if found is None:
            return Forecasts(target, None, weighed, [], [], [])
        model = from_numbers(found.numbers)
        who = self._program.everybody
        when = np.full(len(who), day.toordinal())
        who = who[target.in_population(self._program, who, when)]
        features = features_of(model, target, self._program, who, when[: len(who)])
        return Forecasts(
            target,
            found,
            weighed,
            [self._program.keys[place] for place in who.tolist()],
            features,
            [model.probability(row) for row in features],
        )

    def _newest(self, target: Target, day: date) -> ForecastModel | None:
        """Return the newest model that was trained through a date up to ``day`` and is not due to be fitted anew."""
        since = day - timedelta(days=REFIT_DAYS - 1)
        stored = ForecastModel.objects.filter(
            target=target.name, definitions=DEFINITIONS, trained_through__range=(since, day)
        ).order_by("trained_through", "pk")
        fitted = [one for one in self._fitted if one.target == target.name and since <= one.trained_through <= day]
        # Of several with the same date the last one, which is the newest fit.
        return max(reversed([*stored, *fitted]), key=lambda one: one.trained_through, default=None)

    def _fit(self, target: Target, rows: LearningRows, weighed: Evidence, day: date) -> ForecastModel | None:
        if weighed.method is None:
            return None
        self._fit_anew.discard(target.name)
        model = learn(self._program, target, rows, weighed.method)
        made = ForecastModel(
            target=target.name,
            method=weighed.method,
            trained_through=day,
            definitions=DEFINITIONS,
            fitted_at=timezone.now(),
            first_day=date.fromordinal(int(rows.when.min())),
            rows=len(rows.who),
            came_true=int(rows.came_true.sum()),
            customers=rows.customers,
            rarer=rows.rarer,
            numbers=to_numbers(model),
        )
        if self._keep:
            made.save()
        self._fitted.append(made)
        return made


def learn(program: Program, target: Target, rows: LearningRows, method: ForecastModel.Method) -> Model:
    """Learn from rows by the method that the evidence allows."""
    return fit(target.features, rows) if method == ForecastModel.Method.LOGISTIC else count(program, rows)


def probabilities_of(model: Model, target: Target, program: Program, who: Ints, when: Ints) -> Floats:
    """Return the probability of each customer on a day."""
    rows = features_of(model, target, program, who, when)
    return np.fromiter(map(model.probability, rows), float, len(rows))


def features_of(model: Model, target: Target, program: Program, who: Ints, when: Ints) -> list[list[float]]:
    """Return the features that a model takes, a row for each customer and day, rounded as they are stored."""
    table: Floats | Ints
    if isinstance(model, Logistic):
        table = np.round(target.measure(program, who, when), DECIMALS)
    else:
        table = days_since_active(program, who, when)[:, None]
    rows: list[list[float]] = table.tolist()
    return rows

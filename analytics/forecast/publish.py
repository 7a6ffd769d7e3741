"""Publish how good the forecasts were: the figures of a back-test as JSON in a row, and its cases as rows."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from functools import cached_property

import numpy as np
from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from analytics.forecast.accuracy import Cases, measured, ranks, reliability, top, worst
from analytics.forecast.backtest import BackTest, backtest, lead_times
from analytics.forecast.forecasting import TARGETS
from analytics.forecast.load import acted_between
from analytics.forecast.program import Bools, Program
from analytics.forecast.store import THOUSANDTHS
from analytics.forecast.target import Target
from analytics.models import HORIZON, TOPS, ForecastAccuracy, ForecastCase, ForecastModel
from customers.audit import trail
from customers.core.limits import FETCH_SIZE
from customers.core.sql import copy_rows, table_of
from customers.text.say import english

_COLUMNS = ("target", "date", "customer_id", "probability", "came_true", "acted", "rank", "lead_days")
_NONE = -1 << 15
"""What stands in an array for a value that there is not."""


@dataclass(frozen=True)
class _Tested:
    """A target's back-test, and what is found out of its population."""

    program: Program
    target: Target
    result: BackTest

    @cached_property
    def acted(self) -> Bools:
        """About whom in the population somebody acted in the days that the forecast is about."""
        who, when = self.result.population.who, self.result.population.when
        return acted_between(self.program, who, when, when + HORIZON)

    @cached_property
    def leads(self) -> dict[int, int]:
        """The lead of each silence that was called, by the place of one of the cases."""
        return lead_times(self.program, self.result.cases) if self.target.name == "quiet" else {}


def publish_accuracy(program: Program, through: date) -> list[ForecastAccuracy]:
    """Back-test each forecast on what is known through a date, and store what was found with all cases."""
    tested = [_Tested(program, target, backtest(program, target, through)) for target in TARGETS]
    made = [_accuracy(one, through) for one in tested]
    with transaction.atomic():
        ForecastAccuracy.objects.bulk_create(made)
        before = ForecastCase.objects.all()
        before._raw_delete(before.db)
        for one in tested:
            copy_rows(table_of(ForecastCase), _COLUMNS, _rows(one))
        trail.record(
            trail.Action.COMMAND, english("forecast accuracy"), detail=english(f"back-tested through {through}")
        )
    return made


def is_due() -> bool:
    """Return whether a model was fitted since the newest back-test, or that one kept no cases."""
    fitted = ForecastModel.objects.aggregate(newest=Max("fitted_at"))["newest"]
    tested = ForecastAccuracy.objects.aggregate(newest=Max("made_at"))["newest"]
    return fitted is not None and (tested is None or tested < fitted or not ForecastCase.objects.exists())


def _accuracy(tested: _Tested, through: date) -> ForecastAccuracy:
    result, cases = tested.result, tested.result.cases
    return ForecastAccuracy(
        target=tested.target.name,
        through=through,
        made_at=timezone.now(),
        first=result.first,
        last=result.last,
        months=result.months,
        cases=len(cases),
        customers=len(np.unique(cases.who)),
        came_true=int(cases.came_true.sum()),
        figures=_figures(tested) if len(cases) else {},
        misses=[_miss(tested.program, cases, place) for place in worst(cases).tolist()],
    )


def _figures(tested: _Tested) -> Mapping[str, object]:
    cases, leads = tested.result.cases, [*tested.leads.values()]
    acted = tested.acted[tested.result.is_forecast]
    return {
        **{name: asdict(figure) for name, figure in measured(cases).items() if figure.is_known},
        "tops": [asdict(top(cases, size)) for size in TOPS],
        "reliability": reliability(cases),
        "silences_called": len(leads),
        "median_lead": float(np.median(leads)) if leads else None,
        "acted": _part(cases.part(acted)),
        "not_acted": _part(cases.part(~acted)),
    }


def _part(cases: Cases) -> dict[str, object]:
    """Return of some cases how many came true, and how many were to come true by their forecasts."""
    return {
        "cases": len(cases),
        "came_true": int(cases.came_true.sum()),
        "expected": round(float(cases.probability.sum()), 1),
    }


def _miss(program: Program, cases: Cases, place: int) -> dict[str, object]:
    return {
        "customer": program.keys[int(cases.who[place])],
        "date": date.fromordinal(int(cases.when[place])).isoformat(),
        "percent": int(cases.probability[place] * 100 + 0.5),
        "came_true": bool(cases.came_true[place]),
    }


def _rows(tested: _Tested) -> Iterator[tuple[object, ...]]:
    """Yield a row for everybody in the population of each month's end."""
    population, places = tested.result.population, np.flatnonzero(tested.result.is_forecast)
    probability, rank, lead = (np.full(len(population), _NONE) for _column in range(3))
    probability[places] = population.probability[places] * THOUSANDTHS + 0.5
    found = ranks(tested.result.cases)
    rank[places] = np.where(found <= TOPS[-1], found, _NONE)
    lead[places[[*tested.leads]]] = [*tested.leads.values()]
    columns = (population.who, population.when, probability, population.came_true, tested.acted, rank, lead)
    days = {day: date.fromordinal(day).isoformat() for day in np.unique(population.when).tolist()}
    # Some at a time: as objects of Python they take many times the room.
    for begin in range(0, len(population), FETCH_SIZE):
        some = [column[begin : begin + FETCH_SIZE].tolist() for column in columns]
        for who, when, said, came_true, acted, *others in zip(*some, strict=True):
            known = (None if value == _NONE else value for value in others)
            said = None if said == _NONE else said
            yield (tested.target.name, days[when], tested.program.keys[who], said, came_true, acted, *known)

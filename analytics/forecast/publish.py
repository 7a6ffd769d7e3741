"""Publish how good the forecasts were: the figures of a back-test, as JSON in a row."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import date

import numpy as np
from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from analytics.forecast.accuracy import TOPS, Cases, measured, reliability, top, worst
from analytics.forecast.backtest import backtest, lead_times
from analytics.forecast.forecasting import TARGETS
from analytics.forecast.load import acted_between
from analytics.forecast.program import Program
from analytics.forecast.target import Target
from analytics.models import HORIZON, ForecastAccuracy, ForecastModel
from customers.audit import trail


def publish_accuracy(program: Program, through: date) -> list[ForecastAccuracy]:
    """Back-test each forecast on what is known through a date, and store what was found."""
    with transaction.atomic():
        made = [_accuracy(program, target, through) for target in TARGETS]
        ForecastAccuracy.objects.bulk_create(made)
        trail.record(trail.Action.COMMAND, "forecast accuracy", detail=f"back-tested through {through}")
    return made


def is_due() -> bool:
    """Return whether a model was fitted since the newest back-test."""
    fitted = ForecastModel.objects.aggregate(newest=Max("fitted_at"))["newest"]
    tested = ForecastAccuracy.objects.aggregate(newest=Max("made_at"))["newest"]
    return fitted is not None and (tested is None or tested < fitted)


def _accuracy(program: Program, target: Target, through: date) -> ForecastAccuracy:
    tested = backtest(program, target, through)
    cases = tested.cases
    return ForecastAccuracy(
        target=target.name,
        through=through,
        made_at=timezone.now(),
        first=tested.first,
        last=tested.last,
        months=tested.months,
        cases=len(cases),
        customers=len(np.unique(cases.who)),
        came_true=int(cases.came_true.sum()),
        figures=_figures(program, target, cases) if len(cases) else {},
        misses=[_miss(program, cases, place) for place in worst(cases).tolist()],
    )


def _figures(program: Program, target: Target, cases: Cases) -> Mapping[str, object]:
    acted = acted_between(program, cases.who, cases.when, cases.when + HORIZON)
    leads = lead_times(program, cases) if target.name == "quiet" else np.empty(0)
    return {
        **{name: asdict(figure) for name, figure in measured(cases).items() if figure.is_known},
        "tops": [asdict(top(cases, size)) for size in TOPS],
        "reliability": reliability(cases),
        "silences_called": len(leads),
        "median_lead": float(np.median(leads)) if len(leads) else None,
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

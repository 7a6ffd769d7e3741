"""Store a date's forecasts, which are never changed, tell who crossed the threshold, and compare in time."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from itertools import groupby
from operator import itemgetter

import numpy as np
from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from analytics.forecast.bands import BANDS, LIKELY, band_of, shown_percent
from analytics.forecast.forecasting import TARGETS, Forecaster, Forecasts
from analytics.forecast.program import Program
from analytics.forecast.target import Target
from analytics.models import HORIZON, EventKind, Forecast, ForecastDay
from analytics.scoring.signals import health_stored
from analytics.webhook_events.announce import Told, Value, announce, listened
from customers.audit import trail
from customers.core.limits import FETCH_SIZE
from customers.core.sql import copy_rows, table_of
from customers.models import Customer
from customers.text.say import english

THOUSANDTHS = 1_000
_NOTHING = (None, None)
_TARGET_NAMES = tuple(target.name for target in TARGETS)


def store_day(forecaster: Forecaster, day: date, newest: date) -> list[ForecastDay]:
    """Forecast a date and store it, all or nothing; ``newest`` is the data date. Empty where it is stored already."""
    if ForecastDay.objects.filter(date=day).exists():
        return []
    with transaction.atomic():
        made = list(forecaster.forecast(day))
        days = [_sums(one, day, backfilled=day < newest) for one in made]
        ForecastDay.objects.bulk_create(days)
        columns = [name for target in TARGETS for name in (target.name, f"{target.name}_features")]
        copy_rows(table_of(Forecast), ["date", "customer_id", *columns], _rows(made, day))
        tell_crossed(day)
        health_stored.send(sender=Forecast, day=day, customers=None)
        said = ", ".join(f"{one.target.name}: {len(one.keys)}" for one in made)
        trail.record(trail.Action.COMMAND, "forecast", detail=f"{day}: {said}")
    return days


def _sums(made: Forecasts, day: date, *, backfilled: bool) -> ForecastDay:
    counts = Counter(band_of(_thousandths(one)) for one in made.probabilities)
    return ForecastDay(
        date=day,
        target=made.target.name,
        model=made.model,
        made_at=timezone.now(),
        backfilled=backfilled,
        customers=made.evidence.customers,
        rarer=made.evidence.rarer,
        enough_about=made.evidence.enough_about,
        **{band.name: counts[band] for band in BANDS},
    )


def _rows(made: Iterable[Forecasts], day: date) -> Iterator[tuple[object, ...]]:
    """Yield a row for each customer about whom anything is forecast."""
    of_targets = [
        {
            key: (_thousandths(probability), json.dumps(features))
            for key, features, probability in zip(one.keys, one.features, one.probabilities, strict=True)
        }
        for one in made
    ]
    for key in sorted(set().union(*of_targets)):
        values = [value for of_target in of_targets for value in of_target.get(key, _NOTHING)]
        yield (day.isoformat(), key, *values)


def _thousandths(probability: float) -> int:
    return int(probability * THOUSANDTHS + 0.5)


def tell_crossed(day: date) -> None:
    """Announce who crossed the threshold on a date that was just stored, compared with the one before.

    The first date tells nothing, and nor does one that is older than another.
    """
    if listened(EventKind.FORECAST_CROSSED):
        before = ForecastDay.objects.exclude(date=day).aggregate(newest=Max("date"))["newest"]
        if before and before < day:
            announce(_crossed(before, day))


def _crossed(before: date, day: date) -> Iterator[Told]:
    """Yield a customer's crossings; who has no forecast on a date is not likely, and pages show none of the others."""
    shown = Forecast.objects.filter(date__in=(before, day)).exclude(
        customer__status__in=sorted(Customer.Status.over())
    )
    rows = shown.order_by("customer_id").values_list("customer_id", "date", *_TARGET_NAMES)
    for customer, theirs in groupby(rows.iterator(chunk_size=FETCH_SIZE), itemgetter(0)):
        said = {on: values for _customer, on, *values in theirs}
        for name, old, new in zip(_TARGET_NAMES, said.get(before, _NOTHING), said.get(day, _NOTHING), strict=True):
            likely = new in LIKELY
            if likely != (old in LIKELY):
                more: dict[str, Value] = {"forecast": name, "likely": likely}
                yield Told(EventKind.FORECAST_CROSSED, shown_percent(old), shown_percent(new), customer, day, more)


def compare_outcomes(program: Program, through: date) -> int:
    """Compare each stored date with what happened, once all of its days are known; return how many were compared."""
    due = ForecastDay.objects.filter(
        compared_at=None, model__isnull=False, date__lte=through - timedelta(days=HORIZON)
    )
    places = {key: place for place, key in enumerate(program.keys)}
    targets = {target.name: target for target in TARGETS}
    for day in due:
        _compare(day, targets[day.target], program, places)
    return len(due)


def _compare(day: ForecastDay, target: Target, program: Program, places: dict[str, int]) -> None:
    stored = Forecast.objects.filter(date=day.date).exclude(**{target.name: None})
    forecasts = [(places[key], said) for key, said in stored.values_list("customer_id", target.name) if key in places]
    who = np.fromiter((place for place, _said in forecasts), np.int64, len(forecasts))
    came_true = target.came_true(program, who, np.full(len(who), day.date.toordinal())).tolist()
    counts: Counter[str] = Counter()
    day.squared_error = 0
    for (_place, said), true in zip(forecasts, came_true, strict=True):
        counts[band_of(said).name] += true
        day.squared_error += (said / THOUSANDTHS - true) ** 2
    for band in BANDS:
        setattr(day, f"{band.name}_true", counts[band.name])
    day.compared = len(forecasts)
    day.compared_at = timezone.now()
    with transaction.atomic():
        day.save()
        detail = english(f"{day.date}: {day.target} compared with what happened")
        trail.record(trail.Action.COMMAND, "forecast", detail=detail)

"""How the families of metrics are written that are read when somebody asks for them."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TypeVar

from django.db.models import Model, QuerySet
from prometheus_client.metrics_core import GaugeMetricFamily

Labels = TypeVar("Labels", bound=tuple[str, ...])
"""The values of labels, in their order."""
Rows = TypeVar("Rows", bound=Model)
Values = dict[tuple[str, ...], float]


def gauge(name: str, what: str, *labels: str, of: Mapping[Labels, float]) -> GaugeMetricFamily:
    """Return numbers that may rise and fall."""
    family = GaugeMetricFamily(name, what, labels=labels)
    for key, value in of.items():
        family.add_metric(key, value)
    return family


def single(name: str, what: str, value: float | None) -> GaugeMetricFamily:
    """Return one number; nothing of it where it is not known."""
    found: Values = {} if value is None else {(): value}
    return gauge(name, what, of=found)


def moment(name: str, what: str, at: datetime | None) -> GaugeMetricFamily:
    """Return a moment, as seconds since 1970."""
    return single(name, what, at.timestamp() if at else None)


def as_indexed(rows: QuerySet[Rows], condition: str) -> QuerySet[Rows]:
    """Narrow rows to those of a partial index, by its own words: SQLite compares no parameters with them."""
    return rows.extra(where=[condition])  # noqa: S610 - no value in it


def one_of(states: Iterable[str], *, now: str, of: tuple[str, ...] = ()) -> Values:
    """Return 1 for the state that holds now and 0 for every other one."""
    return {(*of, state): float(state == now) for state in states}

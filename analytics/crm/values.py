"""What of a customer can be pushed, as text: ``PushedValue`` names each, and ``_VALUES`` says what it is."""

import hashlib
import json
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import date
from typing import NamedTuple

from django.db.models import Count

from analytics.forecast.bands import shown_percent
from analytics.mail.compose import customer_address
from analytics.models import Alert, Destination, FieldMode, PushedValue, Snapshot
from customers.core.limits import FETCH_SIZE
from customers.text.say import in_english

Values = Mapping[str, str]
"""Texts by the names of the fields there; '' empties a field."""


class Customer(NamedTuple):
    """A customer on a date: the snapshot, and how many alerts are open."""

    snapshot: Snapshot
    alerts: int


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _owner(one: Customer) -> str:
    care = getattr(one.snapshot.customer, "care", None)
    return care.owner_name if care else ""


_VALUES: dict[PushedValue, Callable[[Customer], str]] = {
    PushedValue.SCORE: lambda one: str(one.snapshot.score),
    PushedValue.STATUS: lambda one: one.snapshot.get_status_display(),
    PushedValue.TREND: lambda one: one.snapshot.get_trend_display(),
    PushedValue.STAGE: lambda one: one.snapshot.get_stage_display(),
    PushedValue.PROGRESS: lambda one: str(one.snapshot.onboarding_percent),
    PushedValue.LAST_ACTIVE: lambda one: _text(one.snapshot.last_active),
    PushedValue.FORECAST_QUIET: lambda one: _text(shown_percent(one.snapshot.forecast_quiet)),
    PushedValue.FORECAST_FIRST_PR: lambda one: _text(shown_percent(one.snapshot.forecast_first_pr)),
    PushedValue.OWNER: _owner,
    PushedValue.BLOCKER: lambda one: one.snapshot.blocker_type if one.snapshot.blocked else "",
    PushedValue.ALERTS: lambda one: str(one.alerts),
    PushedValue.LINK: lambda one: customer_address(one.snapshot.customer_id),
}


def pushable_customers(day: date, only: Collection[str] | None = None) -> Iterator[Customer]:
    """Yield the customers of a scored date in the order of their keys, or ``only`` some of them."""
    opened = Alert.objects.open().exclude(customer=None).order_by()
    alerts = dict(opened.values_list("customer").annotate(number=Count("pk")))
    snapshots = Snapshot.objects.on(day).with_forecasts().order_by("customer_id")
    if only is not None:
        snapshots = snapshots.filter(customer__in=only)
    for snapshot in snapshots.iterator(chunk_size=FETCH_SIZE):
        yield Customer(snapshot, alerts.get(snapshot.customer_id, 0))


class Fields:
    """The fields of a destination, by their modes."""

    def __init__(self, destination: Destination) -> None:
        self._named = [(PushedValue(value), field) for value, field in destination.fields.items()]
        self.overwritten = self._in(FieldMode.OVERWRITE)
        self.filled_new = self._in(FieldMode.FILL_NEW)
        self.filled_empty = self._in(FieldMode.FILL_EMPTY)
        self.filled = self.filled_new | self.filled_empty

    def _in(self, mode: FieldMode) -> frozenset[str]:
        return frozenset(field["name"] for _value, field in self._named if field["mode"] == mode)

    def values_of(self, one: Customer) -> dict[str, str]:
        """Return what each field there is to have, in English whoever pushes."""
        with in_english():
            return {field["name"]: _VALUES[value](one) for value, field in self._named}

    def content_hash(self, values: Values) -> str:
        """Return the SHA-256 of what the overwritten fields have, by which a customer is known to be unchanged."""
        content = [[name, values.get(name, "")] for name in sorted(self.overwritten)]
        return hashlib.sha256(json.dumps(content, ensure_ascii=False).encode()).hexdigest()


def settings_hash(destination: Destination) -> str:
    """Return the SHA-256 of what decides about a push: one that was begun with another is not resumed."""
    settings = [destination.kind, destination.variables, destination.match_key, destination.fields]
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()

"""Which numbers of a policy differ from those of another one."""

from typing import NamedTuple

from analytics.models import ScoringPolicy
from customers.audit import trail


class ChangedNumber(NamedTuple):
    """A number by its label, and both values."""

    label: str
    before: object
    after: object


def changed_numbers(before: ScoringPolicy, after: ScoringPolicy) -> list[ChangedNumber]:
    """Return the numbers that differ, in the order of the form."""
    was, now = before.numbers, after.numbers
    return [ChangedNumber(_label(name), was[name], now[name]) for name in now if was[name] != now[name]]


def _label(name: str) -> str:
    label = str(trail.field_of(ScoringPolicy, name).verbose_name)
    return label[:1].upper() + label[1:]

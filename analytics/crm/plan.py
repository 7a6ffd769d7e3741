"""What a push would do: each customer of a scored date beside what was last pushed."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from django.utils.translation import gettext_lazy as _

from analytics.crm.values import Fields, pushable_customers
from analytics.models import Destination, PortfolioDay, Push, PushedCustomer, PushRow
from customers.core.limits import FETCH_SIZE
from customers.text.choices import SpokenChoices

Pushed = Mapping[str, str | None]
"""Texts by the names of the fields there. None: the field is left as it is."""


class Fate(SpokenChoices):
    """What a push would do with a customer; one that was refused last time is tried again."""

    NEW = "new", _("New")
    CHANGED = "changed", _("Changed")
    UNCHANGED = "unchanged", _("Unchanged")
    REFUSED = "refused", _("Refused last time")
    HELD_BACK = "held_back", _("Held back")


class _Known(NamedTuple):
    """What is known to be there of a customer."""

    customer: str
    content_hash: str
    values: dict[str, str]
    filled: list[str]


_NOTHING = _Known("", "", {}, [])


@dataclass(frozen=True)
class PlannedRow:
    """A customer, what is to become of it, and the fields that are sent; ``words`` are those of the last refusal."""

    customer: str
    name: str
    fate: Fate
    kind: PushRow.Kind
    before: Pushed
    after: Pushed
    words: str = ""

    @property
    def is_sent(self) -> bool:
        """Return whether a push sends it."""
        return self.fate in {Fate.NEW, Fate.CHANGED, Fate.REFUSED}


def plan_rows(
    destination: Destination, portfolio: PortfolioDay, *, everything: bool = False, only: Collection[str] | None = None
) -> Iterator[PlannedRow]:
    """Yield every customer of a scored date, or ``only`` some, in the order of the keys.

    With ``everything`` the unchanged are sent again.
    """
    fields, refusals, known = Fields(destination), _last_refusals(destination), _Merged(destination)
    for one in pushable_customers(portfolio.date, only):
        key, there = one.snapshot.customer_id, known.at(one.snapshot.customer_id)
        care = getattr(one.snapshot.customer, "care", None)
        values = fields.values_of(one)
        after = _to_send(fields, there, values, everything=everything)
        kind = PushRow.Kind.CHANGED if there else PushRow.Kind.NEW
        fate, words = Fate(kind), ""
        if care and care.do_not_sync:
            fate, after = Fate.HELD_BACK, {}
        elif not after:
            fate = Fate.UNCHANGED
        elif key in refusals and refusals[key][0] == after:
            fate, words = Fate.REFUSED, refusals[key][1]
        had = (there or _NOTHING).values
        before = {name: had.get(name, "") for name in after}
        yield PlannedRow(key, one.snapshot.customer.organization, fate, kind, before, after, words)


def counted_fates(rows: Iterator[PlannedRow]) -> Counter[Fate]:
    """Count the rows by what becomes of them."""
    return Counter(row.fate for row in rows)


def _to_send(fields: Fields, there: _Known | None, values: dict[str, str], *, everything: bool) -> dict[str, str]:
    """Return the fields to send: those that are overwritten as soon as one differs, others while they lack a value."""
    had = there or _NOTHING
    filled = fields.filled_empty if there else fields.filled
    sent = {name for name in filled if values[name] and name not in had.filled}
    if sent or everything or had.content_hash != fields.content_hash(values):
        sent |= fields.overwritten
    return {name: values[name] for name in sorted(sent)}


class _Merged:
    """What is known to be there, read side by side with the customers of a date, both in the order of their keys."""

    def __init__(self, destination: Destination) -> None:
        rows = PushedCustomer.objects.filter(destination=destination).order_by("customer_id")
        columns = rows.values_list("customer_id", "content_hash", "values", "filled")
        self._rows = map(_Known._make, columns.iterator(chunk_size=FETCH_SIZE))
        self._next = next(self._rows, None)

    def at(self, customer: str) -> _Known | None:
        """Return what is known of a customer, who comes after the one that was asked for before."""
        while self._next and self._next.customer < customer:
            self._next = next(self._rows, None)
        return self._next if self._next and self._next.customer == customer else None


def _last_refusals(destination: Destination) -> dict[str, tuple[dict[str, str], str]]:
    """Return what the newest finished push was refused, with the words, by customer."""
    newest = destination.pushes.filter(undoes=None).exclude(state=Push.State.UNFINISHED).first()
    refused = PushRow.objects.filter(push=newest, state=PushRow.State.REFUSED) if newest else PushRow.objects.none()
    return {customer: (after, words) for customer, after, words in refused.values_list("customer", "after", "words")}

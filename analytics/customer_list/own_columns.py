"""The columns that a person has kept as their own: which, in which order, and how wide."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db import transaction
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from analytics.customer_list.columns import TABLE_COLUMNS
from analytics.customer_list.list_column import Shown
from analytics.models import Preferences
from customers.text.numbers import number_or_none

NAME = "customer"
WIDTHS = {90: _("Narrow"), 140: _("Medium"), 220: _("Wide"), 320: _("Very wide")}
"""How wide a column may be, in pixels; any other is as wide as its cells. ``table.css`` has a class for each."""
UP, DOWN = "up", "down"


@dataclass(frozen=True)
class OwnColumns:
    """The names of a person's columns in their order, none for the standard ones; and those that have a width.

    The customer's name, always the first column, has a width alone.
    """

    names: tuple[str, ...] = ()
    widths: tuple[tuple[str, int], ...] = ()


def known_columns(names: Iterable[str]) -> tuple[str, ...]:
    """Return those names that are columns which somebody may show or hide, each once, in the order given."""
    return tuple(
        name for name in dict.fromkeys(names) if name in TABLE_COLUMNS and TABLE_COLUMNS[name].shown != Shown.ALWAYS
    )


def own_columns(user: User) -> OwnColumns:
    """Return the columns that a user has kept. No query for a request's user."""
    kept = Preferences.of(user).columns
    widths = tuple((one["name"], one["width"]) for one in kept if one.get("width") in WIDTHS)
    return OwnColumns(known_columns(one["name"] for one in kept), widths)


def sent_columns(sent: QueryDict) -> OwnColumns:
    """Return what a form asks for: the ``columns`` in order, one of them moved by a button, and each ``width_…``."""
    names = list(known_columns(sent.getlist("columns")))
    for button, places in ((UP, -1), (DOWN, 1)):
        name = sent.get(button, "")
        if name in names:
            place = names.index(name) + places
            names.remove(name)
            names.insert(max(place, 0), name)
    widths = ((name, number_or_none(sent.get(f"width_{name}", ""))) for name in (NAME, *names))
    return OwnColumns(tuple(names), tuple((name, width) for name, width in widths if width in WIDTHS))


def keep_columns(user: User, own: OwnColumns) -> None:
    """Keep a user's columns; go back to the standard ones where there are none."""
    widths = dict(own.widths)
    names = (NAME, *own.names) if NAME in widths else own.names
    with transaction.atomic():
        Preferences.objects.get_or_create(user=user)
        mine = Preferences.objects.select_for_update().get(user=user)
        kept = [{"name": name, "width": widths[name]} if name in widths else {"name": name} for name in names]
        mine.columns = kept if own.names else []
        mine.save(update_fields=["columns"])

"""The columns that a person has kept as their own: the table shows them where its address names none."""

from collections.abc import Iterable

from django.contrib.auth.models import User
from django.db import transaction

from analytics.customer_list.columns import TABLE_COLUMNS
from analytics.customer_list.list_column import Shown
from analytics.models import Preferences


def known_columns(names: Iterable[str]) -> tuple[str, ...]:
    """Return the names of columns that somebody may show or hide, in the table's order; others are left out."""
    asked = set(names)
    return tuple(one.name for one in TABLE_COLUMNS.values() if one.name in asked and one.shown != Shown.ALWAYS)


def own_columns(user: User) -> tuple[str, ...]:
    """Return the columns that a user has kept; none where the usual ones do. No query for a request's user."""
    return known_columns(one["name"] for one in Preferences.of(user).columns)


def keep_columns(user: User, names: Iterable[str]) -> bool:
    """Keep a user's columns, or go back to the usual ones where none is named; return whether any are kept."""
    kept = known_columns(names)
    with transaction.atomic():
        Preferences.objects.get_or_create(user=user)
        mine = Preferences.objects.select_for_update().get(user=user)
        mine.columns = [{"name": name} for name in kept]
        mine.save(update_fields=["columns"])
    return bool(kept)

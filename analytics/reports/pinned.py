"""The reports that a person has pinned: tabs over the customer table, in the person's own order."""

from collections.abc import Callable

from django.contrib.auth.models import User
from django.db import transaction

from analytics.models import Preferences, Report
from analytics.page_cache import page_cache
from analytics.page_cache.version import StateVersion

MAX_PINNED = 12


class PinnedKey(page_cache.StateKey):
    """Of the reports that a user has pinned and may see."""

    user: int
    pinned: tuple[int, ...]


def pinned_reports(user: User, version: StateVersion) -> list[tuple[int, str]]:
    """Return the key and the name of each report that a user has pinned and may see, in the user's order."""
    keys = tuple(Preferences.of(user).pinned_reports)
    if not keys or not user.has_perm("analytics.view_report"):
        return []
    return page_cache.get_or_set(PinnedKey(version=version, user=user.pk, pinned=keys), lambda: _named(user, keys))


def pin(user: User, report: Report) -> bool:
    """Give a user's tabs one more at their end; False where there are ``MAX_PINNED`` already."""
    pinned = _change(user, lambda keys: keys if report.pk in keys else [*keys, report.pk][:MAX_PINNED])
    return report.pk in pinned


def unpin(user: User, report: Report) -> None:
    """Take a report away from a user's tabs."""
    _change(user, lambda keys: [key for key in keys if key != report.pk])


def move(user: User, report: Report, places: int) -> None:
    """Move a report among a user's tabs, to the right where ``places`` is above 0; never beyond the ends."""

    def moved(keys: list[int]) -> list[int]:
        if report.pk not in keys:
            return keys
        others = [key for key in keys if key != report.pk]
        others.insert(max(keys.index(report.pk) + places, 0), report.pk)
        return others

    _change(user, moved)


def _named(user: User, keys: tuple[int, ...]) -> list[tuple[int, str]]:
    names = dict(Report.objects.visible_to(user).filter(pk__in=keys).values_list("pk", "name"))
    return [(key, names[key]) for key in keys if key in names]


def _change(user: User, change: Callable[[list[int]], list[int]]) -> list[int]:
    """Store what ``change`` makes of the pinned reports, without those that are gone or hidden by now."""
    with transaction.atomic():
        Preferences.objects.get_or_create(user=user)
        mine = Preferences.objects.select_for_update().get(user=user)
        seen = [key for key, _name in _named(user, tuple(mine.pinned_reports))]
        mine.pinned_reports = change(seen)
        mine.save(update_fields=["pinned_reports"])
    return list(mine.pinned_reports)

"""Where each number of a customer's page comes from: the rows behind it, and a row's run, file and line."""

from dataclasses import dataclass
from datetime import date, timedelta

from django.contrib.admin.utils import quote
from django.urls import reverse
from django.utils.translation import gettext

from analytics.models import Snapshot
from analytics.page_cache import page_cache
from analytics.page_cache.version import DataVersion
from analytics.scoring.components import RowsBehind
from customers.models import Customer, Engagement, FeedName, ImportRun, LoadedRow, Onboarding
from customers.runs.page import rows_address


@dataclass(frozen=True)
class Origin:
    """The line of a file that says what a row says; ``run`` is None where that one is not known."""

    label: str
    row: LoadedRow
    run: ImportRun | None

    @property
    def address(self) -> str:
        """The row's page in the admin."""
        return reverse(f"admin:customers_{self.row._meta.model_name}_change", args=[quote(self.row.pk)])


class RunsKey(page_cache.DataKey):
    """Of some import runs."""

    keys: tuple[int, ...]


def origins(customer: Customer, onboarding: Onboarding | None, version: DataVersion) -> list[Origin]:
    """Where a customer's own fields, and those of the onboarding, come from; one query, whose answer is kept."""
    rows: list[tuple[str, LoadedRow]] = [(gettext("Details"), customer)]
    if onboarding:
        rows.append((gettext("Onboarding"), onboarding))
    keys = tuple(sorted({row.run_id for _label, row in rows if row.run_id}))
    known = page_cache.get_or_set(RunsKey(version=version, keys=keys), lambda: ImportRun.objects.in_bulk(keys))
    return [Origin(label, row, known.get(row.run_id)) for label, row in rows]


def rows_behind(snapshot: Snapshot) -> dict[str, str]:
    """Return, by counter, feed or ``trend``, the address of the rows that it was computed from."""
    return {
        **{name: _rows(snapshot, FeedName.ENGAGEMENT, **{f"{name}__gt": 0}) for name in Engagement.COUNTERS},
        **{feed.value: _rows(snapshot, feed) for feed in (FeedName.ENGAGEMENT, FeedName.FEEDBACK, FeedName.EVENTS)},
        "trend": _rows(snapshot, FeedName.ENGAGEMENT, 2 * snapshot.policy.trend_days),
    }


def rows_of_day(customer: Customer, day: date) -> str:
    """Return the address of a customer's engagement on a day."""
    return rows_address(FeedName.ENGAGEMENT, customer__id__exact=customer.pk, date__gte=day, date__lte=day)


def component_rows(snapshot: Snapshot, behind: RowsBehind) -> str:
    """Return the address of the rows that a component of the score was computed from."""
    if behind.days is None:
        return rows_address(behind.feed, customer__id__exact=snapshot.customer_id, **behind.lookups)
    return _rows(snapshot, behind.feed, behind.days, **behind.lookups)


def _rows(snapshot: Snapshot, feed: FeedName, days: int | None = None, **lookups: object) -> str:
    """Return the customer's rows up to the scored date, of the last ``days`` where these are given."""
    start = {"date__gte": snapshot.date - timedelta(days=days - 1)} if days else {}
    return rows_address(feed, customer__id__exact=snapshot.customer_id, **start, date__lte=snapshot.date, **lookups)

"""The preview of a push: the counts, and a page of the customers of one fate with what would be sent."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from django.core.paginator import Page, Paginator

from analytics.crm.plan import Fate, PlannedRow, plan_rows
from analytics.models import Destination, FieldChange, PortfolioDay
from analytics.page_cache import page_cache
from analytics.page_cache.version import StateVersion
from analytics.wording import counted

ROWS_PER_PAGE = 50


class FatesKey(page_cache.StateKey):
    """Of what a push would do with each customer: pushes, scorings and edits all write to the audit."""

    destination: int
    day: date


@dataclass(frozen=True)
class PreviewRow:
    """A customer of the preview."""

    planned: PlannedRow
    changes: Sequence[FieldChange]


@dataclass(frozen=True)
class PushPreview:
    """What the page shows: how many have which fate, the chosen one, and a page of its customers."""

    counts: Mapping[Fate, int]
    erased: int
    chosen: Fate | None
    page: Page[str]
    rows: Sequence[PreviewRow]

    @property
    def total(self) -> int:
        """Return how many customers there are, the erased among them."""
        return sum(self.counts.values()) + self.erased

    @property
    def total_in_words(self) -> str:
        """Return the total with its noun."""
        return counted(self.total, "customer")

    @property
    def to_send(self) -> int:
        """Return how many would be sent."""
        return sum(self.counts[fate] for fate in (Fate.NEW, Fate.CHANGED, Fate.REFUSED))

    @property
    def choices(self) -> list[tuple[Fate, int]]:
        """Return each fate with its number."""
        return [(fate, self.counts[fate]) for fate in Fate]


def preview_push(
    destination: Destination, portfolio: PortfolioDay, version: StateVersion, *, asked: str, page: str
) -> PushPreview:
    """Return a page of the preview: of whom something becomes, unless one fate is ``asked`` for."""
    key = FatesKey(version=version, destination=destination.pk, day=portfolio.date)
    fates = page_cache.get_or_set(key, lambda: [(row.customer, row.fate) for row in plan_rows(destination, portfolio)])
    counts = Counter(fate for _customer, fate in fates)
    chosen = Fate(asked) if asked in Fate.values else None
    shown = [one for one, fate in fates if (fate == chosen if chosen else fate != Fate.UNCHANGED)]
    part = Paginator(shown, ROWS_PER_PAGE).get_page(page)
    rows = plan_rows(destination, portfolio, only=list(part))
    return PushPreview(
        {fate: counts[fate] for fate in Fate}, portfolio.erased, chosen, part, [_shown(row) for row in rows]
    )


def _shown(row: PlannedRow) -> PreviewRow:
    changes = [
        FieldChange(name, row.before.get(name) or "", after or "")
        for name, after in row.after.items()
        if (row.before.get(name) or "") != after
    ]
    return PreviewRow(row, changes)

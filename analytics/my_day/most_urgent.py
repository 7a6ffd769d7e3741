"""The first of the worklist, as the dashboard shows them."""

from collections.abc import Sequence
from dataclasses import dataclass

from analytics.models import PortfolioDay
from analytics.my_day.items import WorkItem, brief_items
from analytics.my_day.worklist import by_health_alone, worklist
from analytics.page_cache.version import StateVersion
from customers.clock import program_today

MAX_SHOWN = 8


@dataclass(frozen=True)
class MostUrgent:
    """The first items of the worklist, and how many it has in all."""

    items: Sequence[WorkItem]
    total: int

    @property
    def more(self) -> int:
        """How many are not shown."""
        return self.total - len(self.items)


def most_urgent(
    portfolio: PortfolioDay, before: PortfolioDay | None, whose: str | None, version: StateVersion
) -> MostUrgent:
    """Return the first who are to be acted on today; for ``whose`` None as of that date, by their health alone."""
    if whose is None:
        members = by_health_alone(portfolio, before, version.data)
        return MostUrgent(brief_items(portfolio, before, members[:MAX_SHOWN], None, version.data), len(members))
    today = program_today()
    to_do = worklist(portfolio, before, whose, today, version).to_do
    return MostUrgent(brief_items(portfolio, before, to_do[:MAX_SHOWN], today, version.data), len(to_do))

"""Which rows the product's events become: counters by customer and day, and steps by customer."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import ClassVar, NamedTuple

from customers.clock import program_day
from customers.feeds.cell_types import Value
from customers.feeds.declarations import ENGAGEMENT, EVENTS, Feed
from customers.imports.provisional import SAME_BY, provisional_key
from customers.inbox.bodies import Json
from customers.inbox.events import ISSUE_RESOLUTION, PR_MERGED, PR_REJECTED, STEP_OF_TYPE, SUPPORT_REQUEST
from customers.models import Engagement, InboxEvent

State = InboxEvent.State
COLUMNS = ("pk", "position", "event_type", "customer_key", "occurred_at", "metadata")
"""The columns of an event, as ``ReportedEvent`` takes them."""
_COUNTER_OF_TYPE = {
    ISSUE_RESOLUTION: "issues_tagged",
    PR_MERGED: "prs_merged",
    PR_REJECTED: "prs_rejected",
    SUPPORT_REQUEST: "support_requests",
}


class ReportedEvent(NamedTuple):
    """An event of the inbox, as far as it becomes rows."""

    pk: int
    position: int
    event_type: str
    customer: str
    occurred_at: datetime
    metadata: dict[str, Json]

    @property
    def day(self) -> date:
        """The day on which it counts."""
        return program_day(self.occurred_at)


Place = tuple[str, str]
"""A customer, and the day or step that has one provisional row of the customer."""


class ReportedRows(ABC):
    """The provisional rows of a feed, as events change them; a place that a file has is left alone."""

    feed: ClassVar[Feed]
    types: ClassVar[Sequence[str]]

    def __init__(self) -> None:
        self._in_files: set[Place] = set()
        self._rows: dict[Place, list[Value]] = {}
        self._lines: dict[Place, int] = {}

    def look_up(self, events: Sequence[ReportedEvent]) -> None:
        """Read what files, and earlier events, say of the places of some events."""
        places = {self._place(one) for one in events} - self._rows.keys()
        same_by = SAME_BY[self.feed.name]
        rows = self.feed.model._default_manager.filter(
            **{"customer__in": {key for key, _same in places}, f"{same_by}__in": {same for _key, same in places}}
        )
        for provisional, *values in rows.order_by().values_list("provisional", *self.feed.column_names):
            named = dict(zip(self.feed.column_names, values, strict=True))
            place = (named["customer_id"], str(named[same_by]))
            if place not in places:
                continue
            if provisional:
                self._rows[place] = [one.isoformat() if isinstance(one, date) else one for one in values]
            else:
                self._in_files.add(place)

    def add(self, event: ReportedEvent) -> State:
        """Let an event change the row of its place; return what becomes of it."""
        place = self._place(event)
        if place in self._in_files:
            return State.SUPERSEDED
        if place not in self._rows:
            self._rows[place] = self._blank(event)
        if not self._change(self._rows[place], event):
            return State.UNCHANGED
        self._lines.setdefault(place, event.position)
        return State.LOADED

    def alone(self, event: ReportedEvent) -> list[Value]:
        """Return the row that an event would be by itself."""
        row = self._blank(event)
        self._change(row, event)
        return row

    def staged(self) -> Iterator[tuple[Value, ...]]:
        """Yield the changed rows, each with the position of the event that changed it first."""
        for place, position in self._lines.items():
            yield position, *self._rows[place]

    @abstractmethod
    def _place(self, event: ReportedEvent) -> Place: ...

    @abstractmethod
    def _blank(self, event: ReportedEvent) -> list[Value]: ...

    @abstractmethod
    def _change(self, row: list[Value], event: ReportedEvent) -> bool: ...


class CounterRows(ReportedRows):
    """A row of engagement for each customer and day: its counters grow with each event."""

    feed = ENGAGEMENT
    types = tuple(_COUNTER_OF_TYPE)

    def _place(self, event: ReportedEvent) -> Place:
        return event.customer, event.day.isoformat()

    def _blank(self, event: ReportedEvent) -> list[Value]:
        key = provisional_key(*self._place(event))
        return [key, event.customer, event.day.isoformat(), *(0 for _counter in Engagement.COUNTERS)]

    def _change(self, row: list[Value], event: ReportedEvent) -> bool:
        self._count(row, _COUNTER_OF_TYPE[event.event_type])
        if event.event_type == ISSUE_RESOLUTION and event.metadata.get("pr_url"):
            self._count(row, "prs_generated")
        return True

    def _count(self, row: list[Value], counter: str) -> None:
        place = self.feed.column_names.index(counter)
        row[place] = int(row[place] or 0) + 1


class StepRows(ReportedRows):
    """An event for each customer and step: that of the first day on which it was reported."""

    feed = EVENTS
    types = tuple(STEP_OF_TYPE)

    def _place(self, event: ReportedEvent) -> Place:
        return event.customer, STEP_OF_TYPE[event.event_type].value

    def _blank(self, event: ReportedEvent) -> list[Value]:
        customer, step = self._place(event)
        return [provisional_key(customer, step), customer, None, step, ""]

    def _change(self, row: list[Value], event: ReportedEvent) -> bool:
        place, day = self.feed.column_names.index("date"), event.day.isoformat()
        if row[place] is not None and str(row[place]) <= day:
            return False
        row[place] = day
        return True


KINDS: tuple[type[ReportedRows], ...] = (CounterRows, StepRows)

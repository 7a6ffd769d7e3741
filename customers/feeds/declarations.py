"""The five feeds, declared once: columns, types, rules, key. Everything else asks these declarations.

To add a CSV column: add it to the model, to the feed here, and make a migration.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from customers.feeds.cell_types import (
    MAX_FIELD,
    CellType,
    Choice,
    Counter,
    Day,
    Email,
    Key,
    StatusChoice,
    Text,
    Value,
    WholeNumber,
    YesNo,
    too_long,
)
from customers.models import (
    Customer,
    Engagement,
    Event,
    Feedback,
    FeedName,
    LoadedRow,
    Onboarding,
    Step,
)
from customers.text.quoted import quoted
from customers.text.say import english


@dataclass(frozen=True)
class Column:
    """A CSV column, named like the model's field; ``attribute`` is the database's column."""

    name: str
    cell_type: CellType
    required: bool = False

    def parse(self, text: str, today: date) -> Value:
        """Return the stored value of a trimmed cell; raise ``ValueError`` with messages for people."""
        if len(text) > MAX_FIELD:
            raise ValueError(too_long(text, MAX_FIELD))
        if text:
            return self.cell_type.parse(text, today)
        if self.required:
            raise ValueError("is required, but blank")
        return self.cell_type.blank


RowRule = Callable[[dict[str, str]], str | None]


@dataclass(frozen=True)
class Feed:
    """A CSV file and the model that mirrors it.

    ``full``: the file lists everything each night. ``one_row_per_customer``: the model has at most one row for a
    customer, whichever its id. ``row_rules`` look at all cells of a row and return ``column: message`` or None.
    """

    name: FeedName
    model: type[LoadedRow]
    columns: tuple[Column, ...]
    required: bool = True
    full: bool = False
    one_row_per_customer: bool = False
    row_rules: tuple[RowRule, ...] = ()

    @property
    def file_name(self) -> str:
        """Return the file's name in the drop folder."""
        return f"{self.name.value}.csv"

    @property
    def column_names(self) -> list[str]:
        """Return the columns' names, in the order of docs/csv-feeds.md."""
        return [column.name for column in self.columns]

    @property
    def of_customers(self) -> bool:
        """Return whether each row belongs to a customer (all feeds but the customers' own)."""
        return "customer_id" in self.column_names

    def parse(self, cells: Sequence[str], today: date) -> tuple[list[Value], list[str]]:
        """Return the stored values of a row's trimmed cells (ordered as ``columns``), and every reason against it.

        A cell that is not acceptable gives None and a reason ``column: message``.
        """
        values: list[Value] = []
        reasons: list[str] = []
        for column, cell in zip(self.columns, cells, strict=True):
            try:
                values.append(column.parse(cell, today))
            except ValueError as error:
                values.append(None)
                reasons.extend(f"{column.name}: {reason}" for reason in error.args)
        if self.row_rules:
            row = dict(zip(self.column_names, cells, strict=True))
            reasons.extend(reason for rule in self.row_rules if (reason := rule(row)))
        return values, reasons


def _nps_or_csat(row: dict[str, str]) -> str | None:
    if not row["nps"] and not row["csat"]:
        return english("nps: at least one of nps and csat is required")
    return None


_ID = Column("id", Key(), required=True)
_CUSTOMER = Column("customer_id", Key(), required=True)

CUSTOMERS = Feed(
    FeedName.CUSTOMERS,
    Customer,
    (
        _ID,
        Column("email", Email(), required=True),
        Column("organization", Text(200), required=True),
        Column("github_username", Text(39)),
        Column("signup_date", Day(), required=True),
        Column("cohort", Text(100)),
        Column("industry", Text(100)),
        Column("team_size", WholeNumber()),
        Column("status", StatusChoice(Customer.Status, any_case=True)),
    ),
    full=True,
)

ONBOARDING = Feed(
    FeedName.ONBOARDING,
    Onboarding,
    (
        _ID,
        _CUSTOMER,
        *(Column(step.value, YesNo()) for step in Step),
        Column("completed_date", Day()),
        Column("days_to_complete", WholeNumber()),
        Column("blocker_type", Text(100)),
        Column("notes", Text()),
    ),
    full=True,
    one_row_per_customer=True,
)

ENGAGEMENT = Feed(
    FeedName.ENGAGEMENT,
    Engagement,
    (
        _ID,
        _CUSTOMER,
        Column("date", Day(), required=True),
        *(Column(counter, Counter()) for counter in Engagement.COUNTERS),
    ),
)

FEEDBACK = Feed(
    FeedName.FEEDBACK,
    Feedback,
    (
        _ID,
        _CUSTOMER,
        Column("date", Day(not_after_today=False), required=True),
        Column("nps", WholeNumber(0, 10)),
        Column("csat", WholeNumber(1, 5)),
        Column("comment", Text()),
    ),
    required=False,
    row_rules=(_nps_or_csat,),
)

EVENTS = Feed(
    FeedName.EVENTS,
    Event,
    (
        _ID,
        _CUSTOMER,
        Column("date", Day(not_after_today=False), required=True),
        Column("kind", Choice(Event.Kind), required=True),
        Column("detail", Text()),
    ),
    required=False,
)

FEEDS: dict[str, Feed] = {feed.name.value: feed for feed in (CUSTOMERS, ONBOARDING, ENGAGEMENT, FEEDBACK, EVENTS)}


MAX_NAMED = 10
"""So many unknown columns stand in a message."""
REASONS, ORIGINAL, RAW = "reasons", "quarantined_row", "raw_text"
"""The columns of our downloads of quarantined rows alone: reasons, primary key, and text that has no cells."""


@dataclass(frozen=True)
class Header:
    """Where a file keeps the feed's columns: ``order[i]`` is the cell of the feed's column ``i``.

    ``corrections``: the file is a download of quarantined rows, not all that the feed says; ``original`` is then the
    cell that names the row in quarantine, and ``raw`` the one with its text.
    """

    width: int
    order: tuple[int, ...]
    unknown: tuple[str, ...]
    corrections: bool = False
    original: int | None = None
    raw: int | None = None

    def columns(self, feed: Feed) -> list[str]:
        """Return the feed's columns in the order of the file."""
        return [name for _place, name in sorted(zip(self.order, feed.column_names, strict=True))]

    def cells(self, row: Sequence[str]) -> list[str]:
        """Return a row's cells in the order of the feed's columns."""
        return [row[index] for index in self.order]


def _looks_like(feed: Feed, names: Sequence[str]) -> str:
    """Return which other feed a header is of, as the end of a sentence; '' where it is of none."""
    other = next((one for one in FEEDS.values() if one is not feed and set(one.column_names) <= set(names)), None)
    return english(f"; it looks like {other.name.value}") if other else ""


def match_header(feed: Feed, cells: Sequence[str], *, corrections: bool = False) -> Header:
    """Find the feed's columns by name in a header's cells; raises ``ValueError`` where that cannot be done.

    ``corrections``: the file may be a download of quarantined rows, which its columns tell.
    """
    names = [cell.lower() for cell in cells]
    wanted = feed.column_names
    missing = [name for name in wanted if name not in names]
    if len(missing) == len(wanted) or (missing and len(cells) == 1):
        for delimiter, word in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
            parts = {part.strip().strip('"').lower() for part in delimiter.join(names).split(delimiter)}
            if len(parts & set(wanted)) > 1:
                raise ValueError(f"the columns are separated by {word}, not by commas")
    if len(missing) == len(wanted):
        none = english(f"there is no header: the first line names none of the columns {', '.join(wanted)}")
        raise ValueError(f"{none}{_looks_like(feed, names)}")
    if missing:
        strange = [quoted(cell) for cell, name in zip(cells, names, strict=True) if name and name not in wanted]
        looks_like = _looks_like(feed, names)
        more = english(f"; unknown in it: {', '.join(strange[:MAX_NAMED])}") if strange and not looks_like else ""
        raise ValueError(f"the header is missing {', '.join(missing)}{looks_like or more}")
    twice = [name for name in wanted if names.count(name) > 1]
    if twice:
        raise ValueError(f"the header names {', '.join(twice)} more than once")
    corrections = corrections and REASONS in names
    known = {*wanted, REASONS, ORIGINAL, RAW} if corrections else {*wanted}
    unknown = tuple(quoted(cell) for cell, name in zip(cells, names, strict=True) if name not in known)
    original, raw = (names.index(name) if corrections and name in names else None for name in (ORIGINAL, RAW))
    return Header(len(cells), tuple(names.index(name) for name in wanted), unknown, corrections, original, raw)

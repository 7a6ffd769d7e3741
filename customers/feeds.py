"""The five feeds, declared once: columns, types, rules, key. Everything else asks these declarations.

To add a CSV column: add it to the model, to the feed here, and make a migration.
"""

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import models

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

MAX_FIELD = 1_000_000
MAX_WHOLE_NUMBER = 2_147_483_647
FIRST_DATE = date(2000, 1, 1)

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_NUMBER = re.compile(r"[0-9]+")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_TRUE = frozenset({"true", "yes", "1", "t"})
_FALSE = frozenset({"false", "no", "0", "f", ""})

Value = str | int | bool | None


def shown(text: str) -> str:
    """``text`` in quotes, safe for a terminal, a log and a message: cut to 60 characters, controls escaped."""
    cut = text if len(text) <= 60 else f"{text[:57]}..."
    printable = "".join(
        char if char.isprintable() or unicodedata.category(char) == "Zs" else ascii(char)[1:-1] for char in cut
    )
    return f"'{printable}'"


@dataclass(frozen=True)
class Kind:
    """A type of cell: ``parse`` turns trimmed text into what the database stores.

    It raises ``ValueError`` with one argument for each reason against the text.
    """

    blank: ClassVar[Value] = ""

    def parse(self, text: str, today: date) -> Value:
        """The stored value of a text that is not blank; ``today`` is the day of the run."""
        raise NotImplementedError(type(self).__name__)


@dataclass(frozen=True)
class Key(Kind):
    """An id: 1 to 64 ASCII letters, digits, ``.``, ``_``, ``:`` or ``-``, the first a letter or digit."""

    def parse(self, text: str, today: date) -> Value:
        """The id itself."""
        if not _KEY.fullmatch(text):
            raise ValueError(
                f"{shown(text)} is not an id: 1 to 64 ASCII letters, digits, '.', '_', ':' or '-', "
                "the first a letter or digit"
            )
        return text


@dataclass(frozen=True)
class Text(Kind):
    """Free text of at most ``longest`` characters, without control characters other than tab, LF and CR."""

    longest: int = MAX_FIELD

    def parse(self, text: str, today: date) -> Value:
        """The text itself."""
        faults = self.faults(text)
        if faults:
            raise ValueError(*faults)
        return text

    def faults(self, text: str) -> list[str]:
        """Every reason against the text."""
        faults = []
        if len(text) > self.longest:
            faults.append(_too_long(text, self.longest))
        control = _CONTROL.search(text)
        if control:
            faults.append(f"has the control character U+{ord(control[0]):04X}, which is not allowed")
        return faults


@dataclass(frozen=True)
class Email(Text):
    """An e-mail address."""

    longest: int = 254

    def faults(self, text: str) -> list[str]:
        """Every reason against the text."""
        faults = super().faults(text)
        # What is remembered of checked texts must stay small.
        if len(text) <= self.longest and not _is_email(text):
            faults.append(f"{shown(text)} is not an e-mail address")
        return faults


@dataclass(frozen=True)
class Day(Kind):
    """A date ``YYYY-MM-DD`` from 2000-01-01 on, stored as that text."""

    blank: ClassVar[Value] = None
    not_after_today: bool = True

    def parse(self, text: str, today: date) -> Value:
        """The date as ISO text."""
        day = _day(text) if len(text) == len("YYYY-MM-DD") else None
        if day is None:
            raise ValueError(f"{shown(text)} is not a date of the form YYYY-MM-DD")
        if day < FIRST_DATE:
            raise ValueError(f"{text} is before {FIRST_DATE}")
        if self.not_after_today and day > today:
            raise ValueError(f"{text} is after the day of the run, {today}")
        return text


@dataclass(frozen=True)
class WholeNumber(Kind):
    """ASCII digits, from ``least`` to ``most``."""

    blank: ClassVar[Value] = None
    least: int = 0
    most: int = MAX_WHOLE_NUMBER

    def parse(self, text: str, today: date) -> Value:
        """The number."""
        if not _NUMBER.fullmatch(text):
            raise ValueError(f"{shown(text)} is not a whole number (digits only)")
        # int() refuses some thousand digits, even zeros.
        digits = text.lstrip("0") or "0"
        if len(digits) > len(str(self.most)) or not self.least <= int(digits) <= self.most:
            raise ValueError(f"{shown(text)} is not between {self.least} and {self.most}")
        return int(digits)


@dataclass(frozen=True)
class Counter(WholeNumber):
    """A whole number; blank is 0."""

    blank: ClassVar[Value] = 0


@dataclass(frozen=True)
class YesNo(Kind):
    """A boolean; blank is false."""

    blank: ClassVar[Value] = False

    def parse(self, text: str, today: date) -> Value:
        """True or false."""
        word = text.lower()
        if word in _TRUE:
            return True
        if word in _FALSE:
            return False
        raise ValueError(f"{shown(text)} is neither true nor false (true/false, yes/no, 1/0, t/f)")


@dataclass(frozen=True)
class Choice(Kind):
    """One of a model's choices; ``any_case`` takes it in any case."""

    choices: type[models.TextChoices]
    any_case: bool = False

    def parse(self, text: str, today: date) -> Value:
        """The choice's value."""
        word = text.lower() if self.any_case else text
        if word not in self.choices.values:
            raise ValueError(f"{shown(text)} is none of {', '.join(self.choices.values)}")
        return word


@dataclass(frozen=True)
class StatusChoice(Choice):
    """A customer's status; blank is active."""

    blank: ClassVar[Value] = Customer.Status.ACTIVE.value


def _too_long(text: str, longest: int) -> str:
    return f"has {len(text)} characters, at most {longest} are allowed"


@lru_cache(maxsize=20_000)
def _day(text: str) -> date | None:
    if not _DATE.fullmatch(text):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


@lru_cache(maxsize=20_000)
def _is_email(text: str) -> bool:
    try:
        validate_email(text)
    except ValidationError:
        return False
    return True


@dataclass(frozen=True)
class Column:
    """A CSV column, named like the model's field; ``attribute`` is the database's column."""

    name: str
    kind: Kind
    required: bool = False

    def parse(self, text: str, today: date) -> Value:
        """The stored value of a trimmed cell; raises ``ValueError`` with messages for people."""
        if len(text) > MAX_FIELD:
            raise ValueError(_too_long(text, MAX_FIELD))
        if text:
            return self.kind.parse(text, today)
        if self.required:
            raise ValueError("is required, but blank")
        return self.kind.blank


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
        """The file's name in the drop folder."""
        return f"{self.name.value}.csv"

    @property
    def column_names(self) -> list[str]:
        """The columns' names, in the order of csv-feeds.md."""
        return [column.name for column in self.columns]

    @property
    def of_customers(self) -> bool:
        """Whether each row belongs to a customer (all feeds but the customers' own)."""
        return "customer_id" in self.column_names

    def parse(self, cells: Sequence[str], today: date) -> tuple[list[Value], list[str]]:
        """The stored values of a row's trimmed cells (in the order of ``columns``), and every reason against it.

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

    def valid_key(self, cells: Sequence[str], column: str = "id") -> str:
        """The cell of a key column where it is a valid key, else ''."""
        if column not in self.column_names:
            return ""
        cell = cells[self.column_names.index(column)]
        return cell if _KEY.fullmatch(cell) else ""


def _nps_or_csat(row: dict[str, str]) -> str | None:
    if not row["nps"] and not row["csat"]:
        return "nps: at least one of nps and csat is required"
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


@dataclass(frozen=True)
class Header:
    """Where a file keeps the feed's columns: ``order[i]`` is the cell of the feed's column ``i``."""

    width: int
    order: tuple[int, ...]
    unknown: tuple[str, ...]

    def cells(self, row: Sequence[str]) -> list[str]:
        """A row's cells in the order of the feed's columns."""
        return [row[index] for index in self.order]


def match_header(feed: Feed, cells: Sequence[str]) -> Header:
    """Find the feed's columns by name in a header's cells; raises ``ValueError`` where that cannot be done."""
    names = [cell.lower() for cell in cells]
    wanted = feed.column_names
    missing = [name for name in wanted if name not in names]
    if len(missing) == len(wanted) or (missing and len(cells) == 1):
        for delimiter, word in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
            parts = {part.strip().strip('"').lower() for part in delimiter.join(names).split(delimiter)}
            if len(parts & set(wanted)) > 1:
                raise ValueError(f"the columns are separated by {word}, not by commas")
    if len(missing) == len(wanted):
        raise ValueError(f"there is no header: the first line names none of the columns {', '.join(wanted)}")
    if missing:
        raise ValueError(f"the header lacks {', '.join(missing)}")
    twice = [name for name in wanted if names.count(name) > 1]
    if twice:
        raise ValueError(f"the header names {', '.join(twice)} more than once")
    unknown = tuple(shown(cell) for cell, name in zip(cells, names, strict=True) if name not in wanted)
    return Header(len(cells), tuple(names.index(name) for name in wanted), unknown)


def stored(value: Any) -> str:
    """A stored value as a feed's cell, the way ``parse`` reads it back."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)

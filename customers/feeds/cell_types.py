"""The kinds of cells that feeds have: how each is read from text, and written back."""

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import ClassVar

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import models

from customers.models import Customer
from customers.text.quoted import quoted
from customers.text.say import english

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


@dataclass(frozen=True)
class CellType(ABC):
    """A type of cell: ``parse`` turns trimmed text into what the database stores.

    It raises ``ValueError`` with one argument for each reason against the text.
    """

    blank: ClassVar[Value] = ""

    @abstractmethod
    def parse(self, text: str, today: date) -> Value:
        """Return the stored value of a text that is not blank; ``today`` is the day of the run."""


@dataclass(frozen=True)
class Key(CellType):
    """An id: 1 to 64 ASCII letters, digits, ``.``, ``_``, ``:`` or ``-``, the first a letter or digit."""

    def parse(self, text: str, today: date) -> Value:
        if not _KEY.fullmatch(text):
            raise ValueError(
                f"{quoted(text)} is not an id: 1 to 64 ASCII letters, digits, '.', '_', ':' or '-', "
                "the first a letter or digit"
            )
        return text


@dataclass(frozen=True)
class Text(CellType):
    """Free text of at most ``longest`` characters, without control characters other than tab, LF and CR."""

    longest: int = MAX_FIELD

    def parse(self, text: str, today: date) -> Value:
        faults = self.faults(text)
        if faults:
            raise ValueError(*faults)
        return text

    def faults(self, text: str) -> list[str]:
        """Return every reason against the text."""
        faults = []
        if len(text) > self.longest:
            faults.append(too_long(text, self.longest))
        control = _CONTROL.search(text)
        if control:
            faults.append(english(f"has the control character U+{ord(control[0]):04X}, which is not allowed"))
        return faults


@dataclass(frozen=True)
class Email(Text):
    """An email address."""

    longest: int = 254

    def faults(self, text: str) -> list[str]:
        faults = super().faults(text)
        # What is remembered of checked texts must stay small.
        if len(text) <= self.longest and not _is_email(text):
            faults.append(english(f"{quoted(text)} is not an email address"))
        return faults


@dataclass(frozen=True)
class Day(CellType):
    """A date ``YYYY-MM-DD`` from 2000-01-01 on, stored as that text."""

    blank: ClassVar[Value] = None
    not_after_today: bool = True

    def parse(self, text: str, today: date) -> Value:
        day = _day(text) if len(text) == len("YYYY-MM-DD") else None
        if day is None:
            raise ValueError(f"{quoted(text)} is not a date of the form YYYY-MM-DD")
        if day < FIRST_DATE:
            raise ValueError(f"{text} is before {FIRST_DATE}")
        if self.not_after_today and day > today:
            raise ValueError(f"{text} is after the day of the run, {today}")
        return text


@dataclass(frozen=True)
class WholeNumber(CellType):
    """ASCII digits, from ``least`` to ``most``."""

    blank: ClassVar[Value] = None
    least: int = 0
    most: int = MAX_WHOLE_NUMBER

    def parse(self, text: str, today: date) -> Value:
        if not _NUMBER.fullmatch(text):
            raise ValueError(f"{quoted(text)} is not a whole number (digits only)")
        # int() refuses some thousand digits, even zeros.
        digits = text.lstrip("0") or "0"
        if len(digits) > len(str(self.most)) or not self.least <= int(digits) <= self.most:
            raise ValueError(f"{quoted(text)} is not between {self.least} and {self.most}")
        return int(digits)


@dataclass(frozen=True)
class Counter(WholeNumber):
    """A whole number; blank is 0."""

    blank: ClassVar[Value] = 0


@dataclass(frozen=True)
class YesNo(CellType):
    """A boolean; blank is false."""

    blank: ClassVar[Value] = False

    def parse(self, text: str, today: date) -> Value:
        word = text.lower()
        if word in _TRUE:
            return True
        if word in _FALSE:
            return False
        raise ValueError(f"{quoted(text)} is neither true nor false (true/false, yes/no, 1/0, t/f)")


@dataclass(frozen=True)
class Choice(CellType):
    """One of a model's choices; ``any_case`` takes it in any case."""

    choices: type[models.TextChoices]
    any_case: bool = False

    def parse(self, text: str, today: date) -> Value:
        word = text.lower() if self.any_case else text
        if word not in self.choices.values:
            raise ValueError(f"{quoted(text)} is none of {', '.join(self.choices.values)}")
        return word


@dataclass(frozen=True)
class StatusChoice(Choice):
    """A customer's status; blank is active."""

    blank: ClassVar[Value] = Customer.Status.ACTIVE.value


def too_long(text: str, longest: int) -> str:
    """Return what to say of a text that is longer than allowed."""
    return english(f"has {len(text)} characters, at most {longest} are allowed")


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


def valid_key(cell: str) -> str:
    """Return the cell where it is a valid key, else ''."""
    return cell if _KEY.fullmatch(cell) else ""


def to_cell(value: object) -> str:
    """Return a stored value as a feed's cell, the way ``parse`` reads it back."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)

"""Sentences that are stored as what they are made of, and said in the language of whoever reads them.

``@sentence`` declares a function that makes one. Called, it says the sentence now; its ``of`` keeps name and values.
What is stored outlives the code: a function that is gone, or takes other values by now, can say it no more.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Generic, ParamSpec, TypeAlias, cast

from django.utils.translation import get_language

from customers.text.say import SOURCE

P = ParamSpec("P")
Part: TypeAlias = "str | int | date | Said | Sequence[Said]"
"""What a sentence may be made of."""
_SENTENCES: dict[str, Callable[..., str]] = {}


@dataclass(frozen=True)
class Said:
    """A sentence that is not put into words yet: the name of its function, and the values by name."""

    name: str
    values: tuple[tuple[str, Part], ...] = ()

    def __str__(self) -> str:
        return _SENTENCES[self.name](**dict(self.values))

    def stored(self) -> dict[str, object]:
        """Return it as JSON."""
        return {"say": self.name, "of": {name: _stored(value) for name, value in self.values}}


class Sentence(Generic[P]):
    """A declared function. Its arguments have names alone, because those are stored."""

    def __init__(self, make: Callable[P, str]) -> None:
        self._make = make
        if _SENTENCES.setdefault(make.__name__, make) is not make:
            raise ValueError(f"There are two sentences {make.__name__}")

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> str:
        return self._make(*args, **kwargs)

    def of(self, *args: P.args, **kwargs: P.kwargs) -> Said:
        """Return the sentence to be stored, or said later."""
        return Said(self._make.__name__, cast("tuple[tuple[str, Part], ...]", tuple(kwargs.items())))


def sentence(make: Callable[P, str]) -> Sentence[P]:
    """Declare a function that makes a sentence."""
    return Sentence(make)


@sentence
def in_each_language(**texts: str) -> str:
    """Say what was written in each language when it was stored, where its values alone would not do."""
    return texts.get(get_language() or SOURCE) or texts[SOURCE]


def spoken(stored: object, then: str) -> str:
    """Return a stored sentence in the reader's language; for English what was said ``then``.

    That is returned as well where nothing is stored, or this version cannot say it.
    """
    if not stored or get_language() in {SOURCE, None}:
        return then
    try:
        said = _read(stored)
        return str(said) if isinstance(said, Said) else then
    except (LookupError, TypeError, ValueError):
        return then


def rewritten(stored: object, change: Callable[[str], str]) -> object:
    """Return a stored sentence with each text in it changed; its names, days and moments stay."""
    match stored:
        case {"say": name, "of": dict(values)}:
            return {"say": name, "of": {key: rewritten(value, change) for key, value in values.items()}}
        case list():
            return [rewritten(one, change) for one in stored]
        case str():
            return change(stored)
    return stored


def _stored(value: Part) -> object:
    if isinstance(value, Said):
        return value.stored()
    if isinstance(value, datetime):
        return {"moment": value.isoformat()}
    if isinstance(value, date):
        return {"day": value.isoformat()}
    if isinstance(value, str | int):
        return value
    return [one.stored() for one in value]


def _read(stored: object) -> object:
    match stored:
        case {"say": str(name), "of": dict(values)}:
            return Said(name, tuple((key, cast("Part", _read(value))) for key, value in values.items()))
        case {"moment": str(text)}:
            return datetime.fromisoformat(text)
        case {"day": str(text)}:
            return date.fromisoformat(text)
        case list():
            return tuple(map(_read, stored))
    return stored

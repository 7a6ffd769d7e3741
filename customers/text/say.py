"""Sentences in the reader's language; docs/languages.md says how a text is written here.

A sentence is whole, and its values have names: ``say("{customer} was assigned to {owner}.", customer=a, owner=b)``.
The catalogues are made of these calls, so what stands there is text, never a variable.
"""

from collections.abc import Callable, Hashable, Mapping
from datetime import date, datetime
from functools import lru_cache, wraps
from typing import TYPE_CHECKING, ParamSpec, TypeAlias, TypeVar, cast

from django.utils.functional import Promise, lazy
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext, ngettext, override

from customers.text import written

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

    Words: TypeAlias = StrOrPromise
    """A text that is shown; one that is declared when a module is imported is put into words when it is read."""
else:
    Words = str | Promise

Value: TypeAlias = "Words | int | date"
"""What may stand in a sentence: text as it is, a number with its separators, a day or a moment as people write it."""

SOURCE = "en"
"""The language of the texts in the code."""
P = ParamSpec("P")
Made = TypeVar("Made")


def say(text: str, /, **values: Value) -> str:
    """Return a sentence with its values; nothing in them is read as a placeholder."""
    return gettext(text).format(**_written(values))


def say_n(one: str, many: str, number: int, /, **values: Value) -> str:
    """Return the sentence for a number of things; ``{number}`` stands for it there."""
    return ngettext(one, many, number).format(number=written.number(number), **_written(values))


def say_html(text: str, /, **values: Value) -> SafeString:
    """Return a sentence with tags in it, its values escaped."""
    # Without values there is nothing to escape, and the function of Django asks for some.
    return format_html(gettext(text), **_written(values)) if values else SafeString(gettext(text))


say_later = lazy(say, str)
"""``say`` for what is declared when a module is imported, before anybody reads."""


def in_english() -> override:
    """Speak English inside: what is stored, exported, logged or answered to programs is no reader's."""
    return override(SOURCE)


def english(text: str) -> str:
    """Return a text that stays English on purpose, in a module whose other texts are translated."""
    return text


def within(words: str) -> str:
    """Return a text as it stands within a sentence: English goes on with a small letter, German keeps its nouns."""
    return words[:1].lower() + words[1:] if get_language() in {SOURCE, None} else words


def kept_by_language(most: int) -> Callable[[Callable[P, Made]], Callable[P, Made]]:
    """Keep the newest results of a function, as ``lru_cache`` does, for each language apart."""

    def decorate(make: Callable[P, Made]) -> Callable[P, Made]:
        @lru_cache(most)
        def kept(_language: str | None, *args: Hashable, **kwargs: Hashable) -> Made:
            return cast("Callable[..., Made]", make)(*args, **kwargs)

        @wraps(make)
        def made(*args: P.args, **kwargs: P.kwargs) -> Made:
            return kept(get_language(), *cast("tuple[Hashable, ...]", args), **cast("dict[str, Hashable]", kwargs))

        return made

    return decorate


def _written(values: Mapping[str, Value]) -> dict[str, object]:
    return {name: _write(value) for name, value in values.items()}


def _write(value: Value) -> object:
    if isinstance(value, datetime):
        return written.moment(value)
    if isinstance(value, date):
        return written.day(value)
    if isinstance(value, int):
        return written.number(value)
    return value

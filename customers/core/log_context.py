"""What a piece of work is about, for every record that is logged meanwhile: the night, the run, the request."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import TypeVar

Held = TypeVar("Held")

_about: ContextVar[dict[str, str | int]] = ContextVar("about")


@contextmanager
def holding(variable: ContextVar[Held], value: Held) -> Iterator[None]:
    """Let a variable have a value within."""
    token = variable.set(value)
    try:
        yield
    finally:
        variable.reset(token)


def about(**ids: str | int) -> AbstractContextManager[None]:
    """Add ids to what is logged within."""
    return holding(_about, {**current(), **ids})


def current() -> dict[str, str | int]:
    """Return the ids that hold now, outermost first."""
    return _about.get({})

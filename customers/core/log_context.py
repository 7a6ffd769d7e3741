"""What a piece of work is about, for every record that is logged meanwhile: the night, the run, the request."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_about: ContextVar[dict[str, str | int]] = ContextVar("about")


@contextmanager
def about(**ids: str | int) -> Iterator[None]:
    """Add ids to what is logged within."""
    token = _about.set({**current(), **ids})
    try:
        yield
    finally:
        _about.reset(token)


def current() -> dict[str, str | int]:
    """Return the ids that hold now, outermost first."""
    return _about.get({})

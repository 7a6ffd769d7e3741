"""The two caches of what pages show: by the version of the state, and for good what never changes.

Each thing that is kept declares a key: a frozen dataclass whose fields are all that the value is made of. Every field
is required, so that no part can be forgotten where a key is made.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar, dataclass_transform

from django.core.cache import caches
from django.core.cache.backends.base import BaseCache
from django.utils import timezone
from django.utils.translation import get_language

from analytics.page_cache.version import DataVersion, StateVersion

CACHE_TTL = 1_800
"""Seconds for which a value is kept; one that is made of another kept one may be twice as old."""
MAX_KEY_LENGTH = 1_500
"""A longer key has somebody's own address, whose value would be large and of use to nobody else."""
Value = TypeVar("Value")
_NOTHING = object()


@dataclass_transform(kw_only_default=True, frozen_default=True)
class Key:
    """All that a kept value is made of; subclasses are one of the three below, and dataclasses by that."""

    def __init_subclass__(cls) -> None:
        dataclass(frozen=True, kw_only=True)(cls)


class StateKey(Key):
    """Of a value that is kept until anything is changed by anybody."""

    version: StateVersion


class DataKey(Key):
    """Of a value that comes of imports, scorings and other commands, and is kept through people's edits."""

    version: DataVersion


class ImmutableKey(Key):
    """Of a value that never changes, such as one of a scored date and the moment of its scoring."""


def get_or_set(key: Key, make: Callable[[], Value]) -> Value:
    """Return the value that is kept under the key; else make it by ``make`` and keep it.

    It may have words in it, so it is kept for each language; what is made of the state may say times, so it is also
    kept for each time zone that people have chosen.
    """
    kept = peek(key, _NOTHING)
    if kept is not _NOTHING:
        return kept  # type: ignore[return-value]  # what is kept under a key is what its maker made
    made = make()
    keep_value(key, made)
    return made


def peek(key: Key, otherwise: Value) -> Value:
    """Return the value that is kept under the key, or ``otherwise``: for what takes too long to make in a page."""
    name = _name(key)
    kept: Value = _cache_of(key).get(digest(name), otherwise) if len(name) <= MAX_KEY_LENGTH else otherwise
    return kept


def keep_value(key: Key, value: object) -> None:
    """Keep a value under the key, unless the key is too long."""
    name = _name(key)
    if len(name) <= MAX_KEY_LENGTH:
        _cache_of(key).set(digest(name), value, CACHE_TTL)


def _cache_of(key: Key) -> BaseCache:
    return caches["default" if isinstance(key, ImmutableKey) else "version"]


def _name(key: Key) -> str:
    zone = "" if isinstance(key, ImmutableKey) else timezone.get_current_timezone_name()
    return f"{type(key).__module__}.{key!r}{zone} {get_language()}"


def digest(what: object) -> str:
    """Return a short name for a value."""
    return hashlib.sha256(repr(what).encode()).hexdigest()[:32]

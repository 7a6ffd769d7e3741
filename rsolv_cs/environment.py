"""Typed reading of environment variables that refuses what it cannot use.

Every function raises ``ImproperlyConfigured`` with the variable's name, the offending value and what is
accepted, so that a typo stops the start instead of becoming a default.
"""

import os
import zoneinfo
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off"}
_MOST_DIGITS = 5


def text(name: str, default: str = "") -> str:
    """The variable with surrounding blanks removed; unset or blank gives ``default``."""
    return os.environ.get(name, "").strip() or default


def flag(name: str, default: bool = False) -> bool:
    """A yes or no."""
    value = text(name).lower()
    if not value:
        return default
    if value in _TRUE:
        return True
    if value in _FALSE:
        return False
    raise ImproperlyConfigured(f"{name}={value!r} is neither true nor false; use 1 or 0.")


def number(name: str, default: int) -> int:
    """A whole number, 0 or more, in digits."""
    value = text(name, str(default))
    if not (value.isascii() and value.isdigit() and len(value) <= _MOST_DIGITS):
        raise ImproperlyConfigured(f"{name}={value!r} is not a whole number from 0 to {10**_MOST_DIGITS - 1}.")
    return int(value)


def names(name: str, default: list[str]) -> list[str]:
    """A comma-separated list without empty entries."""
    return [part.strip() for part in text(name).split(",") if part.strip()] or default


def hosts(name: str, default: list[str]) -> list[str]:
    """Host names, as a browser sends them: without a scheme, a path or blanks."""
    found = names(name, default)
    for host in found:
        if "/" in host or " " in host:
            raise ImproperlyConfigured(f"{name}: {host!r} is not a host name; use one such as cs.example.com.")
    return found


def origins(name: str) -> list[str]:
    """Origins: a scheme and a host name."""
    found = names(name, [])
    for origin in found:
        if not origin.startswith(("https://", "http://")):
            raise ImproperlyConfigured(f"{name}: {origin!r} is not an origin; use one such as https://cs.example.com.")
    return found


def folder(name: str, default: Path) -> Path:
    """A folder's absolute path; it need not exist yet, but must not be a file."""
    path = Path(text(name, str(default))).expanduser().absolute()
    try:
        is_something_else = path.exists() and not path.is_dir()
    except OSError as error:
        raise ImproperlyConfigured(f"{name}={str(path)!r}: {error.strerror}.") from error
    if is_something_else:
        raise ImproperlyConfigured(f"{name}={str(path)!r} is not a folder.")
    return path


def time_zone(name: str, default: str) -> str:
    """The name of a time zone, such as ``Europe/Berlin``."""
    value = text(name, default)
    try:
        zoneinfo.ZoneInfo(value)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ImproperlyConfigured(
            f"{name}={value!r} is not a time zone; use a name such as UTC or Europe/Berlin."
        ) from error
    return value

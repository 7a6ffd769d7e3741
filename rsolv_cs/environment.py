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


def names(name: str, default: list[str]) -> list[str]:
    """A comma-separated list without empty entries."""
    return [part.strip() for part in text(name).split(",") if part.strip()] or default


def folder(name: str, default: Path) -> Path:
    """A folder's absolute path; it need not exist yet, but must not be a file."""
    path = Path(text(name, str(default))).expanduser().absolute()
    if path.exists() and not path.is_dir():
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

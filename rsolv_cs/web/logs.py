"""Log records as lines or JSON, each with the ids of what it is about, which no text can forge.

Text from files and requests stands in records, so every control character, line separator and mark that turns the
direction of text is written as an escape. An email address is masked, and of an exception's words only the first
line is kept: the ones below it are where databases repeat a row.
"""

import json
import logging
import re
import traceback
from datetime import UTC, datetime

from customers.core import log_context

MAX_MESSAGE_LENGTH = 4_000
MAX_ERROR_LENGTH = 300
DETAILS = ("method", "path", "status", "user", "ms")
"""What a record about a request has besides its message."""

_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")
_ADDRESS = re.compile(r"[^\s@<>\"'(),:;=\[\]{}]{1,64}@[^\s@<>\"'(),:;=\[\]{}]{1,255}")
_TOKEN = re.compile(r"rsolv_[\w-]{20,}")
"""A token of the API, whose model cannot be asked before there are models."""


def safe(text: str, most: int = MAX_MESSAGE_LENGTH) -> str:
    """A text as one line without anything that a terminal or a reader of lines obeys, without addresses and tokens."""
    text = _TOKEN.sub("<token>", _ADDRESS.sub("<address>", text[: most + 1]))
    return _UNSAFE.sub(_escape, text if len(text) <= most else f"{text[:most]}…")


def _escape(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()


class Context(logging.Filter):
    """Gives each record the ids that hold while it is made."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let everything pass."""
        record.about = log_context.current()
        return True


class Line(logging.Formatter):
    """One line a record, a traceback below it with each of its lines marked as such."""

    def format(self, record: logging.LogRecord) -> str:
        """``2025-05-11 02:30:00,123+02:00 ERROR customers.imports.load night=3 run=12: Run 12 failed``."""
        about = "".join(f" {safe(f'{name}={value}')}" for name, value in _about(record).items())
        line = f"{self.formatTime(record)} {record.levelname} {safe(record.name)}{about}: {safe(record.getMessage())}"
        return "\n".join([line, *(f"  | {below}" for below in _trace(record))])

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        """The local time and how far it is from UTC, without which an hour of autumn is two."""
        moment = datetime.fromtimestamp(record.created, UTC).astimezone()
        return moment.isoformat(sep=" ", timespec="milliseconds").replace(".", ",")


class Json(logging.Formatter):
    """One object of JSON a line, in ASCII."""

    def format(self, record: logging.LogRecord) -> str:
        """The time in UTC, level, logger, ids, message, and the traceback where there is one."""
        said: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": safe(record.name),
            **{name: safe(value) if isinstance(value, str) else value for name, value in _about(record).items()},
            **{name: getattr(record, name) for name in DETAILS if hasattr(record, name)},
            "message": safe(record.getMessage()),
        }
        said |= {"trace": trace} if (trace := _trace(record)) else {}
        return json.dumps({name: safe(v) if isinstance(v, str) else v for name, v in said.items()}, default=_repr)


def _about(record: logging.LogRecord) -> dict[str, str | int]:
    about: dict[str, str | int] = getattr(record, "about", {})
    return about


def _repr(value: object) -> str:
    return safe(repr(value))


def _trace(record: logging.LogRecord) -> list[str]:
    """The lines of a traceback, the cause first; source and kinds of errors, and of their words one line."""
    error = record.exc_info[1] if record.exc_info else None
    parts: list[list[str]] = []
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        frames = "".join(traceback.format_tb(error.__traceback__)).splitlines()
        words = str(error).strip().partition("\n")[0]
        parts.append([*frames, f"{type(error).__qualname__}: {words[:MAX_ERROR_LENGTH]}"])
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return [safe(line) for part in reversed(parts) for line in part]

"""The bodies in which events and rows come: JSON or NDJSON, perhaps packed by gzip, and the limits that they keep."""

import json
import zlib
from codecs import BOM_UTF8
from http import HTTPStatus
from typing import NoReturn

from customers.text.say import english

MAX_BYTES = 5 * 2**20
"""A body may be so long, and no longer once it is unpacked."""
MAX_ENTRIES = 5_000
JSON_TYPES = ("application/json",)
LINE_TYPES = ("application/x-ndjson", "application/ndjson", "application/jsonl")
_PACKINGS = ("gzip", "x-gzip")
_CHARSETS = ("", "utf-8", "utf8", "us-ascii")

Json = dict[str, "Json"] | list["Json"] | str | int | float | bool | None
"""A value that JSON can say."""


class BadBody(Exception):
    """A body that cannot be taken; the message says why and where, ``status`` is the answer's."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


def entries(body: bytes, content_type: str, charset: str, encoding: str) -> list[Json]:
    """Return the entries of a body: those of a list, the lines of NDJSON, or the one object that it is.

    ``charset`` and ``encoding`` are '' where nobody said any. Raises ``BadBody``.
    """
    if content_type not in (*JSON_TYPES, *LINE_TYPES):
        known = " or ".join((JSON_TYPES[0], LINE_TYPES[0]))
        raise BadBody(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, english(f"The body must be {known}; say so by Content-Type."))
    text = _text(body, charset, encoding)
    found = _lines(text) if content_type in LINE_TYPES else _values(text)
    if not found:
        raise BadBody(HTTPStatus.BAD_REQUEST, english("The body is empty."))
    if len(found) > MAX_ENTRIES:
        _too_large(
            english(f"The body has {format(len(found), ',')} entries; {format(MAX_ENTRIES, ',')} are allowed at once.")
        )
    return found


def one_value(body: bytes, charset: str, encoding: str) -> Json:
    """Return the value of JSON that a body is; raises ``BadBody``."""
    return _read(_text(body, charset, encoding), 1)


def check_size(size: int) -> None:
    """Raise ``BadBody`` where so many bytes are too many."""
    if size > MAX_BYTES:
        _too_large(english(f"The body has more than {MAX_BYTES // 2**20} MB."))


def _too_large(message: str) -> NoReturn:
    raise BadBody(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, message)


def _unpacked(body: bytes, encoding: str) -> bytes:
    """Return what a body holds; stop unpacking where that is too much, however small it came."""
    check_size(len(body))
    if encoding in ("", "identity"):
        return body
    if encoding not in _PACKINGS:
        raise BadBody(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, english("Content-Encoding may be gzip."))
    unpacked, rest = b"", body
    try:
        while rest:
            member = zlib.decompressobj(zlib.MAX_WBITS | 16)
            unpacked += member.decompress(rest, MAX_BYTES + 1 - len(unpacked))
            check_size(len(unpacked))
            if not member.eof:
                raise BadBody(HTTPStatus.BAD_REQUEST, english("The gzip of the body ends too early."))
            rest = member.unused_data
    except zlib.error:
        raise BadBody(
            HTTPStatus.BAD_REQUEST, english("The body is not the gzip that Content-Encoding says.")
        ) from None
    return unpacked


def _text(body: bytes, charset: str, encoding: str) -> str:
    if charset.lower() not in _CHARSETS:
        raise BadBody(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, english("The body must be in UTF-8."))
    try:
        return _unpacked(body, encoding.strip().lower()).removeprefix(BOM_UTF8).decode()
    except UnicodeDecodeError as error:
        raise BadBody(HTTPStatus.BAD_REQUEST, english(f"Byte {error.start + 1} of the body is not UTF-8.")) from None


def _values(text: str) -> list[Json]:
    if not text.strip():
        return []
    value = _read(text, 1)
    if isinstance(value, list):
        return value
    if isinstance(value, dict):
        return [value]
    raise BadBody(HTTPStatus.BAD_REQUEST, english("The body must be an object, or a list of objects."))


def _lines(text: str) -> list[Json]:
    """Return the value of each line that is not blank."""
    lines = enumerate(text.split("\n"), start=1)
    return [_read(line, number) for number, line in lines if line.strip()]


def _read(text: str, first_line: int) -> Json:
    """Read a text that begins on that line of the body."""
    try:
        value: Json = json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        line = first_line + error.lineno - 1
        message = english(f"The body is not JSON: line {line}, column {error.colno}: {error.msg}.")
        raise BadBody(HTTPStatus.BAD_REQUEST, message) from None
    except ValueError as error:
        # A number of thousands of digits, or a constant of JavaScript.
        raise BadBody(
            HTTPStatus.BAD_REQUEST, english(f"The body is not JSON, from line {first_line} on: {error}.")
        ) from None
    except RecursionError:
        raise BadBody(
            HTTPStatus.BAD_REQUEST, english(f"The body is nested too deeply, from line {first_line} on.")
        ) from None
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no value of JSON")

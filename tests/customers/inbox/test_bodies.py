"""Bodies: JSON and NDJSON, plain and packed, within their limits; whatever else comes is refused in words."""

import json
from http import HTTPStatus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from customers.inbox.bodies import JSON_TYPES, LINE_TYPES, MAX_BYTES, MAX_ENTRIES, BadBody, Json, entries
from customers.inbox.events import read_event
from customers.models import InboxEvent
from tests.support.inbox import RECEIVED, packed, squeezed
from tests.support.selection import examples_of_a_push

NDJSON = LINE_TYPES[0]
BOMB = squeezed(b" " * (200 * 2**20))


def read(body: bytes, content_type: str = "application/json", charset: str = "", encoding: str = "") -> list[Json]:
    return entries(body, content_type, charset, encoding)


def refused(body: bytes, *more: str) -> tuple[int, str]:
    with pytest.raises(BadBody) as caught:
        read(body, *more)
    return caught.value.status, str(caught.value)


@pytest.mark.parametrize(
    ("body", "more", "expected"),
    [
        (b'{"a": 1}', (), [{"a": 1}]),
        (b'[{"a": 1}, 2]', (), [{"a": 1}, 2]),
        (b'\xef\xbb\xbf{"a": "\xc3\xa9"}', (), [{"a": "é"}]),
        (b'{"a": 1}', ("application/json", "UTF-8"), [{"a": 1}]),
        (b'{"a": 1}\n\n{"a": 2}\r\n', (NDJSON,), [{"a": 1}, {"a": 2}]),
        (packed([{"a": 1}]), ("application/json", "", "gzip"), [{"a": 1}]),
        # Some pack each line by itself.
        (squeezed(b'{"a": 1}\n') + squeezed(b'{"a": 2}'), (NDJSON, "", "GZIP"), [{"a": 1}, {"a": 2}]),
        (b'{"a": 1}', ("application/json", "", "identity"), [{"a": 1}]),
    ],
)
def test_a_body_is_read(body: bytes, more: tuple[str, ...], expected: list[Json]) -> None:
    assert read(body, *more) == expected


@pytest.mark.parametrize(
    ("body", "more", "status", "message"),
    [
        (b'{"a": 1', (), 400, "The body is not JSON: line 1, column 8: Expecting ',' delimiter."),
        (b'[\n{"a": 1},\n x]', (), 400, "The body is not JSON: line 3, column 2: Expecting value."),
        (b'{"a": 1}\n\nx', (NDJSON,), 400, "The body is not JSON: line 3, column 1: Expecting value."),
        (b'{"a": 1}\n{"a": NaN}', (NDJSON,), 400, "The body is not JSON, from line 2 on: NaN is no value of JSON."),
        (b'"text"', (), 400, "The body must be an object, or a list of objects."),
        (b" \n", (), 400, "The body is empty."),
        (b"[]", (), 400, "The body is empty."),
        (b'{"a": "\xe9"}', (), 400, "Byte 8 of the body is not UTF-8."),
        pytest.param(b"[" * 100_000, (), 400, "The body is nested too deeply, from line 1 on.", id="deep"),
        (packed([1])[:-9], ("application/json", "", "gzip"), 400, "The gzip of the body ends too early."),
        (b"[1]", ("application/json", "", "gzip"), 400, "The body is not the gzip that Content-Encoding says."),
        (b"[1]", ("application/json", "", "br"), 415, "Content-Encoding may be gzip."),
        (b"[1]", ("application/json", "latin-1"), 415, "The body must be in UTF-8."),
        (
            b"a=1",
            ("application/x-www-form-urlencoded",),
            415,
            "The body must be application/json or application/x-ndjson; say so by Content-Type.",
        ),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_place(
    body: bytes, more: tuple[str, ...], status: int, message: str
) -> None:
    assert refused(body, *more) == (status, message)


def test_a_number_of_thousands_of_digits_is_refused() -> None:
    assert refused(b"[" + b"1" * 5_000 + b"]")[0] == HTTPStatus.BAD_REQUEST


def test_a_body_has_at_most_5_mb_packed_and_unpacked() -> None:
    largest = b'["' + b"x" * (MAX_BYTES - 4) + b'"]'
    assert len(read(largest)) == 1
    too_large = (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The body has more than 5 MB.")
    assert refused(largest + b" ") == too_large
    assert len(read(squeezed(largest), "application/json", "", "gzip")) == 1
    assert refused(squeezed(largest + b" "), "application/json", "", "gzip") == too_large
    assert len(BOMB) < MAX_BYTES / 5
    assert refused(BOMB, "application/json", "", "gzip") == too_large


def test_a_body_has_at_most_5000_entries() -> None:
    assert len(read(json.dumps([0] * MAX_ENTRIES).encode())) == 5_000
    assert refused(json.dumps([0] * 5_001).encode()) == (413, "The body has 5,001 entries; 5,000 are allowed at once.")
    assert refused(b"0\n" * 5_001, NDJSON)[0] == 413


@settings(max_examples=examples_of_a_push(500))
@given(
    body=st.one_of(
        st.binary(max_size=300),
        st.text(max_size=300).map(lambda text: text.encode("utf-8", "replace")),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
            lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
        ).map(lambda value: json.dumps(value).encode()),
    ),
    content_type=st.sampled_from([*JSON_TYPES, *LINE_TYPES, "text/plain", ""]),
    charset=st.sampled_from(["", "utf-8", "latin-1", "\0"]),
    encoding=st.sampled_from(["", "gzip", "br", "identity"]),
    pack=st.booleans(),
)
def test_any_bytes_are_read_or_refused(
    body: bytes, content_type: str, charset: str, encoding: str, pack: bool
) -> None:
    """And each entry that is read becomes an event that waits, or an invalid one with a reason."""
    try:
        found = entries(squeezed(body) if pack else body, content_type, charset, encoding)
    except BadBody as refusal:
        assert refusal.status in {400, 413, 415}
        assert str(refusal)
        return
    for place, entry in enumerate(found):
        event = read_event(entry, place, RECEIVED)
        assert (event.state == InboxEvent.State.INVALID) == bool(event.reason)

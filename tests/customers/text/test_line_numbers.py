"""Lines are numbered from 1, whatever ends them, and however a text is cut into pieces."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customers.text.line_numbers import FIRST_LINE, LineCounter, count_line_ends, numbered


@pytest.mark.parametrize(
    ("text", "ends"), [(b"", 0), (b"a", 0), (b"a\n", 1), (b"a\r\nb\r\n", 2), (b"a\rb\n\r", 3), (b"\n\n\r\n\r", 4)]
)
def test_lf_crlf_and_cr_end_a_line(text: bytes, ends: int) -> None:
    assert count_line_ends(text) == ends


def test_the_lines_of_a_block_have_their_numbers_and_no_ends() -> None:
    assert list(numbered(b"a,1\r\nb,2\nc,3\n", 7)) == [(7, "a,1"), (8, "b,2"), (9, "c,3")]
    assert list(numbered(b"", 7)) == []


@given(st.lists(st.text("a\r\n", max_size=5).map(str.encode)))
def test_a_cut_text_counts_as_the_whole_one(pieces: list[bytes]) -> None:
    counter = LineCounter()
    for piece in pieces:
        behind = counter.after(piece)
        counter.add(piece)
        assert counter.number == behind
    assert counter.number == FIRST_LINE + count_line_ends(b"".join(pieces))

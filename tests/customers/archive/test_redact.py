"""Redaction takes the records of a customer out of a file, and keeps its lines."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customers.archive import redact

CELL = st.text(alphabet='ab1,"\n\r é', max_size=6)


@given(
    rows=st.lists(st.tuples(st.sampled_from(["k1", "k2", "k10"]), CELL, st.booleans()), max_size=8),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    ended=st.booleans(),
)
def test_redaction_takes_the_records_and_keeps_the_lines(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, bool]], end: str, ended: bool
) -> None:
    """Against an account of our own: each record is put together by hand, and so is what is left of it."""
    whole, left, gone = f"id,customer_id,note{end}", f"id,customer_id,note{end}", 0
    for number, (key, text, plain) in enumerate(rows):
        note = "plain" if plain else '"' + text.replace('"', '""') + '"'
        last = "" if number == len(rows) - 1 and not ended else end
        record = f"k1,{key},{note}{last}"
        breaks = record.replace("\r\n", "\n").replace("\r", "\n").count("\n")
        whole += record
        if key == "k1":
            gone += 1
            found = list(_breaks(record))
            assert len(found) == breaks
            left += "".join(found)
        else:
            left += record
    path = tmp_path_factory.mktemp("redact") / "file.csv"
    path.write_bytes(whole.encode())
    written: list[bytes] = []
    assert redact.redact(path, 0, {"k1"}, written.append) == gone
    assert b"".join(written).decode() == left


def _breaks(text: str) -> Iterator[str]:
    position = 0
    while position < len(text):
        if text.startswith("\r\n", position):
            yield "\r\n"
            position += 1
        elif text[position] in "\r\n":
            yield text[position]
        position += 1


@pytest.mark.parametrize("quoted", [False, True])
def test_a_large_file_is_redacted_block_by_block(tmp_path: Path, quoted: bool) -> None:
    chance = random.Random(7)
    note = '"a, b"' if quoted else "plain"
    rows = [
        f"r{n},{'k1' if chance.random() < 0.01 else 'k2'},{note}{'x' * chance.randrange(60)}" for n in range(20_000)
    ]
    path = tmp_path / "large.csv"
    path.write_text("id,customer_id,note\n" + "\n".join(rows) + "\n")
    written: list[bytes] = []
    gone = redact.redact(path, 0, {"k1"}, written.append)
    left = b"".join(written).decode().split("\n")
    assert gone == sum(",k1," in row for row in rows) > 100
    assert left[1:-1] == ["" if ",k1," in row else row for row in rows]

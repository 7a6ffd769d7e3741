"""Cells that a spreadsheet would run are text there, and come back as they were."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from customers.text.cells import plain_cell, safe_cell

TEXT = st.text() | st.text(alphabet="'=+-@\t\r01.a＝＋－＠")  # noqa: RUF001


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("", ""),
        ("Acme Inc.", "Acme Inc."),
        ("=1+1", "'=1+1"),
        ("+49 30 1234", "'+49 30 1234"),
        ("-cmd|' /C calc'!A0", "'-cmd|' /C calc'!A0"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("-", "'-"),
        ("'=1", "''=1"),
        ("''=1", "'''=1"),
        ("'quoted'", "'quoted'"),
        ("'", "'"),
        ("a=1", "a=1"),
        ("42", "42"),
        ("-42", "-42"),
        ("-4.5", "-4.5"),
        ("+42", "'+42"),
        ("-42\n", "'-42\n"),
        ("-٤٢", "'-٤٢"),
        ("-1-1", "'-1-1"),
        ("2025-05-10", "2025-05-10"),
        ("'-42", "'-42"),
        ("＝1+1", "'＝1+1"),  # noqa: RUF001 - the full-width signs are what this is about
        ("＋49", "'＋49"),  # noqa: RUF001
        ("－1", "'－1"),  # noqa: RUF001
        ("＠SUM(A1)", "'＠SUM(A1)"),  # noqa: RUF001
        ("'＝1", "''＝1"),  # noqa: RUF001
        ("a＝1", "a＝1"),  # noqa: RUF001
    ],
    ids=ascii,
)
def test_safe_cell_puts_an_apostrophe_before_formulas_alone(text: str, cell: str) -> None:
    assert safe_cell(text) == cell
    assert plain_cell(cell) == text


@given(TEXT)
@example("'''=x")
def test_plain_cell_gives_back_what_safe_cell_was_given(text: str) -> None:
    assert plain_cell(safe_cell(text)) == text


@given(TEXT)
def test_no_safe_cell_is_a_formula(text: str) -> None:
    cell = safe_cell(text)
    assert not re.match(r"[=+\-@\t\r＝＋－＠]", cell) or re.fullmatch(r"-[0-9]+(\.[0-9]+)?", cell)  # noqa: RUF001

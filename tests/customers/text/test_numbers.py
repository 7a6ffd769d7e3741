"""Keys and other whole numbers from addresses and forms."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customers.text.numbers import number_or_none


@pytest.mark.parametrize(
    ("text", "number"),
    [("7", 7), ("0", 0), ("007", 7), ("9" * 18, 999_999_999_999_999_999)],
)
def test_digits_are_a_number(text: str, number: int) -> None:
    assert number_or_none(text) == number


@pytest.mark.parametrize(
    "text", [None, "", " 7", "7\n", "-7", "+7", "7.0", "1_000", "\u0667", "²", "7\0", "9" * 19, "9" * 5_000]
)
def test_anything_else_is_none(text: str | None) -> None:
    assert number_or_none(text) is None


@given(st.text())
def test_no_text_breaks_it(text: str) -> None:
    found = number_or_none(text)

    assert found is None or 0 <= found < 10**18

"""When two addresses are one mailbox."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customers.text.addresses import mailbox


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("owner@shared.example", "Owner@SHARED.example"),
        ("owner@shared.example", " owner@shared.example. "),
        ("owner+acme@shared.example", "owner@shared.example"),
        ("owner+acme@shared.example", "OWNER+other@shared.example"),
        ("cs@müller.example", "cs@xn--mller-kva.example"),
        ("cs@MÜLLER.example", "cs@mu\u0308ller.example"),
        ("jane.doe@gmail.com", "JaneDoe+x@googlemail.com"),
        ("\uff4fwner@shared.example", "owner@shared.example"),
    ],
)
def test_one_mailbox(one: str, other: str) -> None:
    assert mailbox(one) == mailbox(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("owner@shared.example", "owner@other.example"),
        ("owner@shared.example", "owner2@shared.example"),
        ("jane.doe@shared.example", "janedoe@shared.example"),
        ("+a@shared.example", "+b@shared.example"),
        ("owner@example", "owner@sub.example"),
    ],
)
def test_different_mailboxes(one: str, other: str) -> None:
    assert mailbox(one) != mailbox(other)


@given(st.text())
def test_any_text_is_compared(text: str) -> None:
    assert mailbox(f"{text}@shared.example").endswith("@shared.example")

"""Sentences that are stored, and said in each reader's language later on."""

import json
from datetime import UTC, date, datetime
from typing import cast

import pytest
from django.utils.translation import override
from hypothesis import given
from hypothesis import strategies as st

from analytics.alerts import words
from analytics.wording import at_risk_with, blocked_for, silent_since
from customers.text.say import in_english
from customers.text.sentences import Said, in_each_language, rewritten, sentence, spoken

DAY = date(2025, 5, 9)
MOMENT = datetime(2025, 5, 9, 2, 30, tzinfo=UTC)
OFF = words.webhooks_off.of(
    each=(words.webhook_off.of(name="Slack", because="It said 410."), words.webhook_off.of(name="CI", because="No."))
)


def kept(said: Said) -> object:
    """What a database gives back."""
    return json.loads(json.dumps(said.stored()))


@pytest.mark.parametrize(
    ("said", "english", "german"),
    [
        (at_risk_with.of(score=45), "At risk with a score of 45", "Gefährdet mit einem Score von 45"),
        (
            silent_since.of(days=1, last_active=DAY),
            "No activity for 1 day, since 9 May 2025",
            "Keine Aktivität seit 1 Tag, seit 9. Mai 2025",
        ),
        (
            silent_since.of(days=1_005, last_active=DAY),
            "No activity for 1,005 days, since 9 May 2025",
            "Keine Aktivität seit 1.005 Tagen, seit 9. Mai 2025",
        ),
        (
            words.customers_vanished.of(missing=2, run=1_234, moment=MOMENT),
            "2 customers are missing from customers.csv since run 1234 of 9 May 2025, 02:30",
            "2 Kunden fehlen in customers.csv seit Lauf 1234 vom 9. Mai 2025, 02:30",
        ),
        (
            OFF,
            "Webhook “Slack” is off. It said 410. Webhook “CI” is off. No.",
            "Der Webhook „Slack“ ist aus. It said 410. Der Webhook „CI“ ist aus. No.",
        ),
        (in_each_language.of(en="Score to: 40", de="Score bis: 40"), "Score to: 40", "Score bis: 40"),
    ],
)
def test_what_was_stored_is_said_in_the_language_of_the_reader(said: Said, english: str, german: str) -> None:
    with in_english():
        assert (str(said), spoken(kept(said), "then")) == (english, "then"), "English is what was said then"
    with override("de"):
        assert (str(said), spoken(kept(said), "then")) == (german, german)


def test_what_was_said_in_no_language_of_the_reader_is_english() -> None:
    with override("de"):
        assert spoken(kept(in_each_language.of(en="Score to: 40")), "then") == "Score to: 40"


@pytest.mark.parametrize(
    "stored",
    [
        None,
        "",
        "At risk",
        ["At risk"],
        {"say": "at_risk_with"},
        {"say": "of_a_later_version", "of": {"score": 45}},
        {"say": "at_risk_with", "of": {}},
        {"say": "at_risk_with", "of": {"score": 45, "policy": "A"}},
        {"say": "silent_since", "of": {"days": "five", "last_active": {"day": "2025-05-09"}}},
        {"say": "silent_since", "of": {"days": 5, "last_active": {"day": "(erased)"}}},
        {"say": "status_with_score", "of": {"status": "of_a_later_version", "score": 45}},
    ],
)
def test_what_cannot_be_said_is_as_it_was_said_then(stored: object) -> None:
    with override("de"):
        assert spoken(stored, "At risk with a score of 45") == "At risk with a score of 45"


TEXTS = st.text(st.characters(exclude_categories=["Cs"]))


@given(name=TEXTS, because=TEXTS, days=st.integers(), day=st.dates(), moment=st.datetimes(timezones=st.just(UTC)))
def test_every_value_comes_back_as_it_was(name: str, because: str, days: int, day: date, moment: datetime) -> None:
    every = (
        words.webhook_off.of(name=name, because=because),
        silent_since.of(days=days, last_active=day),
        words.customers_vanished.of(missing=days, run=days, moment=moment),
        blocked_for.of(days=days, blocker=name, at_least=True),
    )
    said = words.webhooks_off.of(each=every)
    with override("de"):
        assert spoken(kept(said), "then") == str(said)


def test_nothing_in_a_value_is_read_as_a_placeholder() -> None:
    with override("de"):
        assert spoken(kept(words.webhook_off.of(name="{because} %s", because="{name}")), "") == (
            "Der Webhook „{because} %s“ ist aus. {name}"
        )


def test_texts_alone_are_rewritten() -> None:
    said = words.webhooks_off.of(
        each=(words.webhook_off.of(name="webhook_off", because="say"), silent_since.of(days=5, last_active=DAY))
    )
    stored = cast("dict[str, object]", rewritten(kept(said), lambda _text: "x"))
    assert stored == {
        "say": "webhooks_off",
        "of": {
            "each": [
                {"say": "webhook_off", "of": {"name": "x", "because": "x"}},
                {"say": "silent_since", "of": {"days": 5, "last_active": {"day": "2025-05-09"}}},
            ]
        },
    }
    assert rewritten(None, str) is None


def test_a_name_is_declared_once() -> None:
    with pytest.raises(ValueError, match="There are two sentences at_risk_with"):

        @sentence
        def at_risk_with() -> str:
            return ""

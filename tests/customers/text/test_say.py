"""Sentences, days and numbers in the reader's language; English is as it always was."""

from datetime import UTC, date, datetime

import pytest
from django.utils.translation import gettext_lazy, override
from hypothesis import given
from hypothesis import strategies as st

from analytics.wording import counted, day_in_year, days_ago, in_a_row
from customers.text import written
from customers.text.say import in_english, kept_by_language, say, say_html, say_later, say_n

DAY = date(2026, 3, 5)
MOMENT = datetime(2026, 3, 5, 17, 4, tzinfo=UTC)


def in_german(text: str) -> str:
    """What a declared text is for a German."""
    with override("de"):
        return str(text)


# --- Days and numbers ---------------------------------------------------------------------------------------------


def test_days_and_numbers_in_english() -> None:
    assert [written.day(DAY), written.day_of_year(DAY), written.month(DAY)] == ["5 Mar 2026", "5 Mar", "Mar 2026"]
    assert [written.moment(MOMENT), written.clock(MOMENT)] == ["5 Mar 2026, 17:04", "17:04"]
    assert [written.number(1_234_567), written.number(-1_200), written.number(0)] == ["1,234,567", "-1,200", "0"]
    assert [written.tenths(35), written.tenths(-5), written.decimals(2.345, 1)] == ["3.5", "-0.5", "2.3"]
    assert [written.signed(5), written.signed(0), written.signed(-1_200)] == ["+5", "0", "−1,200"]
    assert written.percentage(45) == "45%"


def test_days_and_numbers_in_german() -> None:
    with override("de"):
        assert [written.day(DAY), written.day_of_year(DAY), written.month(DAY)] == [
            "5. März 2026",
            "5. März",
            "März 2026",
        ]
        assert [written.moment(MOMENT), written.clock(MOMENT)] == ["5. März 2026, 17:04", "17:04"]
        assert [written.number(1_234_567), written.tenths(-5), written.decimals(2.345, 1)] == [
            "1.234.567",
            "-0,5",
            "2,3",
        ]
        assert [written.signed(-1_200), written.percentage(45)] == ["−1.200", "45\N{NO-BREAK SPACE}%"]


@given(st.dates(), st.integers())
def test_english_is_what_the_patterns_of_before_wrote(day: date, number: int) -> None:
    with in_english():
        assert written.day(day) == f"{day:%-d %b %Y}"
        assert written.day_of_year(day) == f"{day:%-d %b}"
        assert written.month(day) == f"{day:%b %Y}"
        assert written.number(number) == f"{number:,}"


# --- Sentences ----------------------------------------------------------------------------------------------------


def test_values_are_written_as_people_write_them() -> None:
    said = say("{a} {b} {c} {d}", a="x", b=1_200, c=DAY, d=MOMENT)
    assert said == "x 1,200 5 Mar 2026 5 Mar 2026, 17:04"
    assert say_n("{number} of {name}", "{number}s of {name}", 1_200, name="x") == "1,200s of x"
    assert say_n("{number} of {name}", "{number}s of {name}", 1, name="x") == "1 of x"


@given(st.text())
def test_nothing_in_a_value_is_read(text: str) -> None:
    assert say("“{name}” is gone", name=text) == f"“{text}” is gone"


def test_a_hostile_value_is_text() -> None:
    hostile = "{name.__class__} %(x)s <b>{0}</b>"
    assert say("{name}", name=hostile) == hostile
    assert say_html("<b>{name}</b>", name="<i>{name}") == "<b>&lt;i&gt;{name}</b>"


def test_sentences_in_german() -> None:
    with override("de"):
        assert counted(1, "customer") == "1 Kunde"
        assert counted(1_200, "customer") == "1.200 Kunden"
        assert in_a_row(["A", "B", "C"]) == "A, B und C"
        assert [days_ago(None, DAY), days_ago(DAY, DAY), days_ago(date(2026, 3, 2), DAY)] == [
            "Nie",
            "Heute",
            "vor 3 Tagen",
        ]
        assert [day_in_year(DAY, DAY), day_in_year(DAY, date(2027, 1, 1))] == ["5. März", "5. März 2026"]
        with in_english():
            assert counted(2, "day") == "2 days"


def test_a_declared_text_is_put_into_words_when_it_is_read() -> None:
    later = say_later("of {known} of {onboarded} onboarded", known=1, onboarded=1_200)
    assert str(later) == "of 1 of 1,200 onboarded"
    assert in_german(later) == "von 1 der 1.200 eingeführten"
    assert say("{what}", what=gettext_lazy("Never")) == "Never"


def test_what_is_kept_is_kept_for_each_language() -> None:
    made = []

    @kept_by_language(10)
    def never(times: int) -> str:
        made.append(times)
        return days_ago(None, DAY) * times

    assert [never(2), never(2)] == ["NeverNever"] * 2
    with override("de"):
        assert [never(2), never(times=2)] == ["NieNie"] * 2
    assert never(2) == "NeverNever"
    assert len(made) == 3


@pytest.mark.parametrize("noun", ["nobody", "customers", ""])
def test_only_declared_nouns_are_counted(noun: str) -> None:
    with pytest.raises(KeyError):
        counted(2, noun)

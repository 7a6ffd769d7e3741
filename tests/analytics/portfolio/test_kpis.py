"""The key figures: declared once, shown as they are in every unit, and the same on cards, in mails and in files."""

from typing import Literal

import pytest

from analytics.digests.weekly import figures
from analytics.portfolio.cards import cards
from analytics.portfolio.kpis import Kpi, kpis, summary
from tests.factories import make_day


@pytest.mark.parametrize(
    ("unit", "number", "text", "value"),
    [
        ("", 1204, "1,204", 1204),
        ("", 0, "0", 0),
        ("%", 50, "50%", 50),
        ("d", 35, "3.5d", "3.5d"),
        ("d", 0, "0.0d", "0.0d"),
        ("", None, "–", None),
        ("d", None, "–", None),
    ],
)
def test_a_figure_in_words_and_in_files(
    unit: Literal["", "%", "d"], number: int | None, text: str, value: int | str | None
) -> None:
    kpi = Kpi("key", "Label", number, unit)
    assert (kpi.text, kpi.value) == (text, value)


@pytest.mark.parametrize(
    ("unit", "difference", "change"),
    [
        ("", 1200, "+1,200"),
        ("", -1, "−1"),
        ("%", 1, "+1 point"),
        ("%", -22, "−22 points"),
        ("d", 5, "+0.5d"),
        ("d", -10, "−1.0d"),
    ],
)
def test_a_change_has_a_sign_and_its_unit(unit: Literal["", "%", "d"], difference: int, change: str) -> None:
    now, then = Kpi("key", "Label", 100 + difference, unit), Kpi("key", "Label", 100, unit)
    assert now.difference(then) == difference
    assert now.change(difference, "point") == change


def test_there_is_no_difference_from_nothing() -> None:
    nothing, some = Kpi("key", "Label", None, "%"), Kpi("key", "Label", 3, "%")
    assert (nothing.difference(some), some.difference(nothing)) == (None, None)


@pytest.mark.django_db
def test_cards_mails_and_files_say_the_same() -> None:
    day = make_day(total=4, active_today=3, at_risk=1, onboarded=2, days_known=2, days_to_value=7)
    texts = ["4", "3", "1", "50%", "–", "3.5d"]
    assert [kpi.text for kpi in kpis(day)] == texts
    assert [card.value for card in cards(day, None)] == texts
    assert [line.value for line in figures(day, None)] == texts
    assert [card.label for card in cards(day, None)] == [line.label for line in figures(day, None)]
    assert summary(day) == {
        "total_customers": 4,
        "active_today": 3,
        "at_risk": 1,
        "onboarding_rate": 50,
        "success_rate": None,
        "avg_time_to_value": "3.5d",
        "onboarded": 2,
        "onboarding_day_known": 2,
    }

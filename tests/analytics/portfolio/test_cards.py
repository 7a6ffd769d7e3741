"""The summary's cards: what changed since a week before, and whether that is good; and the dates around a date."""

from datetime import date, timedelta

import pytest

from analytics.models import PortfolioDay
from analytics.portfolio.cards import KpiChange, cards
from analytics.portfolio.days import days_around
from tests.factories import make_day

pytestmark = pytest.mark.django_db

D = date(2025, 5, 10)
NOW = {
    "total": 1204,
    "active_today": 8,
    "at_risk": 4,
    "onboarded": 602,
    "days_to_value": 2107,
    "days_known": 602,
    "prs_generated": 100,
    "prs_merged": 82,
}


def changes(now: PortfolioDay, before: PortfolioDay | None) -> list[KpiChange | None]:
    return [card.change for card in cards(now, before)]


def test_every_figure_has_its_change_in_its_own_unit() -> None:
    before = make_day(
        date=D - timedelta(days=7),
        total=4,
        active_today=10,
        at_risk=2,
        onboarded=1,
        days_to_value=4,
        days_known=1,
        prs_generated=10,
        prs_merged=8,
    )
    now = make_day(**NOW)
    # 602 of 1,204 are 50 %, 1 of 4 are 25 %; 82 of 100 and 8 of 10 merged; 2107 / 602 = 3.5 days and 4.0 days.
    assert [card.value for card in cards(now, before)] == ["1,204", "8", "4", "50%", "82%", "3.5d"]
    assert changes(now, before) == [
        KpiChange("+1,200 in 7 days", "↑", ""),
        KpiChange("−2 in 7 days", "↓", "worse"),
        KpiChange("+2 in 7 days", "↑", "worse"),
        KpiChange("+25 pts in 7 days", "↑", "better"),
        KpiChange("+2 pts in 7 days", "↑", "better"),
        KpiChange("−0.5d in 7 days", "↓", "better"),
    ]


def test_one_point_is_no_points_and_the_same_is_neither_good_nor_bad() -> None:
    before = make_day(**{**NOW, "date": D - timedelta(days=7), "prs_merged": 81})
    assert changes(make_day(**NOW), before)[3:] == [
        KpiChange("same in 7 days", "→", ""),
        KpiChange("+1 pt in 7 days", "↑", ""),
        KpiChange("same in 7 days", "→", ""),
    ]


def test_the_time_to_value_says_of_how_many_the_day_is_known() -> None:
    [*_others, card] = cards(make_day(onboarded=1200, days_known=1000, days_to_value=3500), None)
    assert (card.value, card.note) == ("3.5d", "of 1,000 of 1,200 onboarded")
    [*_others, card] = cards(make_day(date=D - timedelta(days=1), onboarded=2), None)
    assert (card.value, card.note) == ("–", "of 0 of 2 onboarded")
    [*_others, card] = cards(make_day(date=D - timedelta(days=2), onboarded=2, days_known=2), None)
    assert (card.value, card.note) == ("0.0d", "")


@pytest.mark.parametrize(
    ("then", "now", "meanings"),
    [
        # Somebody signed up: 5 of 10 are 50 %, 5 of 11 are 45 %.
        ({"total": 10, "onboarded": 5}, {"total": 11, "onboarded": 5}, ["", "", "", ""]),
        ({"total": 10, "onboarded": 5}, {"total": 15, "onboarded": 6}, ["", "", "", ""]),
        ({"total": 10, "onboarded": 5}, {"total": 10, "onboarded": 4}, ["", "", "", "worse"]),
        ({"total": 10, "onboarded": 5}, {"total": 11, "onboarded": 7}, ["", "", "", "better"]),
        ({"total": 10, "active_today": 10}, {"total": 10, "active_today": 9}, ["", "", "", ""]),
        ({"total": 10, "active_today": 10}, {"total": 10, "active_today": 8}, ["", "worse", "", ""]),
        ({"total": 99, "active_today": 60}, {"total": 99, "active_today": 55}, ["", "worse", "", ""]),
        ({"total": 99, "active_today": 60}, {"total": 99, "active_today": 56}, ["", "", "", ""]),
        ({"total": 10, "at_risk": 2}, {"total": 10, "at_risk": 3}, ["", "", "worse", ""]),
    ],
)
def test_only_what_is_clear_is_better_or_worse(then: dict[str, int], now: dict[str, int], meanings: list[str]) -> None:
    found = changes(make_day(**now), make_day(date=D - timedelta(days=7), **then))
    assert [change and change.meaning for change in found[:4]] == meanings


def test_at_risk_says_how_many_are_inactive_beside_it() -> None:
    card = cards(make_day(at_risk=4, inactive=1084), None)[2]
    assert (card.value, card.note, card.note_query) == ("4", "and 1,084 inactive", "status=inactive")
    assert cards(make_day(date=D - timedelta(days=1), at_risk=4), None)[2].note == ""


def test_there_is_no_change_from_nothing() -> None:
    now = make_day(**NOW)
    assert changes(now, None) == [None] * 6
    empty = make_day(date=D - timedelta(days=7))
    assert changes(now, empty)[3:] == [None] * 3
    nothing = make_day(date=D - timedelta(days=14))
    assert changes(empty, nothing)[:3] == [KpiChange("same in 7 days", "→", "")] * 3


@pytest.mark.parametrize(
    ("scored", "compared"),
    [
        ([0], None),
        ([0, 1, 6], None),
        ([0, 6, 7, 8], 7),
        ([0, 6, 9, 14], 9),
        ([0, 14], 14),
        ([0, 15, 30], None),
    ],
)
def test_a_date_is_compared_with_that_of_a_week_before_or_the_newest_before_it(
    scored: list[int], compared: int | None
) -> None:
    days = [make_day(date=D - timedelta(days=back)) for back in scored]
    before = days_around(days[0], 1).comparison_day
    assert (before and (D - before.date).days) == compared


def test_the_change_says_how_many_days_it_is_over() -> None:
    before = make_day(date=D - timedelta(days=9), total=10)
    assert cards(make_day(total=12), before)[0].change == KpiChange("+2 in 9 days", "↑", "")


def test_the_neighbours_of_a_date_are_scored_ones_however_far() -> None:
    for day in (date(2023, 1, 1), date(2025, 5, 8), D, date(2026, 3, 1)):
        make_day(date=day)
    first, _second, shown, last = PortfolioDay.objects.order_by("date")
    assert [one.date for one in days_around(shown, 90).scored] == [date(2025, 5, 8), D]
    assert (days_around(shown, 90).previous, days_around(shown, 90).next) == (date(2025, 5, 8), date(2026, 3, 1))
    assert (days_around(first, 90).previous, days_around(first, 90).next) == (None, date(2025, 5, 8))
    assert (days_around(last, 90).previous, days_around(last, 90).next) == (D, None)
    assert days_around(last, 90).scored == [last]

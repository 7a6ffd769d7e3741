"""The drawing of a score's way over thirty days: its points, its gaps, and what it says in words."""

from datetime import date, timedelta

import pytest
from django.test import Client

from analytics.display.sparkline import sparkline, sparklines
from tests.factories import make_customer, make_day, make_snapshot, make_staff
from tests.support.pages import Elements, main_part

D = date(2025, 5, 10)
FIRST = date(2025, 4, 11)
"""The first of the thirty days."""


def ago(days: int) -> date:
    return D - timedelta(days=days)


def test_a_line_from_the_first_day_to_the_last() -> None:
    drawn = sparkline({ago(days): 40 if days else 55 for days in range(30)}, D)
    points = drawn.lines[0].split()
    assert len(drawn.lines) == 1
    assert len(points) == 30
    # Two units a day from 1 on; 21 - 40 / 5 = 13 and 21 - 55 / 5 = 10.
    assert points[:2] == ["1,13", "3,13"]
    assert points[-2:] == ["57,13", "59,10"]
    assert drawn.dots == [(59, 10)]
    assert drawn.text == "score from 40 to 55 over 30 days"


def test_the_ends_of_the_scale() -> None:
    assert sparkline({ago(1): 0, D: 100}, D).lines == ["57,21 59,1"]
    assert sparkline({ago(1): 33, D: 1}, D).lines == ["57,14.4 59,20.8"]


def test_days_without_a_score_are_gaps_and_a_lone_day_is_a_dot() -> None:
    drawn = sparkline({ago(9): 50, ago(8): 55, ago(5): 60, ago(2): 65, ago(1): 70}, D)
    assert drawn.lines == ["41,11 43,10", "55,8 57,7"]
    assert drawn.dots == [(49, 9)]
    assert drawn.text == "score from 50 to 70 over 9 days"


@pytest.mark.parametrize("scores", [{}, {D: 50}])
def test_a_first_score_has_no_way(scores: dict[date, int]) -> None:
    drawn = sparkline(scores, D)
    assert drawn.lines == []
    assert drawn.dots == [(59, 11)] * len(scores)
    assert drawn.text == "no other score in 30 days"


@pytest.mark.django_db
def test_only_the_thirty_days_count() -> None:
    acme, best = make_customer(), make_customer()
    for day, score in ((ago(30), 1), (FIRST, 10), (FIRST + timedelta(days=1), 20), (D + timedelta(days=1), 99)):
        make_snapshot(acme, date=day, score=score)
    drawn = sparklines([acme.pk, best.pk], D)
    assert drawn[acme.pk].lines == ["1,19 3,17"]
    assert drawn[best.pk].lines == drawn[best.pk].dots == []


@pytest.mark.django_db
def test_the_drawing_on_the_page_follows_the_date(client: Client) -> None:
    client.force_login(make_staff("Viewer"))
    customer = make_customer(id="c1")
    for day, score in ((ago(2), 40), (ago(1), 45), (D, 55)):
        make_day(date=day, total=1)
        make_snapshot(customer, date=day, score=score)
    for query, points, text in (
        ("", "55,13 57,12 59,10", "score from 40 to 55 over 3 days"),
        (f"?as_of={ago(1)}", "57,13 59,12", "score from 40 to 45 over 2 days"),
    ):
        page = Elements(main_part(client.get(f"/admin/{query}"))).found
        assert [attrs["points"] for tag, attrs in page if tag == "polyline"] == [points]
        [drawing] = [attrs for _tag, attrs in page if attrs.get("class") == "sparkline"]
        assert (drawing["role"], drawing["aria-label"]) == ("img", text)

"""The change of a score over 7 and 30 days: which date it is to, the column, the order, the filter, the words."""

from datetime import date, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from analytics.customer_page.history import recent_snapshots
from analytics.models import ScoringPolicy, Snapshot
from analytics.portfolio.comparison import comparison_date, comparison_dates, comparison_day
from analytics.portfolio.score_change import ScoreChanges, score_changes
from analytics.portfolio.status_change import status_change
from customers.models import Customer
from tests.factories import make_customer, make_day, make_snapshot
from tests.support.pages import main_part, names, notices, rows, section, words

pytestmark = pytest.mark.django_db

D = date(2025, 5, 10)
ANT, BEE, CAT, DOG = "Ant", "Bee", "Cat", "Dog"


def before(days: int) -> date:
    return D - timedelta(days=days)


@pytest.fixture
def four() -> dict[str, Customer]:
    """Scored today, 7 and 31 days ago: Ant rose by 5, Bee fell by 20, then by 1; Cat came since, Dog stayed."""
    for days in (0, 7, 31):
        make_day(date=before(days), total=4)
    scores = {ANT: (50, 45, 70), BEE: (40, 60, 41), CAT: (30,), DOG: (90, 90, 90)}
    customers = {}
    for number, (name, known) in enumerate(scores.items()):
        customers[name] = make_customer(id=f"c{number}", organization=name)
        for days, score in zip((0, 7, 31), known, strict=False):
            make_snapshot(customers[name], date=before(days), score=score)
    return customers


@pytest.mark.parametrize(
    ("scored", "days", "found"),
    [
        ([], 7, None),
        ([0, 1, 6], 7, None),
        ([6, 7, 8], 7, 7),
        ([6, 9, 14], 7, 9),
        ([14], 7, 14),
        ([15], 7, None),
        ([7, 29], 30, None),
        ([29, 30, 31], 30, 30),
        ([37], 30, 37),
        ([38], 30, None),
    ],
)
def test_the_newest_scored_date_so_many_days_before_or_at_most_7_older(
    scored: list[int], days: int, found: int | None
) -> None:
    assert comparison_date(map(before, scored), D, days) == (None if found is None else before(found))
    for one in scored:
        make_day(date=before(one))
    assert comparison_dates(D)[days] == (None if found is None else before(found))
    if days == 7:
        assert (comparison_day(D) and comparison_day(D).date) == (None if found is None else before(found))


def changes(day: date = D) -> dict[str, tuple[int | None, int | None]]:
    found = ScoreChanges(day).beside(Snapshot.objects.on(day))
    return {one.customer.organization: (one.change_7, one.change_30) for one in found}


@pytest.mark.usefixtures("four")
def test_the_score_less_the_earlier_score() -> None:
    assert changes() == {ANT: (5, -20), BEE: (-20, -1), CAT: (None, None), DOG: (0, 0)}
    assert changes(before(31)) == {ANT: (None, None), BEE: (None, None), DOG: (None, None)}


def test_it_is_read_from_the_snapshots_so_a_date_scored_again_is_right(four: dict[str, Customer]) -> None:
    Snapshot.objects.filter(customer=four[BEE], date=before(7)).update(score=10)
    assert changes()[BEE] == (30, -1)
    make_day(date=before(8))  # older than the one of 7 days before: it is not asked
    assert changes()[BEE] == (30, -1)


def test_another_policy_makes_no_difference_to_the_sum(four: dict[str, Customer]) -> None:
    Snapshot.objects.filter(date=D).update(policy=ScoringPolicy.objects.create(name="v2", effective_from=D))
    assert changes()[BEE] == (-20, -1)


@pytest.mark.usefixtures("four")
@pytest.mark.parametrize(
    ("query", "order"),
    [
        ("sort=change_7", [BEE, DOG, ANT, CAT]),
        ("sort=-change_7", [ANT, DOG, BEE, CAT]),
        ("sort=change_30", [ANT, BEE, DOG, CAT]),
        ("sort=-change_30", [DOG, BEE, ANT, CAT]),
        ("sort=customer&fell_7=1", [BEE]),
        ("sort=customer&fell_7=20", [BEE]),
        ("sort=customer&fell_7=21", []),
        ("sort=customer&fell_30=1", [ANT, BEE]),
        ("sort=customer&fell_30=2", [ANT]),
        ("sort=-change_30&fell_30=1&fell_7=1", [BEE]),
        (f"sort=customer&fell_7=1&as_of={before(7)}", []),
    ],
)
def test_orders_and_filters(viewer: Client, query: str, order: list[str]) -> None:
    assert names(viewer.get(f"/admin/?{query}")) == order


@pytest.mark.usefixtures("four")
def test_the_columns_say_the_points_and_what_was(viewer: Client) -> None:
    page = viewer.get("/admin/?columns=score,change_7,change_30&sort=customer")
    table = words(main_part(page).split('id="table-box"')[1])
    assert "Change, 7 days Change, 30 days" in table
    assert page.text.count('<span class="score-fell" title="60 on 3 May 2025">−20</span>') == 1
    assert '<span class="score-still" title="41 on 9 Apr 2025">−1</span>' in page.text


@pytest.mark.usefixtures("four")
def test_without_a_column_of_its_own_the_change_of_a_week_stands_beside_the_score(viewer: Client) -> None:
    page = viewer.get("/admin/?columns=score&sort=customer")
    assert [row[1] for row in rows(page)] == ["50 +5", "40 −20", "30", "90"]
    assert '<span class="score-fell" title="60 on 3 May 2025">−20</span>' in page.text


@pytest.mark.usefixtures("four")
def test_what_is_no_number_of_points_is_refused_and_a_fall_is_said(viewer: Client) -> None:
    page = viewer.get("/admin/?fell_7=0&fell_30=101")
    assert [text for text in notices(page) if "fell" in text] == [
        "Score fell in 7 days by at least: Ensure this value is greater than or equal to 1.",
        "Score fell in 30 days by at least: Ensure this value is less than or equal to 100.",
    ]
    assert "Score fell in 7 days by at least: 5" in words(viewer.get("/admin/?fell_7=5").text)


def test_beside_the_score_of_a_customer(viewer: Client, four: dict[str, Customer]) -> None:
    Snapshot.objects.filter(customer=four[BEE], date=D).update(status="at_risk")
    page = viewer.get(f"/admin/customer/{four[BEE].pk}/")
    said = "−20 in 7 days · −1 in 30 days · Healthy → At risk on 10 May"
    assert f"Health score 40 ⚠ At risk · {said} · Activity trend" in words(main_part(page))
    assert section(page, "health").startswith(f"Health score: 40/100 (At risk) {said} ")
    assert 'title="Score less the score of 3 May 2025, whatever policy each was scored by"' in page.text
    assert section(page, "changed").startswith("What changed since 3 May 2025: −20 points")
    cat = viewer.get(f"/admin/customer/{four[CAT].pk}/")
    assert "Health score 30 Healthy · Activity trend" in words(main_part(cat))
    assert section(cat, "health").startswith("Health score: 30/100 (Healthy) 30% ")


def test_beside_a_score_of_january_the_days_of_december_say_their_year(viewer: Client) -> None:
    one, january = make_customer(signup_date=date(2024, 11, 1)), date(2025, 1, 3)
    for day, status, score in ((date(2024, 12, 27), "healthy", 80), (date(2024, 12, 31), "at_risk", 40)):
        make_snapshot(one, date=day, status=status, score=score)
        make_day(date=day)
    make_snapshot(one, date=january, status="at_risk", score=40)
    make_day(date=january)
    page = viewer.get(f"/admin/customer/{one.pk}/?as_of=2025-01-03")
    assert "Healthy → At risk on 31 Dec 2024" in section(page, "health")
    assert "Component 27 Dec 2024 3 Jan Data" in section(page, "changed")


def test_what_changed_compares_with_the_programs_date_alone(viewer: Client, four: dict[str, Customer]) -> None:
    make_snapshot(four[CAT], date=before(3), score=80)
    make_snapshot(four[CAT], date=before(12), score=80)
    make_day(date=before(3))
    make_day(date=before(12))
    assert "no score of 7 to 14 days before 10 May 2025" in section(
        viewer.get(f"/admin/customer/{four[CAT].pk}/"), "changed"
    )


@pytest.mark.parametrize(
    ("statuses", "found"),
    [
        ({0: "healthy"}, None),
        ({0: "healthy", 7: "healthy"}, None),
        ({0: "at_risk", 1: "at_risk", 3: "healthy"}, ("Healthy", "At risk", 1)),
        ({0: "at_risk", 7: "healthy", 9: "inactive"}, ("Healthy", "At risk", 0)),
        ({0: "at_risk", 30: "at_risk", 40: "healthy"}, ("Healthy", "At risk", 30)),
        ({0: "at_risk", 31: "at_risk", 40: "healthy"}, None),
    ],
)
def test_the_newest_change_of_the_status_in_a_month(
    statuses: dict[int, str], found: tuple[str, str, int] | None
) -> None:
    customer = make_customer()
    for days, status in statuses.items():
        make_snapshot(customer, date=before(days), status=status)
    change = status_change(recent_snapshots(customer, D))
    assert (change and (change.was, change.now, (D - change.day).days)) == found


def test_the_changes_of_one_customer(four: dict[str, Customer]) -> None:
    found = score_changes(recent_snapshots(four[ANT], D), comparison_dates(D))
    assert [(one.words, one.then) for one in found] == [
        ("+5 in 7 days", before(7)),
        ("−20 in 30 days", before(31)),
    ]


def test_what_a_score_cannot_be_compared_with_is_not_said(four: dict[str, Customer]) -> None:
    since = comparison_dates(D)
    assert score_changes(recent_snapshots(four[CAT], D), since) == []
    Snapshot.objects.filter(customer=four[ANT], date=before(31)).delete()
    assert [one.words for one in score_changes(recent_snapshots(four[ANT], D), since)] == ["+5 in 7 days"]


@pytest.mark.usefixtures("four")
def test_the_dates_are_asked_for_once(viewer: Client) -> None:
    with CaptureQueriesContext(connection) as captured:
        viewer.get("/admin/?fell_7=1&fell_30=1&sort=change_7&columns=change_30")
    assert len(captured) < 22  # two of them ask whether there is a forecast of the date, and for the milestones
    assert sum("BETWEEN" in one["sql"] and "portfolioday" in one["sql"] for one in captured) <= 3

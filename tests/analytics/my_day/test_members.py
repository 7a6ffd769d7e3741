"""The members of the worklist, read where they are wanted, are the whole list in its order."""

import pickle
from collections.abc import Sequence
from datetime import date, timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from analytics.models import Alert, AlertRule, Task
from analytics.my_day.members import FIRST, NOBODY, TEAM, HealthList, MembersPart, OpenList, WorkMembers
from analytics.urgency.stored import KEPT, keep_newest
from customers.core.sql import execute, is_postgres
from customers.models import Customer
from tests.factories import make_alert, make_day, make_run, make_staff
from tests.support.my_day import D, customer

pytestmark = pytest.mark.django_db
NUMBER = FIRST + 5
TODAY = date(2025, 5, 12)


@pytest.fixture
def owner() -> User:
    return make_staff("Program manager")


@pytest.fixture(params=[True, False], ids=["stored", "worked out"])
def by_health(request: pytest.FixtureRequest, owner: User) -> HealthList:
    """So many at risk, whose scores fall from the first key to the last; every third one is owned."""
    day = make_day(date=D)
    for number in range(NUMBER):
        customer(f"c{number:02}", None if number % 3 else owner, score=49 - number)
    if request.param:
        keep_newest(KEPT)
        day.refresh_from_db()
    return HealthList(day, None, TEAM)


@pytest.fixture
def by_open(by_health: HealthList, owner: User) -> OpenList:
    """Three who do well: one has an alert, an owner's has a worse one besides, and one has a task that is due.

    One more has both and is at risk, which is a reason by itself; one has a task for later.
    """
    made = {key: customer(key, owner if key == "x4" else None, score=score, status="healthy") for key, score in OPEN}
    make_alert(made["x3"], "fell")
    for kind in ("blocked", "fell"):
        make_alert(made["x4"], kind)
    for key, due in (("x5", TODAY), ("x6", TODAY + timedelta(days=1)), ("x4", TODAY)):
        Task.objects.create(customer=made[key], what="Call", due=due, owner=owner, created_by="sofia")
    make_alert(Customer.objects.get(pk="c03"), "fell")
    AlertRule.objects.filter(kind="fell").update(severity=3)
    AlertRule.objects.filter(kind="blocked").update(severity=1)
    return OpenList(by_health.portfolio, None, TEAM, TODAY)


OPEN = (("x3", 70), ("x4", 90), ("x5", 60), ("x6", 61))


def whole(by_health: HealthList, by_open: OpenList, without: Sequence[str] = ()) -> WorkMembers:
    first = MembersPart(by_health, without)
    return WorkMembers(first, MembersPart(by_open, without, keep=FIRST - first.length))


def test_the_worst_reason_stands_first_then_the_worst_alert_and_the_lowest_score(
    by_health: HealthList, by_open: OpenList
) -> None:
    found = whole(by_health, by_open, ["c28"])
    keys = [f"c{number:02}" for number in reversed(range(NUMBER)) if number != 28]
    assert found.customers == [*keys, "x4", "x3", "x5"]
    assert [(one.severity, one.alert) for one in found[-3:]] == [(5, 1), (5, 3), (6, 0)]
    assert [one.score for one in found[:2]] == [20, 22]
    assert (found[0].customer, found[FIRST + 1].customer, found[-1].customer) == ("c29", keys[FIRST + 1], "x5")
    assert [[one.customer for one in found.of(key)] for key in ("x4", "c28", "c9", "c07", "x6")] == [
        ["x4"],
        [],
        [],
        ["c07"],
        [],
    ]
    assert {one.customer for one in by_open.among(["x5", "c03", "x3"])} == {"x3", "x5"}


def test_each_slice_is_that_of_the_whole_list(by_health: HealthList, by_open: OpenList) -> None:
    found = whole(by_health, by_open)
    everybody = [*found]
    assert len(found) == len(everybody) == NUMBER + 3
    for start in (0, 1, FIRST - 1, FIRST, NUMBER - 1, NUMBER, NUMBER + 1, NUMBER + 9):
        for stop in (0, 1, FIRST, FIRST + 1, NUMBER, NUMBER + 1, NUMBER + 2, NUMBER + 9):
            assert found[start:stop] == everybody[start:stop]
    assert found[::-2] == everybody[::-2]
    with pytest.raises(IndexError):
        found[NUMBER + 3]


def test_a_short_list_is_kept_whole(by_health: HealthList, by_open: OpenList) -> None:
    """Of 30 the first four are wanted beside three; then no page asks the database."""
    made = whole(by_health, by_open, [f"c{number:02}" for number in range(4, NUMBER)])
    with CaptureQueriesContext(connection) as queries:
        assert [one.customer for one in made] == ["c03", "c02", "c01", "c00", "x4", "x3", "x5"]
        assert [one.customer for one in made[3:6]] == ["c00", "x4", "x3"]
    assert len(queries) == 0


def test_nothing_is_lost_by_way_of_the_cache(by_health: HealthList, by_open: OpenList) -> None:
    made = whole(by_health, by_open, ["c01"])
    found: WorkMembers = pickle.loads(pickle.dumps(made))  # noqa: S301  # its own bytes
    assert (len(found), [*found]) == (len(made), [*made])
    with CaptureQueriesContext(connection) as queries:
        assert found[:FIRST] == made[:FIRST]
    assert len(queries) == 0
    with CaptureQueriesContext(connection) as queries:
        assert found[FIRST:] == [*made][FIRST:]
    assert len(queries) == 4


def test_owners_are_counted_without_a_list(by_health: HealthList, by_open: OpenList, owner: User) -> None:
    """Ten of thirty are owned, of whom the first is left out; one of the three others is on it by an alert."""
    counts = whole(by_health, by_open, ["c00", "c01"]).by_owner()
    assert counts == {str(owner.pk): 9 + 1, NOBODY: 19 + 2}


def test_a_list_is_of_somebodys_customers(by_health: HealthList, by_open: OpenList, owner: User) -> None:
    theirs, nobodys = (
        WorkMembers(
            MembersPart(HealthList(by_health.portfolio, None, whose)),
            MembersPart(OpenList(by_health.portfolio, None, whose, TODAY)),
        )
        for whose in (str(owner.pk), NOBODY)
    )
    assert theirs.customers == [*(f"c{number:02}" for number in reversed(range(0, NUMBER, 3))), "x4"]
    assert (len(nobodys), {*nobodys.customers} & {*theirs.customers}) == (22, set())


def test_an_alert_without_a_rule_is_one(by_open: OpenList) -> None:
    """As after a rule's end, which closes its alerts, some of which are opened again."""
    Alert.objects.filter(customer="x4").update(rule=None)
    assert [(one.customer, one.severity, one.alert) for one in by_open.among(["x4"])] == [("x4", 5, 3)]


def test_postgresql_looks_through_the_alerts_once(by_open: OpenList) -> None:
    """Too many to be hashed in its memory: looked through for each customer they would take minutes."""
    if not (is_postgres() and by_open.portfolio.urgency_stored):
        pytest.skip("of PostgreSQL alone, where the rule is not worked out besides")
    keys = [f"n{number}" for number in range(4_000)]
    run = make_run()
    own = {"email": "a@b.example", "signup_date": date(2025, 1, 1), "run": run, "line": 2}
    customers = Customer.objects.bulk_create(Customer(id=key, organization=key, **own) for key in keys)
    rule = AlertRule.objects.get(kind="fell")
    Alert.objects.bulk_create(Alert(rule=rule, customer=one, opened_on=D, text="Fell") for one in customers)
    execute("SET LOCAL work_mem = '64kB'")
    execute("ANALYZE analytics_alert")
    assert "SubPlan" not in by_open.rows().order_by().values("customer").explain()

"""The members of the worklist, read where they are wanted, are the whole list in its order."""

import pickle

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from analytics.my_day.members import FIRST, NOBODY, TEAM, HealthList, WorkMember, WorkMembers
from analytics.urgency.stored import store_urgent
from tests.factories import make_day, make_staff
from tests.support.my_day import D, customer

pytestmark = pytest.mark.django_db
BY_ALERT, BY_WORSE_ALERT = WorkMember("x3", 3, 5, 10, 2), WorkMember("x4", 4, 5, 90, 1)
NUMBER = FIRST + 5


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
        store_urgent()
        day.refresh_from_db()
    return HealthList(day, None, TEAM)


def test_the_worst_reason_stands_first_then_the_lowest_score_then_the_worst_alert(by_health: HealthList) -> None:
    found = WorkMembers(by_health, ["c28"], [BY_ALERT, BY_WORSE_ALERT])
    keys = [f"c{number:02}" for number in reversed(range(NUMBER)) if number != 28]
    assert found.customers == [*keys, "x4", "x3"]
    assert [one.score for one in found[:2]] == [20, 22]
    assert (found[0].customer, found[FIRST + 1].customer, found[-1]) == ("c29", keys[FIRST + 1], BY_ALERT)
    assert (found.of("x4"), found.of("c28"), found.of("c9")) == ([BY_WORSE_ALERT], [], [])
    assert [one.customer for one in found.of("c07")] == ["c07"]


def test_each_slice_is_that_of_the_whole_list(by_health: HealthList) -> None:
    found = WorkMembers(by_health, [], [BY_ALERT, BY_WORSE_ALERT])
    everybody = [*found]
    assert len(found) == len(everybody) == NUMBER + 2
    for start in (0, 1, FIRST - 1, FIRST, NUMBER - 1, NUMBER, NUMBER + 1, NUMBER + 9):
        for stop in (0, 1, FIRST, FIRST + 1, NUMBER, NUMBER + 1, NUMBER + 9):
            assert found[start:stop] == everybody[start:stop]
    assert found[::-2] == everybody[::-2]
    with pytest.raises(IndexError):
        found[NUMBER + 2]


def test_nothing_is_lost_by_way_of_the_cache(by_health: HealthList) -> None:
    made = WorkMembers(by_health, ["c01"], [BY_ALERT])
    found: WorkMembers = pickle.loads(pickle.dumps(made))  # noqa: S301  # its own bytes
    assert (len(found), [*found]) == (len(made), [*made])
    with CaptureQueriesContext(connection) as queries:
        assert found[:FIRST] == made[:FIRST]
    assert len(queries) == 0
    with CaptureQueriesContext(connection) as queries:
        assert found[FIRST:] == [*made][FIRST:]
    assert len(queries) == 2


def test_owners_are_counted_without_a_list(by_health: HealthList, owner: User) -> None:
    """Ten of thirty are owned, of whom the first is left out; one of the others is on it by an alert."""
    customer("x3", owner, score=90, status="healthy")
    counts = WorkMembers(by_health, ["c00", "c01"], [BY_ALERT, BY_WORSE_ALERT]).by_owner()
    assert counts == {str(owner.pk): 10, NOBODY: 20}


def test_a_list_is_of_somebodys_customers(by_health: HealthList, owner: User) -> None:
    theirs = WorkMembers(HealthList(by_health.portfolio, None, str(owner.pk)))
    nobodys = WorkMembers(HealthList(by_health.portfolio, None, NOBODY))
    assert theirs.customers == [f"c{number:02}" for number in reversed(range(0, NUMBER, 3))]
    assert (len(nobodys), {*nobodys.customers} & {*theirs.customers}) == (20, set())

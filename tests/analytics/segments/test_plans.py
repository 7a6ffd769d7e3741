"""How the databases find whom a filter asks for: by the part of an index that has them, and in the order of it."""

import re

import pytest
from django.contrib.auth.models import User
from django.http import QueryDict

from analytics.customer_list.listing import CustomerList
from analytics.models import HealthStatus, Snapshot, SnapshotQuerySet
from customers.core.sql import execute, is_postgres
from tests.factories import make_customer, make_snapshot
from tests.support.scoring import D

pytestmark = pytest.mark.django_db
SORTS = re.compile(r"\bSort\b|B-TREE FOR ORDER BY")


@pytest.fixture
def five() -> None:
    """A customer of each status, from worst to best; every second one is a VIP."""
    for number, status in enumerate(HealthStatus):
        cohort = "VIP" if number % 2 else "Beta"
        make_snapshot(make_customer(id=status.value, organization=status.value, cohort=cohort), status=status)


def listed(query: str) -> SnapshotQuerySet:
    """Whom the list has for an address, by their keys alone."""
    customers = CustomerList(QueryDict(query), User(pk=1), D, me=None).customers
    return customers.select_related(None).only("pk")


def plan(rows: SnapshotQuerySet, *without: str) -> str:
    """How the database looks for rows, when PostgreSQL does without some ways that are best for few rows."""
    if is_postgres():
        execute("; ".join(f"SET LOCAL enable_{way} = off" for way in ("seqscan", "bitmapscan", *without)))
    return rows.explain()


@pytest.mark.usefixtures("five")
@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (["at_risk"], ["at_risk"]),
        (["champion", "inactive"], ["inactive", "champion"]),
        ([], ["at_risk", "needs_attention", "inactive", "healthy", "champion"]),
        (HealthStatus.values, ["at_risk", "needs_attention", "inactive", "healthy", "champion"]),
        (["at_risk", "great"], ["at_risk", "needs_attention", "inactive", "healthy", "champion"]),
    ],
)
def test_one_of_the_statuses(asked: list[str], found: list[str]) -> None:
    """An address with a status that does not exist asks for none, as it did."""
    query = "&".join(f"status={status}" for status in asked)
    assert [one.customer_id for one in listed(query)] == found


@pytest.mark.usefixtures("five")
def test_of_a_date_those_of_a_status_alone_are_read() -> None:
    """All of a date were looked at for a few champions."""
    expected = "Index Cond: .*CASE" if is_postgres() else "snapshot_in_lists .*<expr>=?"
    # In their order, which no other index has: of five rows PostgreSQL may read them all as well.
    found = plan(listed("status=champion"), "sort")
    assert re.search(expected, found), found


@pytest.mark.usefixtures("five")
def test_a_list_is_in_the_order_of_its_index() -> None:
    found = plan(listed(""))
    assert not SORTS.search(found), found


@pytest.mark.usefixtures("five")
def test_postgresql_reads_a_groups_members_beside_the_snapshots() -> None:
    """Both in the order of the key and from indexes alone; put into a table for hashes they took twice as long."""
    if not is_postgres():
        pytest.skip("SQLite looks through the snapshots of a date")
    assert "CASE" not in plan(listed("cohort=VIP&status=at_risk").order_by()), "a status is looked at beside them"
    members = listed("cohort=VIP").order_by().values_list("pk", "status", "score")
    found = plan(members, "hashjoin", "nestloop")
    assert ("Merge" in found, SORTS.search(found)) == (True, None), found
    assert found.count("Index Only Scan") == 2, found
    assert {key for (key,) in Snapshot.objects.filter(pk__in=members.values("pk")).values_list("customer_id")} == {
        "healthy",
        "at_risk",
    }

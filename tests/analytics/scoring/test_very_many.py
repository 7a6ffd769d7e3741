"""Very many customers are read and counted in parts: it gives what it gives at once."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any

import pytest
from django.db import connection, transaction

from analytics.models import CohortDay, PortfolioDay, Snapshot
from analytics.scoring import measure, snapshots, tally
from analytics.scoring.measure_sql import Whom, measure_sql
from analytics.scoring.policies import Policies
from analytics.scoring.snapshot_rows import scored_customers
from analytics.scoring.snapshots import score_day
from customers.core.ahead import postgresql, sqlite
from customers.core.ahead.fetching import fetch_ahead
from customers.core.sql import Statement, execute, fetch, is_postgres
from customers.models import Customer
from tests.factories import (
    make_customer,
    make_engagement,
    make_event,
    make_feedback,
    make_onboarding,
    make_policy,
)
from tests.support.own_databases import own, unblocked, url
from tests.support.reporting import report_counters, report_step
from tests.support.scoring import D

__all__ = ["own", "unblocked", "url"]

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("today")]

KEYS = ["a", "B", "b2", "c", "c 1", "é", "z'z"]
"""In no database's order of texts alike."""


@pytest.fixture
def program() -> None:
    """Seven customers in two cohorts, of which one has a policy with other windows; one of them signs up after D."""
    for number, key in enumerate(KEYS):
        signed_up = date(2025, 5, 11) if key == "c" else date(2025, 3 + number % 2, 1 + number)
        one = make_customer(id=key, cohort=["VIP", "Beta"][number % 2], signup_date=signed_up)
        make_onboarding(one, account_created=True, first_issue_tagged=number > 2, first_pr_generated=number > 4)
        for days in range(number + 1):
            make_engagement(one, date(2025, 5, 10 - days), issues_tagged=days, prs_generated=2, prs_merged=days % 3)
        make_engagement(one, date(2025, 4, 20), support_requests=number)
        make_event(one, date(2025, 4, 2), "account_created")
        make_feedback(one, date(2025, 5, 2), csat=1 + number % 5, nps=number)
    make_policy("VIPs", cohorts=["VIP"], activity_days=3, pr_days=10, activity_points_per_day=9)
    report_counters(Customer.objects.get(pk="é"), date(2025, 5, 12), issues_tagged=3, prs_generated=4)
    report_step(Customer.objects.get(pk="a"), date(2025, 5, 12), "first_pr_generated")


def stored() -> list[list[dict[str, Any]]]:
    """What a scoring stores, but when it was."""
    models = ((Snapshot, "customer_id"), (PortfolioDay, "date"), (CohortDay, "by"))
    found = [list(model._default_manager.order_by(order, "pk").values()) for model, order in models]
    return [[{**row, "id": 0, "scored_at": None} for row in rows] for rows in found]


@pytest.mark.usefixtures("program")
@pytest.mark.parametrize("at_once", [1, 2, 4, 6])
def test_what_is_read_and_counted_in_parts_is_the_same(monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    score_day(D)
    whole = stored()
    assert [len(rows) for rows in whole] == [6, 1, 5]
    assert Snapshot.objects.so_far().count() == 2
    for name in ("MOST_KEPT", "AT_ONCE"):
        monkeypatch.setattr(measure, name, at_once)
    monkeypatch.setattr(measure, "FETCH_SIZE", at_once)
    monkeypatch.setattr(tally, "_AT_ONCE", at_once)
    score_day(D)
    assert stored() == whole


@pytest.mark.usefixtures("program")
@pytest.mark.parametrize(("at_once", "ranges"), [(7, 0), (6, 2), (3, 3)])
def test_postgresql_measures_ranges_of_very_many(monkeypatch: pytest.MonkeyPatch, at_once: int, ranges: int) -> None:
    """Of the seven, for each of the two sets of windows."""
    asked: list[Whom] = []
    for name in ("MOST_KEPT", "AT_ONCE"):
        monkeypatch.setattr(measure, name, at_once)
    monkeypatch.setattr(measure, "measure_sql", lambda policy, whom: asked.append(whom) or measure_sql(policy, whom))
    list(scored_customers(D, Policies.on(D)))
    in_ranges = ranges and connection.vendor == "postgresql"
    assert asked == ([Whom.RANGE] * 2 * ranges if in_ranges else [Whom.EVERYBODY] * 2)


@pytest.mark.django_db(transaction=True)
def test_ranges_that_are_measured_side_by_side_are_the_same(monkeypatch: pytest.MonkeyPatch, program: None) -> None:
    """Where all is committed; what is not yet is seen by this connection alone, which then measures them in turn."""
    sessions: list[int] = []

    def noted(sql: str) -> int:
        sessions.extend(*fetch("SELECT pg_backend_pid()"))
        return execute(sql)

    monkeypatch.setattr(postgresql, "execute", noted)
    score_day(D)
    whole = stored()
    monkeypatch.setattr(measure, "FETCHED_AHEAD", 7)
    for name in ("MOST_KEPT", "AT_ONCE"):
        monkeypatch.setattr(measure, name, 2)
    with transaction.atomic():
        score_day(D)
    assert (sessions, stored()) == ([], whole)
    score_day(D)
    assert stored() == whole
    # Four ranges for each of the two sets of windows, each on a connection of its own.
    assert len(set(sessions)) == len(sessions) == (8 if is_postgres() else 0)


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(not is_postgres(), reason="of PostgreSQL alone")
@pytest.mark.parametrize("in_order", [False, True])
@pytest.mark.parametrize("few", [False, True])
def test_one_statement_is_fetched_while_what_came_before_is_scored(
    monkeypatch: pytest.MonkeyPatch, program: None, in_order: bool, few: bool
) -> None:
    """From seven customers on, for each of the two sets of windows; in the order of an index where all is visible."""
    asked: list[bool] = []

    def noted(statements: list[Statement], *, in_order: bool) -> Any:
        asked.append(in_order)
        return fetch_ahead(statements, in_order=in_order)

    monkeypatch.setattr(measure, "fetch_ahead", noted)
    monkeypatch.setattr(measure, "is_visible", lambda table: in_order and table == "customers_engagement")
    score_day(D)
    whole = stored()
    assert asked == []
    monkeypatch.setattr(measure, "FETCHED_AHEAD", 8 if few else 7)
    score_day(D)
    assert stored() == whole
    assert asked == ([] if few else [in_order] * 2)


@pytest.fixture
def asked_ahead(url: str, monkeypatch: pytest.MonkeyPatch) -> list[Statement]:
    """The statements that SQLite works at ahead, in a database of a file, with three customers at once."""
    found: list[Statement] = []
    ask = sqlite._Asked

    def noted(pool: ThreadPoolExecutor, statement: Statement) -> sqlite._Asked:
        found.append(statement)
        return ask(pool, statement)

    monkeypatch.setattr(sqlite, "_Asked", noted)
    monkeypatch.setattr(measure, "WALKED_AT_ONCE", 3)
    monkeypatch.setattr(measure, "FETCHED_AHEAD", 6)
    return found


@pytest.mark.skipif(is_postgres(), reason="of SQLite alone")
def test_sqlite_walks_ranges_side_by_side(asked_ahead: list[Statement], program: None) -> None:
    """Where all is committed; seven customers in two ranges, for each of the two sets of windows."""
    with transaction.atomic():
        score_day(D)
    whole = stored()
    assert ([len(rows) for rows in whole], asked_ahead) == ([6, 1, 5], [])
    score_day(D)
    assert stored() == whole
    assert [(one["first"], one["last"]) for _sql, one in asked_ahead] == [("B", "c"), ("c 1", "é")] * 2


@pytest.mark.django_db(transaction=True)
def test_an_error_in_the_middle_leaves_no_range_behind(monkeypatch: pytest.MonkeyPatch, program: None) -> None:
    """Also while the error is still told of, and so all that it went through is kept."""
    monkeypatch.setattr(measure, "FETCHED_AHEAD", 7)
    for name in ("MOST_KEPT", "AT_ONCE"):
        monkeypatch.setattr(measure, name, 2)
    monkeypatch.setattr(snapshots, "snapshot_row", lambda _day, _scored: 1 / 0)
    with pytest.raises(ZeroDivisionError) as told:
        score_day(D)
    assert told.tb is not None
    assert not [one for one in threading.enumerate() if one.name.startswith("ahead")]

"""Inside, every query sees the draft's program; outside nobody does, and nothing stays."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from threading import Barrier

import pytest
from django.db import connection, connections

from analytics.alerts.candidates import inputs_of
from analytics.alerts.kinds import CUSTOMER_KINDS
from analytics.models import AlertRule, RecommendationRule, ScoringPolicy, Snapshot
from analytics.policy_lab.changes import changes_step_by_step
from analytics.policy_lab.hypothetical import hypothetical
from analytics.scoring.policies import Policies
from analytics.scoring.snapshots import score_day
from analytics.segments.segment import Segment
from analytics.tasks.recommendations import recommendations
from customers.core.sql import execute, fetch, is_postgres
from tests.support.own_databases import database, own, unblocked, url
from tests.support.policies import make_draft
from tests.support.policy_lab import BY_DRAFT, BY_FIRST, MORE_ACTIVITY, D, plant

__all__ = ["own", "unblocked", "url"]


def scores() -> dict[str, int]:
    return dict(Snapshot.objects.on(D).values_list("customer", "score"))


def with_draft(draft: ScoringPolicy) -> Policies:
    return Policies.on(D).with_policy(draft)


@pytest.mark.django_db
def test_every_query_sees_the_drafts_program() -> None:
    plant()
    RecommendationRule.objects.all().delete()
    RecommendationRule.objects.create(text="Call", condition="at_risk", urgency=1)
    rule = AlertRule.objects.get(kind="at_risk")
    kind = CUSTOMER_KINDS["at_risk"]

    def seen() -> list[object]:
        snapshots = list(Snapshot.objects.on(D))
        low = Snapshot.objects.filter(pk__in=Segment("score_max=40", D).snapshots.values("pk"))
        return [
            scores(),
            sorted(inputs.customer_id for inputs in inputs_of(kind, rule, D)),
            sorted(customer for customer, actions in recommendations(snapshots).items() if actions),
            sorted(Segment("status=at_risk", D).snapshots.values_list("customer", flat=True)),
            sorted(low.values_list("customer__organization", flat=True)),
            {snapshot.policy.name for snapshot in snapshots},
        ]

    stored = [
        BY_FIRST,
        ["ann", "dan"],
        ["ann", "dan"],
        ["ann", "dan"],
        ["Dan", "Eve"],
        {ScoringPolicy.objects.get().name},
    ]
    assert seen() == stored
    draft = make_draft(**MORE_ACTIVITY)
    with hypothetical(D, with_draft(draft)):
        assert seen() == [BY_DRAFT, ["cyd", "dan"], ["cyd", "dan"], ["cyd", "dan"], ["Cyd", "Dan", "Eve"], {"Draft"}]
    assert seen() == stored


@pytest.mark.django_db
def test_other_dates_are_seen_as_they_are_stored() -> None:
    plant()
    score_day(date(2025, 5, 9))
    before = list(Snapshot.objects.filter(date=date(2025, 5, 9)).order_by("pk").values())
    with hypothetical(D, with_draft(make_draft(**MORE_ACTIVITY))):
        assert list(Snapshot.objects.filter(date=date(2025, 5, 9)).order_by("pk").values()) == before
        assert sorted(Snapshot.objects.filter(customer="ann").values_list("date", "score")) == [
            (date(2025, 5, 9), 45),
            (D, 65),
        ]
        # No two have one key.
        assert len(set(Snapshot.objects.values_list("pk", flat=True))) == 10


@pytest.mark.django_db
def test_nothing_is_left_after_an_exception() -> None:
    plant()
    policies = with_draft(make_draft(**MORE_ACTIVITY))
    with pytest.raises(ZeroDivisionError), hypothetical(D, policies):
        assert scores() == BY_DRAFT
        raise ZeroDivisionError
    assert scores() == BY_FIRST
    assert temporary_names() == []
    with hypothetical(D, policies):
        assert scores() == BY_DRAFT
    assert temporary_names() == []


@pytest.mark.django_db
def test_nothing_is_left_of_a_preview_that_nobody_waits_for(monkeypatch: pytest.MonkeyPatch) -> None:
    plant()
    monkeypatch.setattr("analytics.policy_lab.hypothetical.ROWS_AT_ONCE", 2)
    steps = changes_step_by_step(make_draft(**MORE_ACTIVITY), D)
    assert [next(steps), next(steps)] == [2, 4]
    steps.close()
    assert (scores(), temporary_names()) == (BY_FIRST, [])


def temporary_names() -> list[str]:
    if is_postgres():
        found = fetch("SELECT relname FROM pg_class WHERE relnamespace = pg_my_temp_schema()")
    else:
        found = fetch("SELECT name FROM temp.sqlite_master")
    return [name for (name,) in found if "snapshot" in name]


@pytest.mark.django_db
def test_snapshots_cannot_be_written_inside() -> None:
    plant()
    policies = with_draft(make_draft(**MORE_ACTIVITY))
    with pytest.raises(Exception, match=r"cannot (modify|update|delete)"), hypothetical(D, policies):
        execute("UPDATE analytics_snapshot SET score = 0")
    assert scores() == BY_FIRST


def test_others_see_and_write_the_stored_ones_meanwhile(url: str) -> None:
    plant()
    policies = with_draft(make_draft(**MORE_ACTIVITY))
    other = connection.copy()
    try:
        with hypothetical(D, policies), other.cursor() as cursor:
            assert scores() == BY_DRAFT
            cursor.execute("SELECT customer_id, score FROM analytics_snapshot")
            assert dict(cursor.fetchall()) == BY_FIRST
            if is_postgres():
                cursor.execute("BEGIN; SET lock_timeout = 1; LOCK TABLE analytics_snapshot IN EXCLUSIVE MODE; COMMIT")
            else:
                cursor.execute("PRAGMA busy_timeout = 0")
            cursor.execute("UPDATE analytics_snapshot SET score = 1 WHERE customer_id = 'ann'")
            # It sees one moment.
            assert scores() == BY_DRAFT
            assert fetch("SELECT COUNT(*) FROM analytics_snapshot WHERE score = 1") == [(0,)]
    finally:
        other.close()
    assert scores() == {**BY_FIRST, "ann": 1}
    # The next transaction announces a writer again.
    assert is_postgres() or vars(connections["default"])["transaction_mode"] == "IMMEDIATE"


def test_two_at_once_see_each_their_own(url: str) -> None:
    plant()
    name, together = connection.settings_dict["NAME"], Barrier(2)
    one = with_draft(make_draft(**MORE_ACTIVITY))
    two = with_draft(make_draft(name="Other", activity_max=40, pr_max=15))

    def ask(policies: Policies) -> dict[str, int]:
        with database(name), hypothetical(D, policies):
            together.wait(60)
            return scores()

    with ThreadPoolExecutor(2) as threads:
        first, second = threads.map(ask, [one, two])
    # Ann has 7 active days of 5 points; Bob and Cyd lose 10 of their points for PRs.
    assert (first, second) == (BY_DRAFT, {"ann": 50, "bob": 60, "cyd": 40, "dan": 25, "eve": 15})
    assert scores() == BY_FIRST

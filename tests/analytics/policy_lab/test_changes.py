"""What a draft would change on the planted program; all expected values are worked out by hand."""

import hashlib
from datetime import date

import pytest

from analytics.models import AlertRule, HealthStatus, PortfolioDay, RecommendationRule, Snapshot, Task
from analytics.policy_lab.changes import by_rule, changes
from analytics.scoring.snapshot_rows import stored_digest
from analytics.scoring.snapshots import score_day
from tests.factories import make_alert, make_customer
from tests.support.policies import make_draft
from tests.support.policy_lab import BY_DRAFT, BY_FIRST, MORE_ACTIVITY, D, plant, publish

pytestmark = pytest.mark.django_db
CHAMPION, HEALTHY, ATTENTION, AT_RISK, INACTIVE = HealthStatus


@pytest.fixture(autouse=True)
def three_rules() -> None:
    RecommendationRule.objects.all().delete()
    for urgency, (text, condition) in enumerate(
        [("Call", "at_risk"), ("Check in", "needs_attention"), ("Thank", "healthy")]
    ):
        RecommendationRule.objects.create(text=text, condition=condition, urgency=urgency)


def test_statuses_and_scores_before_and_after() -> None:
    plant()
    found = changes(make_draft(**MORE_ACTIVITY), D)
    assert found.before == {CHAMPION: 0, HEALTHY: 1, ATTENTION: 1, AT_RISK: 2, INACTIVE: 1}
    assert found.after == {CHAMPION: 0, HEALTHY: 0, ATTENTION: 2, AT_RISK: 2, INACTIVE: 1}
    moves = [
        (one.customer, one.before.status, one.after.status, one.before.score, one.after.score)
        for one in found.moves.all()
    ]
    assert moves == [
        # One place down and 20 points lost, then one up; Dan's score alone moves, Eve's does not.
        ("bob", HEALTHY, ATTENTION, 70, 50),
        ("cyd", ATTENTION, AT_RISK, 50, 30),
        ("ann", AT_RISK, ATTENTION, 45, 65),
        ("dan", AT_RISK, AT_RISK, 25, 35),
        ("eve", INACTIVE, INACTIVE, 15, 15),
    ]
    assert (found.moves.status_moves, found.moves.moves, len(found.moves)) == (3, 4, 5)
    assert [one.customer for one in found.moves.furthest(10)] == ["bob", "cyd", "ann", "dan"]
    assert [one.customer for one in found.moves.furthest(3)] == ["bob", "cyd", "ann"]


def test_the_components_that_move() -> None:
    plant()
    found = changes(make_draft(**MORE_ACTIVITY), D)
    moved = {one.customer: one.components for one in found.moves.all()}
    assert moved == {
        "bob": [("PR success rate", 25, 5)],
        "cyd": [("PR success rate", 25, 5)],
        "ann": [("Activity level", 30, 50)],
        "dan": [("Activity level", 10, 20)],
        "eve": [],
    }


def test_worse_by_more_places_comes_first_and_inactive_is_worst() -> None:
    plant()
    # Bob and Cyd were last active nine days before, so they become Inactive. No score moves.
    found = changes(make_draft(inactive_days=7), D)
    assert [(one.customer, one.after.status, one.change) for one in found.moves.all()][:2] == [
        ("bob", INACTIVE, 0),  # From Healthy, by three places.
        ("cyd", INACTIVE, 0),  # From Needs attention, by two.
    ]
    assert (found.moves.status_moves, found.moves.moves, found.moves.furthest(10)) == (2, 2, [])


def test_alerts_that_open_and_close() -> None:
    plant()
    for customer, score in (("ann", 45), ("dan", 25)):
        make_alert(Snapshot.objects.get(customer=customer).customer, opened_on=D, value=score)
    found = changes(make_draft(**MORE_ACTIVITY), D)
    rule = AlertRule.objects.get(kind="at_risk")
    assert found.opened == [(rule.pk, str(rule), "cyd", "At risk with a score of 30")]
    assert found.closed == [(rule.pk, str(rule), "ann", "Withdrawn: the data for 10 May 2025 changed")]


def test_alerts_that_grow_worse() -> None:
    plant()
    ann, dan = (Snapshot.objects.get(customer=name).customer for name in ("ann", "dan"))
    make_alert(ann, opened_on=D, value=45)
    make_alert(dan, opened_on=D, value=23)
    own = AlertRule.objects.create(kind="custom", name="Low", query="score_max=70")
    make_alert(dan, rule=own, opened_on=D, value=25)
    # Two points an active day: Ann has 29 points in place of 45, Dan 19 in place of 25.
    found = changes(make_draft(activity_points_per_day=2), D)
    rule = AlertRule.objects.get(kind="at_risk")
    # It is told again from 5 points less than was last told: Dan's first alert is one short of that.
    assert [(one.rule, one.customer) for one in found.worse or ()] == [(rule.pk, "ann"), (own.pk, "dan")]
    assert [one.text.rpartition(", ")[2] for one in found.worse or ()] == [
        "At risk with a score of 29",
        "At risk with a score of 19",
    ]
    assert (found.opened, found.closed) == ([], [])


def test_what_grows_worse_anyway_is_no_news() -> None:
    plant()
    make_alert(Snapshot.objects.get(customer="dan").customer, opened_on=D, value=40)
    assert changes(make_draft(activity_points_per_day=2), D).worse == []


def test_an_own_rules_alerts() -> None:
    plant()
    AlertRule.objects.all().delete()
    rule = AlertRule.objects.create(kind="custom", name="Low", query="score_max=40", recovery=1)
    found = changes(make_draft(**MORE_ACTIVITY), D)
    # Dan and Eve are there already; Cyd is new.
    assert found.opened is not None
    assert [(one.rule, one.customer) for one in found.opened] == [(rule.pk, "cyd")]
    assert found.closed == []


def test_an_alert_of_an_older_date_needs_its_recovery_days() -> None:
    plant()
    score_day(date(2025, 5, 9))
    score_day(date(2025, 5, 8))
    AlertRule.objects.filter(kind="at_risk").update(recovery=1)
    ann = Snapshot.objects.get(customer="ann", date=D).customer
    make_alert(ann, opened_on=date(2025, 5, 9), value=45)
    found = changes(make_draft(**MORE_ACTIVITY), D)
    assert [(one.customer, one.text) for one in found.closed or ()] == [("ann", "Needs attention with a score of 65")]
    AlertRule.objects.filter(kind="at_risk").update(recovery=2)
    assert changes(make_draft(**MORE_ACTIVITY, name="Other"), D).closed == []


def test_what_is_raised_anyway_is_no_news() -> None:
    plant()
    # Nothing was evaluated: Dan's alert would be raised without the draft, too.
    found = changes(make_draft(**MORE_ACTIVITY), D)
    assert [one.customer for one in found.opened or ()] == ["cyd"]


def test_alerts_are_those_of_the_newest_date_alone() -> None:
    plant()
    score_day(date(2025, 5, 11))
    found = changes(make_draft(**MORE_ACTIVITY), D)
    assert (found.opened, found.closed) == (None, None)
    assert found.moves.status_moves == 3


def test_actions_that_come_and_go() -> None:
    plant()
    found = changes(make_draft(**MORE_ACTIVITY), D)
    assert [(name, [one.customer for one in news]) for name, news in by_rule(found.added)] == [
        ("Check in", ["ann", "bob"]),
        ("Call", ["cyd"]),
    ]
    assert [(name, [one.customer for one in news]) for name, news in by_rule(found.dropped)] == [
        ("Call", ["ann"]),
        ("Check in", ["cyd"]),
        ("Thank", ["bob"]),
    ]


def test_an_action_that_is_open_already_neither_comes_nor_goes() -> None:
    plant()
    rule = RecommendationRule.objects.get(text="Check in")
    Task.objects.create(customer_id="ann", rule=rule, what="Check in", kind="check_in", due=D)
    found = changes(make_draft(**MORE_ACTIVITY), D)
    assert [(name, [one.customer for one in news]) for name, news in by_rule(found.added)] == [
        ("Call", ["cyd"]),
        ("Check in", ["bob"]),
    ]


def test_the_digest_is_that_of_what_is_stored_after_publishing() -> None:
    plant()
    draft = make_draft(**MORE_ACTIVITY)
    before, found = stored_digest(D), changes(draft, D)
    by_hand = "".join(
        f"{customer}\0002025-05-10\0{score}\0{status}\n"
        for (customer, score), status in zip(
            BY_DRAFT.items(), ["needs_attention", "needs_attention", "at_risk", "at_risk", "inactive"], strict=True
        )
    )
    assert found.digest == hashlib.sha256(by_hand.encode()).hexdigest() != before
    # Until then nothing is stored.
    assert stored_digest(D) == before
    publish(draft, D)
    score_day(D)
    assert stored_digest(D) == found.digest
    assert dict(Snapshot.objects.filter(date=D).values_list("customer", "score")) == BY_DRAFT != BY_FIRST


def test_a_draft_like_what_is_in_force_changes_nothing() -> None:
    plant()
    found = changes(make_draft(), D)
    assert found.is_nothing
    assert found.digest == stored_digest(D)
    assert (found.moves.status_moves, found.moves.moves, len(found.moves)) == (0, 0, 5)


def test_who_was_loaded_since_the_scoring_is_counted_after_alone() -> None:
    plant()
    make_customer(id="fay", signup_date=date(2025, 3, 1))
    found = changes(make_draft(**MORE_ACTIVITY), D)
    assert (sum(found.before.values()), sum(found.after.values()), len(found.moves)) == (5, 6, 5)


def test_the_scored_date_itself_stays_as_it_is() -> None:
    plant()
    before = PortfolioDay.objects.values().get(), list(Snapshot.objects.order_by("pk").values())
    changes(make_draft(**MORE_ACTIVITY), D)
    assert (PortfolioDay.objects.values().get(), list(Snapshot.objects.order_by("pk").values())) == before

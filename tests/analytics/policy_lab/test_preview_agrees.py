"""What a preview says is what happens: on random programs, policies and segments, by publishing and scoring."""

from collections import Counter
from collections.abc import Callable
from datetime import date

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics.alerts.evaluate import evaluate
from analytics.models import Alert, AlertRule, RecommendationRule, ScoringPolicy, Snapshot, Task
from analytics.policy_lab import publishing
from analytics.policy_lab.changes import changes
from analytics.scoring.snapshot_rows import stored_digest
from analytics.scoring.snapshots import score_day
from analytics.tasks.recommendations import recommendations
from tests.factories import make_customer, make_engagement
from tests.support.databases import examples
from tests.support.policies import POLICIES, SEGMENTS, make_draft, make_program
from tests.support.scoring import D

pytestmark = pytest.mark.django_db

Figures = tuple[str, int, tuple[int | None, ...]]
ALERT = ("rule", "customer", "value")
POINTS = ("activity", "pr_success", "adoption", "support", "nps")


@pytest.fixture
def today(today_is: Callable[[date], None]) -> None:
    today_is(D)


def figures() -> dict[str, Figures]:
    rows = Snapshot.objects.filter(date=D).values_list("customer", "status", "score", *POINTS)
    return {customer: (status, score, tuple(points)) for customer, status, score, *points in rows}


def actions() -> set[tuple[int | None, str]]:
    snapshots = list(Snapshot.objects.on(D))
    return {(one.rule, customer) for customer, found in recommendations(snapshots).items() for one in found}


def alerts() -> tuple[set[tuple[int, str | None]], set[tuple[int, str | None]]]:
    """Those that are open, and those that have closed."""
    rows = list(Alert.objects.values_list("rule", "customer", "closed_on"))
    opened, closed = (
        {(rule, customer) for rule, customer, on in rows if bool(on) == ended} for ended in (False, True)
    )
    return opened, closed


def values() -> dict[tuple[int, str | None], int | None]:
    """What was last told of each open alert."""
    return {(rule, customer): value for rule, customer, value in Alert.objects.open().values_list(*ALERT)}


def draw_rules(data: st.DataObject) -> None:
    """Own rules and rules of each kind that recover at once or after some dates, and a task that is done or open."""
    recovery = data.draw(st.integers(1, 3))
    AlertRule.objects.update(active=True, recovery=recovery, cooldown=data.draw(st.sampled_from([0, 5])))
    AlertRule.objects.filter(kind="fell").update(threshold=data.draw(st.integers(1, 15)))
    AlertRule.objects.create(kind="custom", name="Low", query="score_max=40", recovery=recovery)
    AlertRule.objects.create(kind="custom", name="Fell", query="fell_7=1&status=at_risk", recovery=1)
    RecommendationRule.objects.create(text="Ask", condition="score_below", threshold=30, urgency=1)
    closed = data.draw(st.sampled_from([None, date(2025, 5, 1)]))
    rule = data.draw(st.sampled_from(list(RecommendationRule.objects.filter(active=True))))
    state = Task.State.DONE if closed else Task.State.OPEN
    Task.objects.create(customer_id="c0", rule=rule, what=rule.text, due=D, state=state, closed_on=closed)


@settings(max_examples=examples(20), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
@pytest.mark.usefixtures("today")
def test_a_preview_says_what_publishing_does(data: st.DataObject) -> None:
    with transaction.atomic():
        make_program(data)
        make_engagement(make_customer(id="busy", signup_date=date(2025, 4, 1)), D, issues_tagged=1)
        draw_rules(data)
        others = data.draw(st.lists(SEGMENTS, max_size=2, unique_by=str))
        for place, segment in enumerate(others):
            other = make_draft(f"p{place}", **segment, **data.draw(POLICIES))
            if not publishing.why_not(other, D):
                publishing.publish(other, date(2025, 5, data.draw(st.integers(1, 10))), "Because", "paula")
        for day in data.draw(st.sets(st.integers(5, 9), max_size=3)):
            score_day(date(2025, 5, day))
            if data.draw(st.booleans()):
                evaluate()
        score_day(D)
        evaluate()
        draft = make_draft("Mine", **data.draw(SEGMENTS), **data.draw(POLICIES))
        if not publishing.why_not(draft, D):
            judge(draft)
        transaction.set_rollback(True)


def judge(draft: ScoringPolicy) -> None:
    """Preview a draft, publish it, and compare."""
    before, actions_before, (open_before, closed_before), told = figures(), actions(), alerts(), values()
    found = changes(draft, D)
    assert (figures(), actions(), alerts()) == (before, actions_before, (open_before, closed_before))
    publishing.publish(draft, D, "Because", "paula")
    score_day(D)
    assert stored_digest(D) == found.digest
    after, actions_after = figures(), actions()
    for counts, rows in ((found.before, before), (found.after, after)):
        assert counts == {**dict.fromkeys(counts, 0), **Counter(status for status, _score, _points in rows.values())}
    moved = {one.customer: one for one in found.moves.all()}
    assert {
        key: (one.before.status.value, one.before.score, one.before.points) for key, one in moved.items()
    } == before
    assert {key: (one.after.status.value, one.after.score, one.after.points) for key, one in moved.items()} == after
    policies = dict(Snapshot.objects.filter(date=D).values_list("customer", "policy__name"))
    assert {key: one.after.policy for key, one in moved.items()} == policies
    assert {(one.rule, one.customer) for one in found.added} == actions_after - actions_before
    assert {(one.rule, one.customer) for one in found.dropped} == actions_before - actions_after
    evaluate()
    open_after, closed_after = alerts()
    assert {(one.rule, one.customer) for one in found.opened or ()} == open_after - open_before
    assert {(one.rule, one.customer) for one in found.closed or ()} == open_before - open_after
    assert closed_before <= closed_after
    still = values()
    assert {(one.rule, one.customer) for one in found.worse or ()} == {
        key for key, value in told.items() if key in still and still[key] != value
    }

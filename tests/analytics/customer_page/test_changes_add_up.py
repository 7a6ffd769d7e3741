"""Whatever the rows are, the parts of a changed score add up, and agree with the oracle."""

from datetime import date, timedelta

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from analytics.customer_page.what_changed import Change
from analytics.scoring.snapshots import score_day
from customers.models import Customer, Engagement, Event, Feedback, Onboarding, Step
from tests.factories import make_customer, make_engagement, make_run
from tests.support import oracle
from tests.support.changed_scores import NOW, THEN, compare, make_policy, scored
from tests.support.databases import examples

pytestmark = pytest.mark.django_db

FIRST, LAST = THEN - timedelta(days=185), NOW
_days = st.integers(0, (LAST - FIRST).days).map(lambda number: FIRST + timedelta(days=number))
_recent = st.integers(0, 45).map(lambda number: NOW - timedelta(days=number))
_any_day = st.one_of(_days, _recent)
_few = st.integers(0, 3)
_engagement = st.lists(st.tuples(_any_day, _few, _few, _few, _few), max_size=12)
_feedback = st.lists(st.tuples(_any_day, st.none() | st.integers(0, 10), st.none() | st.integers(1, 5)), max_size=5)
_events = st.lists(st.tuples(_any_day, st.sampled_from(Step.values)), max_size=4)
_flags = st.lists(st.booleans(), min_size=5, max_size=5)


@st.composite
def _stories(draw: st.DrawFn) -> oracle.Feeds:
    """A customer's rows; ``late`` ones come when the first date has been scored."""
    names = ("issues_tagged", "prs_generated", "prs_merged", "support_requests")
    return oracle.Feeds(
        customers=[{"id": "c", "signup_date": FIRST, "status": "active"}],
        onboarding=[{"id": "o", "customer_id": "c", **dict(zip(oracle.STEPS, draw(_flags), strict=True))}],
        engagement=[
            {"id": f"e{place}", "customer_id": "c", "date": day, **dict(zip(names, counts, strict=True))}
            for place, (day, *counts) in enumerate(draw(_engagement))
        ],
        feedback=[
            {"id": f"f{place}", "customer_id": "c", "date": day, "nps": nps, "csat": csat}
            for place, (day, nps, csat) in enumerate(draw(_feedback))
        ],
        events=[
            {"id": f"v{place}", "customer_id": "c", "date": day, "kind": kind}
            for place, (day, kind) in enumerate(draw(_events))
        ],
    )


def _load(feeds: oracle.Feeds) -> Customer:
    run = make_run()
    line = {"run_id": run.pk, "line": 2}
    customer = make_customer(**feeds.customers[0], **line)
    for model, rows in (
        (Onboarding, feeds.onboarding),
        (Engagement, feeds.engagement),
        (Feedback, feeds.feedback),
        (Event, feeds.events),
    ):
        model.objects.bulk_create(model(**row, **line) for row in rows)
    return customer


def _cut(feeds: oracle.Feeds, known_to: date) -> oracle.Feeds:
    """The rows dated up to a day; a flag is there where its step is dated by then."""
    steps = oracle.dated_steps(feeds, feeds.customers[0], known_to, {})
    return oracle.Feeds(
        customers=feeds.customers,
        onboarding=[{"id": "o", "customer_id": "c", **{step: step in steps for step in oracle.STEPS}}],
        engagement=[row for row in feeds.engagement if row["date"] <= known_to],
        feedback=[row for row in feeds.feedback if row["date"] <= known_to],
        events=[row for row in feeds.events if row["date"] <= known_to],
    )


def _points(feeds: oracle.Feeds, known_to: date, day: date) -> list[int]:
    figures = oracle.measure_customer(_cut(feeds, known_to), "c", day)
    return [figures[name] or 0 for name in ("activity", "pr_success", "adoption", "support", "nps")]


@hypothesis_settings(max_examples=examples(60), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(feeds=_stories())
def test_the_split_is_the_oracles_on_the_cut_data(feeds: oracle.Feeds) -> None:
    with transaction.atomic():
        change = scored(_load(feeds))
        transaction.set_rollback(True)
    before, aged, fresh = (_points(feeds, known_to, day) for known_to, day in ((THEN, THEN), (THEN, NOW), (NOW, NOW)))
    assert [part.time for part in change.parts] == [b - a for a, b in zip(before, aged, strict=True)]
    assert [part.data for part in change.parts] == [c - b for b, c in zip(aged, fresh, strict=True)]
    assert [part.policy for part in change.parts] == [0] * 5
    assert (change.total.then, change.total.now) == (sum(before), sum(fresh))
    assert_adds_up(change)


def assert_adds_up(change: Change) -> None:
    for part in [*change.parts, change.total]:
        assert part.data + part.time + part.policy == part.change
        assert part.change == (part.now or 0) - (part.then or 0)
    assert sum(part.change for part in change.parts) == change.total.change


@hypothesis_settings(max_examples=examples(40), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(feeds=_stories(), late=_engagement, days=st.integers(1, 40), points=st.integers(0, 9))
def test_the_parts_add_up_with_late_rows_and_another_policy(
    feeds: oracle.Feeds, late: list[tuple[date, int, int, int, int]], days: int, points: int
) -> None:
    with transaction.atomic():
        customer = _load(feeds)
        score_day(THEN)
        for day, *counts in late:
            names = ("issues_tagged", "prs_generated", "prs_merged", "support_requests")
            make_engagement(customer, day, **dict(zip(names, counts, strict=True)))
        make_policy(activity_days=days, pr_days=days, support_days=days, nps_days=days, activity_points_per_day=points)
        score_day(NOW)
        assert_adds_up(compare(customer))
        transaction.set_rollback(True)

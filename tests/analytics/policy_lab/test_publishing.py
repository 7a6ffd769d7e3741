"""A draft is published from a date on, withdrawn while nothing was scored by it, and ended for a segment."""

from datetime import date
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics.models import PortfolioDay, ScoringPolicy, Snapshot
from analytics.policy_lab import publishing
from analytics.policy_lab.publishing import Refused
from analytics.scoring.policies import Policies
from analytics.scoring.snapshot_rows import COLUMNS, scores_digest, snapshot_rows, stored_digest
from analytics.scoring.snapshots import score_day
from customers.audit import trail
from customers.models import AuditEntry
from tests.factories import make_day, make_policy
from tests.support.databases import examples
from tests.support.policies import POLICIES, SEGMENTS, make_draft, make_program
from tests.support.scoring import D, make_acme

pytestmark = pytest.mark.django_db

LATER = date(2025, 5, 20)


def publish(draft: ScoringPolicy, first: date = LATER, note: str = "Because") -> list[date]:
    return publishing.publish(draft, first, note, "paula")


# --- Publish ------------------------------------------------------------------------------------------------------


def test_a_published_draft_is_in_force_from_its_date_on() -> None:
    draft = make_draft("v2", activity_max=25, nps_max=15)
    assert publish(draft, note=" Renewals say so. ") == []
    draft.refresh_from_db()
    assert (draft.state, draft.effective_from, draft.note) == ("published", LATER, "Renewals say so.")
    assert (draft.published_by, draft.published_at is not None) == ("paula", True)
    assert Policies.on(date(2025, 5, 19)).everybody.name == "v1"
    assert Policies.on(LATER).everybody == draft


def test_the_audit_has_every_number_that_changes_before_and_after() -> None:
    make_policy("VIPs", cohorts=["VIP"], activity_max=20, nps_max=20)
    publish(make_draft("New VIPs", cohorts=["VIP"], activity_max=25, nps_max=15, support_points_per_request="3.5"))
    said = AuditEntry.objects.latest("pk")
    assert (said.action, said.subject) == (trail.Action.CHANGE, "New VIPs")
    assert said.changes == {
        "activity: maximum points": [20, 25],
        "NPS: maximum points": [20, 15],
        "support: points lost for each request": ["2.50", "3.50"],
    }
    assert said.text.splitlines()[0] == (
        "Published from 20 May 2025 for: Cohort VIP, in place of VIPs (Cohort VIP); all other numbers stay the same"
    )
    stored = AuditEntry.objects.order_by("-pk")[1]
    assert stored.changes["state"] == ["Draft", "Published"]
    assert stored.changes["why"] == [None, "Because"]


def test_a_first_one_for_a_segment_takes_the_place_of_that_for_everybody() -> None:
    publish(make_draft("VIPs", cohorts=["VIP"], activity_max=25, nps_max=15))
    said = AuditEntry.objects.latest("pk")
    assert "in place of v1 (Everybody)" in said.text
    assert said.changes["activity: maximum points"] == [30, 25]


@pytest.mark.parametrize(
    ("values", "first", "note", "why"),
    [
        ({}, LATER, " \n", "Say why you publish it."),
        ({"activity_max": 31}, LATER, "x", "add up to 101, not to 100"),
        ({"cohorts": ["A"]}, date(1999, 12, 31), "x", "No policy for everybody is in force on 31 Dec 1999"),
        ({"cohorts": ["VIP"]}, LATER, "x", "“Draft” and “Both” (Cohorts Beta and VIP) would both score customers of"),
        ({"stages": ["onboarding"]}, LATER, "x", "customers of cohorts Beta and VIP, stage Onboarding."),
    ],
)
def test_what_cannot_be_in_force_is_refused(values: dict[str, Any], first: date, note: str, why: str) -> None:
    make_policy("Both", cohorts=["VIP", "Beta"])
    draft, entries = make_draft(**values), AuditEntry.objects.count()
    with pytest.raises(Refused) as refusal:
        publish(draft, first, note)
    assert why in str(refusal.value)
    draft.refresh_from_db()
    assert draft.is_draft
    assert AuditEntry.objects.count() == entries


def test_nothing_is_published_twice() -> None:
    draft = make_draft()
    publish(draft)
    with pytest.raises(Refused, match="already published"):
        publish(draft)


def test_a_draft_that_has_just_changed_is_not_published() -> None:
    seen = make_draft()
    ScoringPolicy.objects.filter(pk=seen.pk).update(nps_days=90)
    with pytest.raises(Refused, match="just changed"):
        publish(seen)
    publish(ScoringPolicy.objects.get(pk=seen.pk))


def test_a_deleted_draft_is_not_published() -> None:
    draft = make_draft()
    ScoringPolicy.objects.filter(pk=draft.pk).delete()
    with pytest.raises(Refused, match="no longer there"):
        publish(draft)


def test_what_is_published_from_an_earlier_date_on_has_its_dates_scored_again() -> None:
    make_acme()
    days = [date(2025, 5, day) for day in (8, 9, 10)]
    for day in days:
        score_day(day)
    first = Snapshot.objects.get(date=days[0]).activity
    draft = make_draft("v2", activity_points_per_day=1)
    assert publish(draft, days[1]) == days[1:] == publishing.dates_to_score_again(draft, days[1])
    assert list(PortfolioDay.objects.filter(stale=True).order_by("date").values_list("date", flat=True)) == days[1:]
    for day in days[1:]:
        score_day(day)
    assert not PortfolioDay.objects.filter(stale=True).exists()
    assert [one.policy.name for one in PortfolioDay.objects.order_by("date")] == ["v1", "v2", "v2"]
    assert [one.activity for one in Snapshot.objects.order_by("date")] == [first, 4, 4]


# --- Withdraw -----------------------------------------------------------------------------------------------------


def test_what_has_scored_nothing_becomes_a_draft_again() -> None:
    draft = make_draft()
    content = draft.content
    publish(draft)
    publishing.withdraw(draft)
    draft.refresh_from_db()
    assert (draft.state, draft.effective_from, draft.published_at, draft.content) == ("draft", None, None, content)
    assert AuditEntry.objects.latest("pk").changes["state"] == ["Published", "Draft"]
    assert Policies.on(LATER).everybody.name == "v1"


def test_what_was_in_force_on_a_scored_date_stays() -> None:
    for name, segment in (("v2", {}), ("VIPs", {"cohorts": ["VIP"]})):
        policy = make_policy(name, **segment)
        assert publishing.why_not_withdrawn(policy) == ""
    score_day(D)
    for policy in Policies.on(D):
        with pytest.raises(Refused, match="has scored dates"):
            publishing.withdraw(policy)
    unused = make_policy("v3", effective_from=LATER)
    assert publishing.why_not_withdrawn(unused) == ""


def test_the_last_policy_for_everybody_stays() -> None:
    only = ScoringPolicy.objects.get()
    make_policy("VIPs", cohorts=["VIP"], effective_from=date(1999, 1, 1))
    make_policy("v2")
    with pytest.raises(Refused, match="must always be in force"):
        publishing.withdraw(only)


def test_a_draft_is_not_withdrawn() -> None:
    with pytest.raises(Refused, match="is a draft"):
        publishing.withdraw(make_draft())


# --- End ----------------------------------------------------------------------------------------------------------


def test_a_policy_for_a_segment_ends() -> None:
    policy = make_policy("VIPs", cohorts=["VIP"])
    assert publishing.earliest_end(policy) == date(2025, 5, 10)
    make_day(date=date(2025, 5, 12), policy=ScoringPolicy.objects.get(name="v1"))
    assert publishing.earliest_end(policy) == date(2025, 5, 12)
    with pytest.raises(Refused, match="choose 12 May 2025 or later"):
        publishing.end(policy, date(2025, 5, 11))
    publishing.end(policy, date(2025, 5, 12))
    assert [one.name for one in Policies.on(date(2025, 5, 12))] == ["v1", "VIPs"]
    assert [one.name for one in Policies.on(date(2025, 5, 13))] == ["v1"]
    assert publishing.why_not(make_draft("Other", cohorts=["VIP", "Beta"]), date(2025, 5, 13)) == []
    with pytest.raises(Refused, match="only once"):
        publishing.end(policy, date(2025, 5, 14))


def test_one_for_everybody_does_not_end() -> None:
    with pytest.raises(Refused, match="only a published policy for a segment can"):
        publishing.end(ScoringPolicy.objects.get(), LATER)


# --- What was previewed is what is stored -------------------------------------------------------------------------


@settings(max_examples=examples(40), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_the_digest_after_publishing_is_that_of_the_preview(data: st.DataObject) -> None:
    with transaction.atomic():
        make_program(data)
        for place, segment in enumerate(data.draw(st.lists(SEGMENTS, max_size=2, unique_by=str))):
            other = make_draft(f"p{place}", **segment, **data.draw(POLICIES))
            if not publishing.why_not(other, D):
                publish(other, D)
        if data.draw(st.booleans()):
            score_day(D)
        draft = make_draft("Mine", **data.draw(SEGMENTS), **data.draw(POLICIES))
        if not publishing.why_not(draft, D):
            rows = [
                dict(zip(COLUMNS, row, strict=True)) for row in snapshot_rows(D, Policies.on(D).with_policy(draft))
            ]
            previewed = scores_digest(D, [(row["customer_id"], row["score"], row["status"]) for row in rows])
            before = stored_digest(D)
            publish(draft, D)
            assert stored_digest(D) == before
            score_day(D)
            assert stored_digest(D) == previewed
        transaction.set_rollback(True)

"""Which policy scores a customer: the most specific one in force, and never a draft."""

from datetime import UTC, date, datetime
from itertools import product
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics.models import PortfolioDay, ScoringPolicy, Snapshot
from analytics.scoring import snapshot_rows
from analytics.scoring.policies import Policies, measured_alike, overlaps
from analytics.scoring.snapshots import score_day
from tests.factories import make_customer, make_engagement, make_policy
from tests.support import oracle
from tests.support.databases import examples
from tests.support.policies import POLICIES, SEGMENTS, STAGES, make_draft, make_program
from tests.support.scoring import D, make_acme

pytestmark = pytest.mark.django_db

FIRST, LATER = date(2025, 5, 10), date(2025, 6, 1)


# --- Drafts -----------------------------------------------------------------------------------------------------


def test_a_draft_scores_nobody() -> None:
    make_draft()
    make_draft("For VIPs", cohorts=["VIP"])
    assert [one.name for one in Policies.on(D)] == ["v1"]
    assert [one.name for one in ScoringPolicy.objects.published()] == ["v1"]


@pytest.mark.parametrize("values", [{"state": "published", "effective_from": None}, {"state": "draft"}])
def test_what_is_published_has_a_first_date_and_a_draft_has_none(values: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        make_policy("v2", **values)


# --- The policies of a date ---------------------------------------------------------------------------------------


def test_there_is_one_policy_for_each_segment_the_newest() -> None:
    make_policy("VIPs", cohorts=["VIP", "Beta"])
    make_policy("VIPs again", cohorts=["Beta", "VIP"])
    make_policy("VIPs later", cohorts=["VIP", "Beta"], effective_from=LATER)
    make_policy("Newcomers", stages=["new_signup"], effective_from=LATER)
    assert [one.name for one in Policies.on(date(2025, 5, 9))] == ["v1"]
    assert [one.name for one in Policies.on(FIRST)] == ["v1", "VIPs again"]
    assert [one.name for one in Policies.on(LATER)] == ["v1", "Newcomers", "VIPs later"]


def test_a_policy_that_ended_brings_no_earlier_one_back() -> None:
    make_policy("VIPs", cohorts=["VIP"])
    make_policy("VIPs again", cohorts=["VIP"], effective_from=LATER, effective_until=date(2025, 6, 3))
    assert [one.name for one in Policies.on(date(2025, 6, 3))] == ["v1", "VIPs again"]
    assert [one.name for one in Policies.on(date(2025, 6, 4))] == ["v1"]


def test_of_two_from_one_date_on_the_one_published_last_is_in_force() -> None:
    make_policy("v2", published_at="2025-05-09T12:00Z")
    make_policy("v3", published_at="2025-05-08T12:00Z")
    assert Policies.on(FIRST).everybody.name == "v2"


def test_one_for_a_segment_is_none_for_everybody() -> None:
    ScoringPolicy.objects.update(effective_from=LATER)
    make_policy("VIPs", cohorts=["VIP"])
    with pytest.raises(ScoringPolicy.DoesNotExist, match="in force on 10 May 2025"):
        Policies.on(FIRST)


@pytest.mark.parametrize(
    ("cohort", "stage", "name"),
    [
        ("VIP", "onboarding", "VIPs who onboard"),
        ("VIP", "new_signup", "VIPs"),
        ("vip", "new_signup", "v1"),
        ("Beta", "onboarding", "VIPs"),
        ("", "onboarding", "v1"),
        ("Other", "regular_usage", "Others who are done"),
        ("Other", "onboarding", "v1"),
    ],
)
def test_the_most_specific_policy_scores_a_customer(cohort: str, stage: str, name: str) -> None:
    make_policy("Others who are done", cohorts=["Other"], stages=["regular_usage", "initial_adoption"])
    make_policy("VIPs", cohorts=["VIP", "Beta"])
    make_policy("VIPs who onboard", cohorts=["VIP"], stages=["onboarding"])
    assert Policies.on(FIRST).of(cohort, stage).name == name


APART: list[dict[str, list[str]]] = [
    {},
    {"cohorts": ["A", "B"]},
    {"cohorts": ["B", "A"]},
    {"cohorts": ["C"]},
    {"cohorts": ["A"], "stages": ["onboarding"]},
    {"cohorts": ["A", "B"], "stages": ["new_signup", "regular_usage"]},
]
"""Segments of which no two that are equally specific share a customer."""
MAY_DAYS = st.integers(1, 8).map(lambda day: date(2025, 5, day))


@settings(max_examples=examples(100), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_the_policy_of_a_customer_is_that_of_the_reference_calculation(data: st.DataObject) -> None:
    with transaction.atomic():
        ScoringPolicy.objects.all().delete()
        rows = []
        for place in range(data.draw(st.integers(1, 8))):
            segment, is_draft = data.draw(st.sampled_from(APART)), data.draw(st.integers(0, 4)) == 0
            first, moment = data.draw(MAY_DAYS), datetime(2025, 4, 1, data.draw(st.integers(0, 3)), place, tzinfo=UTC)
            until = data.draw(st.none() | MAY_DAYS) if segment else None
            row = {"name": f"p{place}", "cohorts": [], "stages": [], **segment, "published_at": moment}
            row |= {"state": "draft" if is_draft else "published", "effective_from": None if is_draft else first}
            row["effective_until"] = None if is_draft or until is None else max(first, until)
            ScoringPolicy.objects.create(**row)
            rows.append(row)
        for day in (date(2025, 5, 1), data.draw(MAY_DAYS)):
            for cohort, stage in product(["A", "B", "C", "D"], STAGES):
                try:
                    found = Policies.on(day).of(cohort, stage).name
                except ScoringPolicy.DoesNotExist:
                    found = None
                assert found == oracle.policy_of(rows, cohort, stage, day)
        transaction.set_rollback(True)


def test_a_draft_is_tried_in_place_of_that_for_the_same_segment() -> None:
    make_policy("VIPs", cohorts=["VIP"])
    now = Policies.on(FIRST)
    assert [one.name for one in now.with_policy(make_draft("a", cohorts=["VIP"]))] == ["v1", "a"]
    assert [one.name for one in now.with_policy(make_draft("b"))] == ["b", "VIPs"]
    tried = now.with_policy(make_draft("c", cohorts=["VIP"], stages=["onboarding"]))
    assert [one.name for one in tried] == ["v1", "c", "VIPs"]
    assert tried.of("VIP", "onboarding").name == "c"
    assert [one.name for one in now] == ["v1", "VIPs"]


def test_policies_with_the_same_windows_are_measured_at_once() -> None:
    make_policy("a", cohorts=["A"], pr_max=20, nps_max=15)
    make_policy("b", cohorts=["B"], activity_days=8)
    make_policy("c", cohorts=["C"], trend_days=8)
    groups = measured_alike(Policies.on(FIRST))
    assert sorted(sorted(one.name for one in group) for group in groups) == [["a", "v1"], ["b"], ["c"]]


# --- Segments that meet -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("other", "mine", "shared"),
    [
        ({"cohorts": ["A", "B"]}, {"cohorts": ["B", "C"]}, "cohort B"),
        ({"cohorts": ["A", "B"]}, {"cohorts": ["B"]}, "cohort B"),
        ({"cohorts": ["A"]}, {"cohorts": ["B"]}, ""),
        ({"cohorts": ["A", "B"]}, {"cohorts": ["B", "A"]}, ""),  # the same segment: it takes its place
        ({"cohorts": ["A"]}, {}, ""),
        ({"cohorts": ["A"]}, {"cohorts": ["A"], "stages": ["onboarding"]}, ""),
        ({"cohorts": ["A"]}, {"stages": ["onboarding"]}, "cohort A, stage Onboarding"),
        ({"stages": ["onboarding", "new_signup"]}, {"stages": ["new_signup"]}, "stage New signup"),
        (
            {"cohorts": ["A", "B"], "stages": ["onboarding"]},
            {"cohorts": ["B"], "stages": ["new_signup", "onboarding"]},
            "cohort B, stage Onboarding",
        ),
        ({"cohorts": ["A"], "stages": ["onboarding"]}, {"cohorts": ["A"], "stages": ["new_signup"]}, ""),
    ],
)
def test_two_that_are_equally_specific_may_share_nobody(
    other: dict[str, list[str]], mine: dict[str, list[str]], shared: str
) -> None:
    whose = make_policy("Other", **other).for_whom
    found = overlaps(make_draft("Mine", **mine), FIRST)
    expected = (
        f"“Mine” and “Other” ({whose}) would both score customers of {shared}. "
        "Choose other cohorts or stages for the draft, or let “Other” end first."
    )
    assert found == ([expected] if shared else [])


def test_only_those_that_are_in_force_then_or_later_can_meet() -> None:
    make_policy("Replaced", cohorts=["A"], effective_from=date(2025, 1, 1))
    make_policy("Ended", cohorts=["A"], effective_from=date(2025, 2, 1), effective_until=date(2025, 5, 9))
    make_policy("Later", cohorts=["A", "X"], effective_from=LATER)
    make_draft("Another draft", cohorts=["A", "Y"])
    mine = make_draft("Mine", cohorts=["A", "B"])
    for first, others in ((FIRST, ["Later"]), (date(2025, 5, 9), ["Ended", "Later"])):
        assert [said.split("”")[1].removeprefix(" and “") for said in overlaps(mine, first)] == others


@settings(max_examples=examples(100), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(one=SEGMENTS, other=SEGMENTS)
def test_what_is_refused_is_what_two_policies_could_both_score(one: dict[str, Any], other: dict[str, Any]) -> None:
    with transaction.atomic():
        published, draft = make_policy("Other", **other), make_draft(**one)

        def is_for(policy: ScoringPolicy, cohort: str, stage: str) -> bool:
            return (cohort in policy.cohorts or not policy.cohorts) and (stage in policy.stages or not policy.stages)

        pairs = product(["A", "B", "C", "D", ""], STAGES)
        meet = any(is_for(published, *pair) and is_for(draft, *pair) for pair in pairs)
        named = [sum(map(bool, (policy.cohorts, policy.stages))) for policy in (published, draft)]
        are_the_same = all(sorted(one[name]) == sorted(other[name]) for name in one)
        assert bool(overlaps(draft, FIRST)) == (meet and named[0] == named[1] and not are_the_same)
        transaction.set_rollback(True)


# --- What a policy says of itself -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, "Everybody"),
        ({"cohorts": ["VIP"]}, "Cohort VIP"),
        ({"cohorts": ["c", "a", "b"], "stages": ["onboarding"]}, "Cohorts a, b and c, stage Onboarding"),
        ({"stages": ["regular_usage", "new_signup"]}, "Stages New signup and Regular usage"),
    ],
)
def test_a_policy_says_for_whom_it_is(values: dict[str, list[str]], words: str) -> None:
    assert ScoringPolicy(**values).for_whom == words


def test_the_content_is_what_scores_and_nothing_else() -> None:
    stored, new = ScoringPolicy.objects.get(), ScoringPolicy(name="x", note="y", effective_from=LATER, state="draft")
    assert stored.content == new.content
    assert len({ScoringPolicy(**{name: 7}).content for name in stored.numbers}) == len(stored.numbers) - 1
    assert ScoringPolicy(activity_days=7, trend_days=7).content == new.content
    one, other = ScoringPolicy(cohorts=["A", "B"]), ScoringPolicy(cohorts=["B", "A"])
    assert one.content == other.content != new.content != ScoringPolicy(stages=["A", "B"]).content


def test_each_number_says_its_unit_and_what_it_means() -> None:
    for name in ScoringPolicy().numbers:
        text = str(ScoringPolicy._meta.get_field(name).help_text)
        assert text.split(".")[0].split(",")[0] in {
            "Points",
            "Days",
            "Percent",
            "Score",
            "Activities more or fewer each day",
        }
        assert len(text.split(".")) > 2, name


# --- A date of segments ---------------------------------------------------------------------------------------------


def test_each_customer_is_scored_by_its_own_policy() -> None:
    """Acme has four active days of seven: 20 points at 5 a day, 4 at 1 a day, and at 8 a day 24 of 3 days' window."""
    make_acme()
    for number, cohort in enumerate(["Beta", "VIP"], start=1):
        other = make_customer(id=f"c{number}", cohort=cohort, signup_date=date(2025, 5, 3))
        for day in (4, 5, 6, 9):
            make_engagement(other, date(2025, 5, day), issues_tagged=1)
    beta = make_policy("Beta", cohorts=["Beta"], activity_points_per_day=1)
    news = make_policy("New VIPs", cohorts=["VIP"], stages=["new_signup"], activity_points_per_day=8, activity_days=3)
    v1 = ScoringPolicy.objects.get(name="v1")
    portfolio = score_day(D)
    assert {one.customer_id: (one.policy, one.activity) for one in Snapshot.objects.select_related("policy")} == {
        "c1": (beta, 4),
        "c1001": (v1, 20),
        "c2": (news, 8),
    }
    assert (portfolio.policy, portfolio.segment_policies) == (v1, {str(beta.pk): "Beta", str(news.pk): "New VIPs"})
    assert PortfolioDay.objects.get().policies == {str(v1.pk): "v1", str(beta.pk): "Beta", str(news.pk): "New VIPs"}
    assert portfolio.total == 3


def as_written(value: object) -> object:
    """A stored value as a row has it, before it is stored."""
    return value.isoformat() if isinstance(value, date) else value


@settings(max_examples=examples(30), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_date_is_as_if_each_policy_had_scored_it_alone(data: st.DataObject) -> None:
    """And what was worked out beforehand, with nothing stored, is what is stored then."""
    with transaction.atomic():
        make_program(data)
        segments = [{}, {"cohorts": ["A"]}, {"cohorts": ["A", "B"], "stages": ["new_signup", "onboarding"]}]
        chosen = data.draw(st.lists(st.sampled_from(segments), unique_by=str))
        policies = [make_policy(f"p{place}", **one, **data.draw(POLICIES)) for place, one in enumerate(chosen)]
        in_force = Policies.on(D)
        rows = list(snapshot_rows.snapshot_rows(D, in_force))
        assert not Snapshot.objects.exists()
        score_day(D)
        names = [name for name in snapshot_rows.COLUMNS if name != "date"]
        stored = {one["customer_id"]: one for one in Snapshot.objects.values(*names)}
        tried = [dict(zip(snapshot_rows.COLUMNS, row, strict=True)) for row in rows]
        written = {key: {name: as_written(value) for name, value in one.items()} for key, one in stored.items()}
        assert {one["customer_id"]: {name: one[name] for name in names} for one in tried} == written
        assert digest_of(tried) == snapshot_rows.stored_digest(D)
        for policy in [*policies, in_force.everybody]:
            alone = snapshot_rows.scored_customers(D, Policies(policy))
            for _policy, measures, health in alone:
                of_customer = stored[measures.customer_id]
                if in_force.of(measures.cohort, health.stage) == policy:
                    assert (of_customer["policy_id"], of_customer["score"]) == (policy.pk, health.score)
                    assert (of_customer["status"], of_customer["trend"]) == (health.status, health.trend)
        transaction.set_rollback(True)


def digest_of(rows: list[dict[str, Any]]) -> str:
    return snapshot_rows.scores_digest(D, [(row["customer_id"], row["score"], row["status"]) for row in rows])


def test_the_digest_tells_any_customer_score_status_or_date() -> None:
    scores = [("a", 1, "at_risk"), ("b", 90, "champion")]
    same = snapshot_rows.scores_digest(D, scores)
    assert same == snapshot_rows.scores_digest(D, reversed(scores))
    others = [[("a", 2, "at_risk"), scores[1]], [("a", 1, "inactive"), scores[1]], [("x", 1, "at_risk"), scores[1]]]
    found = {snapshot_rows.scores_digest(D, other) for other in [*others, scores[:1]]}
    found |= {snapshot_rows.scores_digest(LATER, scores), same}
    assert len(found) == 6

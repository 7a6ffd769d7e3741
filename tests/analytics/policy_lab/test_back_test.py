"""The back-test of a draft: a month's end scored both ways, its figures worked out by hand, and what is kept."""

from collections import Counter
from datetime import date

import numpy as np
import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics.models import ForecastCase, PolicyTrial, ScoringPolicy, Snapshot
from analytics.page_cache.version import DataVersion
from analytics.policy_lab.back_test.figures import compared_figures, lowest_tenth
from analytics.policy_lab.back_test.trials import MonthCases, Scores, month_cases, months_ends
from analytics.scoring.policies import Policies
from analytics.scoring.snapshots import score_day
from customers.models import Customer
from tests.factories import make_customer, make_forecast_case
from tests.support.back_tests import AFTER, BEFORE, FEB, MAR, NEWEST, WENT_QUIET, back_test, made_up, plant
from tests.support.databases import examples
from tests.support.policies import POLICIES, SEGMENTS, make_draft, make_program

pytestmark = pytest.mark.django_db


@pytest.fixture
def draft() -> ScoringPolicy:
    """The draft of the planted program."""
    return plant()


def test_a_months_end_is_scored_both_ways_by_hand(draft: ScoringPolicy) -> None:
    asked = back_test(draft)
    assert list(asked.days) == [MAR, FEB]
    found = month_cases(FEB, asked.before, asked.after, asked.draft.pk)
    assert found.customers == ["ann", "bob", "cyd", "dan", "eve"]
    assert dict(zip(found.customers, found.before.scores, strict=True)) == BEFORE
    assert dict(zip(found.customers, found.after.scores, strict=True)) == AFTER
    assert found.before.at_risk == [True, False, False, True, False]
    assert found.after.at_risk == [False, True, True, True, False]
    assert found.went_quiet == [False, True, False, False, True]
    # From 5 January to the end of February.
    assert found.since == [0, 8, 8, 0, 54]
    # Of 7 days 5 give all 50 points; one of 5 PRs all of 5; two of four steps half; no request all, no NPS nothing.
    assert found.shares["activity"] == [100, 0, 0, 40, 0]
    assert found.shares["pr_success"] == [0, 100, 100, 0, 0]
    assert found.shares["adoption"] == [0, 100, 50, 0, 0]
    assert (found.shares["support"], found.shares["nps"]) == ([100] * 5, [0] * 5)
    assert found.by_draft == [True] * 5
    assert found.counts() == {
        "customers": 5,
        "quiet": 2,
        "before": {"flagged": 2, "hits": 0},
        "after": {"flagged": 3, "hits": 1},
    }
    assert MonthCases.unpacked(found.packed()) == found


def test_the_figures_by_hand(draft: ScoringPolicy) -> None:
    asked = back_test(draft)
    for day in asked.days:
        assert asked.make(day)
    outcomes, figures = compared_figures(asked.cases())
    both = {name: (figure.before, figure.after) for name, figure in figures.items()}
    # At risk in both months: Ann and Dan, of whom Ann went quiet once; then Bob, Cyd and Dan: Bob once, Cyd once.
    assert both["precision"] == pytest.approx((1 / 4, 2 / 6))
    # Four went quiet: Bob and Eve, Ann and Cyd.
    assert both["recall"] == pytest.approx((1 / 4, 2 / 4))
    # The lowest one of 5 and of 4: Eve and Dan; then Eve and Cyd.
    assert both["lowest_precision"] == pytest.approx((1 / 2, 1))
    assert both["lowest_recall"] == pytest.approx((1 / 4, 2 / 4))
    # Ann: from 28 Feb to 30 days after 31 Mar. Bob: to 30 days after 20 Feb; Cyd: to 30 days after 23 Mar.
    assert both["lead"] == (61, (22 + 53) / 2)
    assert both["flagged"] == (2, 3)
    # Of 20 pairs: Bob 0.5, Eve 5, Ann 2.5, Cyd 1.5 in order; then Bob 1.5, Eve 5, Ann 0.5, Cyd 4.5.
    assert both["auc"] == pytest.approx((9.5 / 20, 11.5 / 20))
    assert figures["lead"].difference.value == -23.5
    assert figures["auc"].difference.value == pytest.approx(0.1)
    # Ann, Bob, Cyd and Eve at some time; Ann, Bob, Cyd and Dan at another.
    assert (outcomes.went_quiet, outcomes.stayed, outcomes.are_enough) == (4, 4, False)


def test_of_equal_scores_the_first_keys_are_the_lowest() -> None:
    assert lowest_tenth(np.array([50] * 11 + [20])).tolist() == [11, 0]
    assert lowest_tenth(np.array([], int)).tolist() == []


def test_planted_outcomes_are_found_to_be_better_and_shuffled_ones_are_not() -> None:
    outcomes, figures = compared_figures(made_up(1, shuffled=False))
    assert outcomes.are_enough
    for name in ("precision", "recall", "lowest_precision", "lowest_recall", "auc"):
        assert figures[name].difference.verdict == 1, name
    verdicts = Counter(
        compared_figures(made_up(seed, shuffled=True))[1]["auc"].difference.verdict for seed in range(10)
    )
    # Of intervals of 95 %, one in twenty is beside the truth.
    assert verdicts[0] >= 9


def test_the_draft_compared_with_itself_is_no_different() -> None:
    same = {
        day: MonthCases(one.customers, one.went_quiet, one.since, one.after, one.after, one.by_draft, one.shares)
        for day, one in made_up(1, shuffled=False).items()
    }
    for name, figure in compared_figures(same)[1].items():
        assert (figure.difference.value, figure.difference.low, figure.difference.high) == (0, 0, 0), name


def test_without_flags_there_is_no_precision_and_no_lead() -> None:
    nobody = Scores([80, 90], [False, False])
    month = MonthCases(["a", "b"], [True, False], [1, 1], nobody, nobody, [True] * 2, {})
    figures = compared_figures({FEB: month})[1]
    assert not figures["precision"].difference.is_known
    assert not figures["lead"].difference.is_known
    assert (figures["recall"].before, figures["flagged"].after, figures["auc"].after) == (0, 0, 1)


# --- What is read, and kept ---------------------------------------------------------------------------------------


def readings(draft: ScoringPolicy) -> int:
    """How often the feeds are read for a month's end."""
    asked = back_test(draft)
    with CaptureQueriesContext(connection) as queries:
        month_cases(FEB, asked.before, asked.after, asked.draft.pk)
    return sum("WITH activity" in query["sql"] for query in queries)


def test_the_feeds_are_read_once_where_the_windows_are_equal(draft: ScoringPolicy) -> None:
    assert readings(draft) == 1
    assert readings(make_draft("Longer", pr_days=60)) == 2


def test_who_is_not_in_the_population_is_not_scored(draft: ScoringPolicy) -> None:
    make_customer(id="new", signup_date=date(2025, 2, 1))
    make_forecast_case(make_customer(id="other"), date=FEB, target="first_pr", came_true=True)
    asked = back_test(draft)
    assert month_cases(FEB, asked.before, asked.after, asked.draft.pk).customers == sorted(BEFORE)
    assert month_cases(MAR, asked.before, asked.after, asked.draft.pk).customers == sorted({*BEFORE} - {"eve"})


def test_at_most_twelve_months_the_newest_first() -> None:
    customer = make_customer()
    ends = [date(2024, month, 28) for month in range(1, 13)] + [date(2025, 1, 28), date(2025, 2, 28)]
    for day in ends:
        make_forecast_case(customer, date=day)
    make_forecast_case(customer, date=date(2025, 3, 28), target="first_pr")
    assert months_ends() == ends[:1:-1]
    ForecastCase.objects.all().delete()
    assert months_ends() == []


def test_what_is_kept_is_that_of_this_content_and_these_data(draft: ScoringPolicy) -> None:
    asked = back_test(draft)
    assert asked.make(FEB)
    assert {day: trial.counts["quiet"] for day, trial in asked.known().items()} == {FEB: 2}
    assert [*asked.cases()] == [FEB]
    assert asked.cases_on(FEB).went_quiet.count(True) == len(WENT_QUIET[FEB])
    assert asked.cases_on(MAR) is None
    # A name is no content; a number, other data, or another policy in force is.
    draft.name = "Another name"
    assert back_test(draft).known()
    assert not back_test(draft, DataVersion(2, "then", 0)).known()
    draft.healthy_from = 71
    changed = back_test(draft)
    assert not changed.known()
    assert changed.make(FEB)
    assert PolicyTrial.objects.count() == 1
    assert not asked.known()
    ScoringPolicy.objects.published().update(champion_from=90)
    assert not back_test(draft).known()


def test_it_goes_with_the_draft_and_is_not_made_of_one_that_is_gone(draft: ScoringPolicy) -> None:
    asked = back_test(draft)
    assert asked.make(FEB)
    ScoringPolicy.objects.filter(pk=draft.pk).delete()
    assert not PolicyTrial.objects.exists()
    assert not asked.make(MAR)
    published = make_draft("Soon")
    asked = back_test(published)
    ScoringPolicy.objects.filter(pk=published.pk).update(state="published", effective_from=NEWEST)
    assert not asked.make(FEB)
    assert not PolicyTrial.objects.exists()


# --- The two ways to say the same ----------------------------------------------------------------------------------


@settings(max_examples=examples(20), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), numbers=POLICIES, segment=SEGMENTS)
def test_both_sides_are_what_would_be_stored(
    data: st.DataObject, numbers: dict[str, int], segment: dict[str, list[str]]
) -> None:
    """Random drafts and programs, segments included: as the scoring of the date says before and after publishing."""
    with transaction.atomic():
        make_program(data)
        for customer in Customer.objects.all():
            make_forecast_case(customer, date=NEWEST)
        draft = make_draft(**numbers, **segment)
        before = Policies.on(NEWEST)
        found = month_cases(NEWEST, before, before.with_policy(draft), draft.pk)
        for side in (found.before, found.after):
            score_day(NEWEST)
            said = zip(side.scores, side.at_risk, strict=True)
            assert dict(zip(found.customers, said, strict=True)) == stored(NEWEST)
            draft.state, draft.effective_from = ScoringPolicy.State.PUBLISHED, NEWEST
            draft.save()
        transaction.set_rollback(True)


def stored(day: date) -> dict[str, tuple[int, bool]]:
    """The score of each customer on a day, and whether it is At risk."""
    rows = Snapshot.objects.filter(date=day).values_list("customer_id", "score", "status")
    return {key: (score, status == "at_risk") for key, score, status in rows}

"""What is learnt: the rows, the sample of them, the fit, and what a model says."""

from datetime import date
from itertools import pairwise
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from analytics.forecast.evidence import count, days_since_active, evidence
from analytics.forecast.learning import LearningRows, fit, learning_rows, probabilities
from analytics.forecast.model import Counts, Logistic, Peers, from_numbers, to_log_odds, to_numbers
from analytics.forecast.program import program_of
from analytics.forecast.quiet import QUIET
from analytics.models import ForecastModel
from tests.support.databases import examples
from tests.support.programs import program, simulated

DAY = 20_000
LAST = DAY - 35


@hypothesis_settings(max_examples=examples(60))
@given(st.lists(st.lists(st.integers(DAY - 300, DAY), max_size=12), min_size=1, max_size=4))
def test_every_seventh_day_of_the_population_whose_horizon_has_ended(active: list[list[int]]) -> None:
    rows = learning_rows(program(*active), QUIET, DAY)
    expected = {
        (place, day)
        for place, days in enumerate(active)
        for day in range(LAST, DAY - 400, -7)
        if days and min(days) <= day - 30 and any(day - 90 < one <= day for one in days)
    }
    found = list(zip(rows.who.tolist(), rows.when.tolist(), strict=True))
    assert set(found) == expected
    assert len(found) == len(expected)
    assert len(rows.features) == len(rows.came_true) == len(found)


def test_of_too_many_rows_the_same_sample_whatever_the_order_of_the_customers() -> None:
    simulation = simulated(60, 300, seed=5)
    active = [simulation.days[begin:end].tolist() for begin, end in pairwise(simulation.starts)]
    order = list(range(60))
    Random(1).shuffle(order)

    def sample(places: list[int]) -> set[tuple[str, int]]:
        parts = [np.array([(day, 1, 0) for day in active[place]]) for place in places]
        given_program = program_of([f"c{place}" for place in places], [0] * 60, parts)
        rows = learning_rows(given_program, QUIET, 1_290, most=200)
        return {(given_program.keys[who], when) for who, when in zip(rows.who, rows.when, strict=True)}

    whole = len(learning_rows(simulation, QUIET, 1_290).who)
    chosen = sample(list(range(60)))
    assert chosen == sample(order)
    assert whole > 600
    assert 140 < len(chosen) < 260


def test_a_model_knows_nothing_later() -> None:
    simulation = simulated(60, 400, seed=2)
    early = program(
        *(
            [day for day in simulation.days[begin:end].tolist() if day <= 1_250]
            for begin, end in pairwise(simulation.starts)
        )
    )
    assert fit(QUIET.features, learning_rows(simulation, QUIET, 1_250)) == fit(
        QUIET.features, learning_rows(early, QUIET, 1_250)
    )


def test_a_sample_knows_nothing_later() -> None:
    # Who comes back after a year was no candidate in between.
    back, gone = ([[*range(1_000, 1_060, 3), *later] for _place in range(40)] for later in ((1_500,), ()))
    samples = [learning_rows(program(*active), QUIET, 1_400, most=100) for active in (back, gone)]
    assert [*zip(samples[0].who, samples[0].when, strict=True)] == [*zip(samples[1].who, samples[1].when, strict=True)]
    assert len(samples[0].who) > 50


# --- The model --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def learnt() -> tuple[Logistic, LearningRows]:
    simulation = simulated(120, 420, seed=3)
    rows = learning_rows(simulation, QUIET, 1_419)
    return fit(QUIET.features, rows), rows


def test_contributions_add_up_to_the_difference_in_log_odds(learnt: tuple[Logistic, LearningRows]) -> None:
    model, rows = learnt
    average = model.probability(model.means)
    for row in rows.features[:50].tolist():
        difference = to_log_odds(model.probability(row)) - to_log_odds(average)
        assert sum(model.contributions(row)) == pytest.approx(difference, abs=1e-9)


def test_many_at_once_are_as_each_alone(learnt: tuple[Logistic, LearningRows]) -> None:
    model, rows = learnt
    alone = [model.probability(row) for row in rows.features.tolist()]
    assert probabilities(model, rows.features).tolist() == pytest.approx(alone, abs=1e-12)


def test_the_groups_are_all_rows_in_the_order_of_their_probability(learnt: tuple[Logistic, LearningRows]) -> None:
    model, rows = learnt
    assert sum(group.rows for group in model.groups) == len(rows.who)
    assert sum(group.came_true for group in model.groups) == rows.came_true.sum()
    assert [group.until for group in model.groups] == sorted(group.until for group in model.groups)
    shares = [group.share for group in model.groups]
    assert shares[0] < 0.15 < 0.5 < shares[-1]
    row = rows.features[7].tolist()
    group = model.group_of(row)
    assert model.probability(row) <= group.until


def test_it_is_the_same_from_its_numbers(learnt: tuple[Logistic, LearningRows]) -> None:
    model, _rows = learnt
    assert from_numbers(to_numbers(model)) == model
    counts = Counts((Peers(6, 10, 5, 1),))
    assert from_numbers(to_numbers(counts)) == counts


def test_what_is_outside_of_the_learning_rows(learnt: tuple[Logistic, LearningRows]) -> None:
    model, rows = learnt
    row = rows.features[0].tolist()
    assert model.beyond(row) == []
    assert model.beyond([2.0, *row[1:5], 99.0]) == ["rate_7", "own_quiet"]


def test_a_feature_that_is_the_same_for_all_counts_for_nothing() -> None:
    # Everybody active every day until half of them stop: no own empty window, and all rates alike at first.
    given_program = program(*[range(DAY - 200, DAY - (90 if place % 2 else 0)) for place in range(60)])
    rows = learning_rows(given_program, QUIET, DAY)
    model = fit(QUIET.features, rows)
    assert np.isfinite(probabilities(model, rows.features)).all()
    assert from_numbers(to_numbers(model)) == model


# --- The evidence ladder ----------------------------------------------------------------------------------------


def rows_of(quiet: int, customers: int) -> LearningRows:
    who = np.arange(customers)
    return LearningRows(who, np.full(customers, DAY - 70), np.zeros((customers, 6)), who < quiet)


@pytest.mark.parametrize(
    ("quiet", "customers", "method"),
    [
        (9, 40, None),
        (10, 19, None),
        (10, 20, ForecastModel.Method.COUNTS),
        (49, 200, ForecastModel.Method.COUNTS),
        (50, 200, ForecastModel.Method.LOGISTIC),
        (151, 200, ForecastModel.Method.COUNTS),
        (0, 200, None),
        (200, 200, None),
        (0, 0, None),
    ],
)
def test_the_ladder(quiet: int, customers: int, method: str | None) -> None:
    assert evidence(rows_of(quiet, customers), date.fromordinal(DAY)).method == method


def test_when_there_will_be_enough() -> None:
    # 7 outcomes in 70 days: 3 more take 30 days more.
    about = evidence(rows_of(7, 40), date.fromordinal(DAY)).enough_about
    assert about == date.fromordinal(DAY + 31)
    assert evidence(rows_of(0, 40), date.fromordinal(DAY)).enough_about is None
    assert evidence(rows_of(20, 40), date.fromordinal(DAY)).enough_about is None


def test_counts_by_days_since_the_last_activity() -> None:
    # On DAY - 35 two were active 0 days before, one 10, and one who had been active until 30 days before it.
    given_program = program(
        [LAST - 40, LAST, LAST + 1], [LAST - 40, LAST], [LAST - 40, LAST - 10], [LAST - 70, LAST - 30]
    )
    rows = learning_rows(given_program, QUIET, DAY)
    on_last = rows.when == LAST
    only = LearningRows(rows.who[on_last], rows.when[on_last], rows.features[on_last], rows.came_true[on_last])
    counts = count(given_program, only)
    assert counts.groups == (Peers(6, 2, 2, 1), Peers(13, 1, 1, 1), Peers(59, 1, 1, 1))
    assert [counts.probability([days]) for days in (0, 6, 7, 13, 14, 400)] == [0.5, 0.5, 1, 1, 1, 1]
    everybody = given_program.everybody
    assert days_since_active(given_program, everybody, np.full(4, LAST)).tolist() == [0, 0, 10, 30]
    assert days_since_active(program([]), np.array([0]), np.array([LAST])).tolist() == [60]


def test_the_interval_of_a_share() -> None:
    # Wilson's interval of 8 of 10, whose rows are of 10 customers, as tables give it.
    low, high = Peers(6, 10, 10, 8).interval
    assert (round(low, 3), round(high, 3)) == (0.49, 0.943)
    assert Peers(6, 100, 10, 80).interval == pytest.approx((low, high))

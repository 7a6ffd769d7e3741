"""How good forecasts were: figures worked out by hand, and the back-test of programs whose truth is known."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from analytics.forecast.accuracy import Cases, Top, auc, measured, reliability, top, worst
from analytics.forecast.backtest import backtest, lead_times
from analytics.forecast.program import Program
from analytics.forecast.quiet import QUIET
from tests.support.programs import program, simulated


def cases(*rows: tuple[int, int, float, bool], base: float = 0.5, recency: float = 0.5) -> Cases:
    """Make cases of customer, day, probability and what came true."""
    who, when, probability, came_true = (np.array(values) for values in zip(*rows, strict=True))
    same = np.ones(len(rows))
    return Cases(who, when, probability, same * base, same * recency, came_true.astype(bool))


def test_auc_by_hand() -> None:
    # Of the six pairs four are in order, one is a tie, one is not.
    said = np.array([0.9, 0.4, 0.4, 0.2, 0.6])
    true = np.array([True, True, False, False, False])
    assert auc(said, true) == pytest.approx(4.5 / 6)
    assert np.isnan(auc(said, np.zeros(5, bool)))


def test_brier_and_skill_by_hand() -> None:
    # Errors .1, .4, .2 squared: .01 + .16 + .04 = .21; the base rate's .25 each; recency's .04 + .64 + .04.
    one = cases((0, 1, 0.9, True), (1, 1, 0.4, False), (2, 1, 0.2, False), recency=0.8)
    found = measured(one)
    assert found["brier"].value == pytest.approx(0.07)
    assert found["skill"].value == pytest.approx(1 - 0.07 / 0.25)
    assert found["skill_recency"].value == pytest.approx(1 - 0.21 / (0.04 + 0.64 + 0.64))
    assert found["auc"].value == 1
    assert found["brier"].low <= 0.07 <= found["brier"].high


def test_an_interval_comes_of_customers_and_not_of_their_cases() -> None:
    rng = np.random.default_rng(3)
    said = rng.random(40)
    true = rng.random(40) < said
    once = [(place, 1, float(said[place]), bool(true[place])) for place in range(40)]
    # The same customers ten times over know nothing more.
    often = [(place, day, probability, came) for place, _day, probability, came in once for day in range(10)]
    narrow, wide = measured(cases(*often))["brier"], measured(cases(*once))["brier"]
    assert narrow.high - narrow.low == pytest.approx(wide.high - wide.low, rel=1e-6)


def test_the_riskiest_of_each_date_by_hand() -> None:
    known = cases(
        *((0, 1, 0.9, True), (1, 1, 0.8, False), (2, 1, 0.7, True)),
        *((0, 2, 0.3, False), (3, 2, 0.6, True)),
    )
    assert top(known, 1) == Top(1, called=2, hits=2, came_true=3)
    assert top(known, 2) == Top(2, called=4, hits=2, came_true=3)
    assert top(known, 50) == Top(50, called=5, hits=3, came_true=3)


def test_the_reliability_is_where_the_isotonic_curve_bends() -> None:
    known = cases((0, 1, 0.1, False), (1, 1, 0.2, True), (2, 1, 0.3, False), (3, 1, 0.8, True))
    assert reliability(known) == [(0.1, 0.0), (0.2, 0.5), (0.3, 0.5), (0.8, 1.0)]


def test_the_worst_misses_first() -> None:
    known = cases((0, 1, 0.9, True), (1, 1, 0.4, True), (2, 1, 0.7, False))
    assert worst(known, 2).tolist() == [2, 1]


def test_how_long_before_the_end_of_a_silence_the_call_came() -> None:
    # c0 was active until day 100, so that its 30 quiet days are over on day 130.
    known = program([50, 100], [50, 110], [50, 100])
    called = cases(
        *((0, 90, 0.6, False), (0, 120, 0.7, True), (0, 150, 0.9, True)),
        # Not called the first time, so that the call is that of day 120.
        *((1, 90, 0.9, False), (1, 105, 0.2, False), (1, 120, 0.5, True)),
        # It never came true as called.
        *((2, 90, 0.9, False), (2, 120, 0.1, True)),
    )
    # By the place of the first case that came true.
    assert lead_times(known, called) == {1: 40, 5: 20}


# --- The back-test ----------------------------------------------------------------------------------------------


def planted(customers: int = 80) -> Program:
    """Half are active every third day for good; half fade in a month of their own, and tell by pausing before."""
    active = []
    for place in range(customers):
        if place % 2:
            active.append(range(1_000 + place % 3, 1_420, 3))
        else:
            stop = 1_120 + 7 * (place // 2)
            active.append([*range(1_000, stop - 40, 3), *range(stop - 40, stop, 13)])
    return program(*active)


def test_planted_silences_are_found() -> None:
    known = planted()
    result = backtest(known, QUIET, date.fromordinal(1_419))
    found = measured(result.cases)
    assert result.months >= 3
    assert found["auc"].low > 0.9
    assert found["skill"].verdict == 1
    assert top(result.cases, 10).hits > 0


def test_it_knows_nothing_that_happened_after_each_month() -> None:
    known = planted()
    whole = backtest(known, QUIET, date.fromordinal(1_419))
    short = backtest(known, QUIET, date.fromordinal(1_380))
    same = whole.cases.part(np.isin(whole.cases.when, short.cases.when))
    assert same.probability.tolist() == short.cases.probability.tolist()


def test_shuffled_outcomes_are_forecast_no_better_than_by_the_base_rate() -> None:
    """Let what comes after each day be somebody else's: then nothing can be known."""
    simulation = simulated(150, 430, seed=8)

    def shuffled(known: Program, who: np.ndarray, when: np.ndarray) -> np.ndarray:
        # A coin of the customer's and the month's own, whatever was done.
        coins = np.random.default_rng(1).random((len(known), 100)) < 0.3
        return coins[who, when // 30 % 100]

    result = backtest(simulation, replace(QUIET, came_true=shuffled), date.fromordinal(1_429))
    found = measured(result.cases)
    assert found["skill"].verdict <= 0
    assert found["auc"].low < 0.5 < found["auc"].high


def test_too_little_to_learn_from_is_no_case() -> None:
    assert len(backtest(program([1_000, 1_100]), QUIET, date.fromordinal(1_400)).cases) == 0
    assert backtest(program([]), QUIET, date.fromordinal(1_400)).months == 0

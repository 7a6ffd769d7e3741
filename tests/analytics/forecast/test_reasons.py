"""Reasons: every feature is in one, and whatever the model, they add up to the difference in log odds."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.forecast.first_pr import FIRST_PR
from analytics.forecast.model import Logistic, to_log_odds
from analytics.forecast.quiet import QUIET
from analytics.forecast.reasons import CAUSES, reasons
from analytics.forecast.target import Target
from tests.support.selection import examples_of_a_push

NUMBERS = st.floats(-2, 2)


def model_of(target: Target, coefficients: list[float], intercept: float) -> Logistic:
    many = len(target.features)
    return Logistic(
        target.features, (0.1,) * many, (0.5,) * many, tuple(coefficients), intercept, (0,) * many, (1,) * many
    )


def test_each_feature_is_in_one_cause() -> None:
    counts = Counter(name for cause in CAUSES for name in cause.features)
    assert counts == Counter({*QUIET.features, *FIRST_PR.features})


@pytest.mark.parametrize("target", [QUIET, FIRST_PR], ids=lambda target: target.name)
@settings(max_examples=examples_of_a_push(50))
@given(st.data())
def test_they_add_up_and_the_weightiest_comes_first(target: Target, data: st.DataObject) -> None:
    many = len(target.features)
    model = model_of(target, data.draw(st.lists(NUMBERS, min_size=many, max_size=many)), data.draw(NUMBERS))
    features = data.draw(st.lists(st.floats(0, 1.5), min_size=many, max_size=many))
    found = reasons(model, features)
    difference = to_log_odds(model.probability(features)) - to_log_odds(model.probability(model.means))
    assert sum(one.contribution for one in found) == pytest.approx(difference, abs=1e-6)
    weights = [abs(one.contribution) for one in found]
    assert weights == sorted(weights, reverse=True)
    outside = {name for name, value in zip(target.features, features, strict=True) if not 0 <= value <= 1}
    assert {one.name for one in found if one.beyond} == {
        cause.name for cause in CAUSES if outside.intersection(cause.features)
    }


@pytest.mark.parametrize(
    ("rate", "since", "words"),
    [
        (0.25, 2.7726, "quiet for 15 days, usually active about every 4 days"),
        (0.9, 0.6931, "quiet for 1 day, usually active on most days"),
        (0.0, 0.0, "active on the day itself"),
        (0.005, 3.4340, "quiet for 30 days, usually active about every 200 days"),
    ],
)
def test_how_long_it_is_quiet_stands_beside_what_is_usual(rate: float, since: float, words: str) -> None:
    model = model_of(QUIET, [0, 0, 0, 0, 1, 0], 0)
    [found] = [one for one in reasons(model, [0, 0, 0, rate, since, 0]) if one.name == "recency"]
    assert found.words == words


def test_how_long_ago_a_customer_signed_up_is_a_reason_for_its_first_pr() -> None:
    model = model_of(FIRST_PR, [*[0.0] * 8, 1], 0)
    # log(1 + 40) = 3.7136
    [found] = [one for one in reasons(model, [*[0.0] * 8, 3.7136]) if one.name == "age"]
    assert (found.words, found.beyond) == ("signed up 40 days ago", True)

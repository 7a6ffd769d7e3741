"""The features of both forecasts: as a slow calculation of one customer on one day finds them, and blind for later."""

from math import exp, expm1, isclose, log, log1p

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from analytics.forecast.first_pr import FIRST_PR
from analytics.forecast.program import NEVER, Program, program_of
from analytics.forecast.quiet import QUIET
from analytics.forecast.target import Target
from tests.support.databases import examples
from tests.support.programs import program

DAY = 20_000
_days = st.lists(st.integers(DAY - 400, DAY + 60), max_size=30)


def on(target_day: int, program: Program) -> np.ndarray:
    return np.full(len(program), target_day)


def quiet_features(days: list[int], day: int) -> list[float]:
    """Calculate what the specification says, day by day and window by window."""
    known = sorted({one for one in days if one <= day})
    age = day - known[0]
    rates = []
    for rhythm in (7, 21, 60, 180):
        weighted = sum(exp(-(day - one) / rhythm) for one in known)
        rates.append(weighted / sum(exp(-ago / rhythm) for ago in range(age + 1)))
    # Windows of 30 days that begin after the first active day or later, and have ended by the day.
    windows = [range(begin + 1, begin + 31) for begin in range(known[0], day - 29)]
    empty = sum(not set(window) & set(known) for window in windows)
    return [*rates, log1p(day - known[-1]), log((empty / 7 + 1) / ((len(windows) - empty) / 7 + 1))]


@hypothesis_settings(max_examples=examples(80))
@given(st.lists(_days, min_size=1, max_size=5))
def test_quiet_is_as_the_slow_calculation(active: list[list[int]]) -> None:
    given_program = program(*active)
    when = on(DAY, given_program)
    there = QUIET.in_population(given_program, given_program.everybody, when)
    for days, in_population in zip(active, there, strict=True):
        known = [day for day in days if day <= DAY]
        assert in_population == (bool(known) and min(known) <= DAY - 30 and max(known) > DAY - 90)
    who = given_program.everybody[there]
    rows = QUIET.measure(given_program, who, when[: len(who)])
    for place, row in zip(who, rows, strict=True):
        expected = quiet_features(active[place], DAY)
        assert all(isclose(one, other, abs_tol=1e-9) for one, other in zip(row, expected, strict=True))
    quiet = QUIET.came_true(given_program, who, when[: len(who)])
    assert quiet.tolist() == [not any(DAY < day <= DAY + 30 for day in active[place]) for place in who]


def test_quiet_by_hand() -> None:
    # Active on the day itself and 40 days before, so a third of the windows of the 40 days has no active day.
    given_program = program([DAY - 40, DAY])
    [row] = QUIET.measure(given_program, given_program.everybody, on(DAY, given_program))
    # Of the windows that begin 40, 39 ... 30 days before, those of 40 to 31 days before end before the day.
    assert row[5] == pytest.approx(log((10 / 7 + 1) / (1 / 7 + 1)))
    assert row[4] == 0
    assert row[0] == pytest.approx((1 + exp(-40 / 7)) / (expm1(-41 / 7) / expm1(-1 / 7)))


@pytest.mark.parametrize("target", [QUIET, FIRST_PR])
@hypothesis_settings(max_examples=examples(60))
@given(data=st.data())
def test_nothing_later_reaches_them(target: Target, data: st.DataObject) -> None:
    active = data.draw(st.lists(_days, min_size=1, max_size=4))
    steps = data.draw(st.lists(st.tuples(*[st.integers(DAY - 90, DAY + 60) | st.just(NEVER)] * 5), min_size=4))
    signups = [DAY - 100] * len(active)

    def known(cut: bool) -> Program:
        """The same program, with everything later as it is, or gone."""
        rows = [
            np.array([(day, day % 3, day % 2) for day in days if not cut or day <= DAY], np.int64).reshape(-1, 3)
            for days in active
        ]
        done = [[NEVER if cut and day > DAY else day for day in row] for row in steps[: len(active)]]
        return program_of([f"c{place}" for place in range(len(active))], signups, rows, done)

    whole, cut = known(False), known(True)
    when = on(DAY, whole)
    there = target.in_population(whole, whole.everybody, when)
    assert there.tolist() == target.in_population(cut, cut.everybody, when).tolist()
    who = whole.everybody[there]
    rows = target.measure(whole, who, when[: len(who)])
    assert rows.tolist() == target.measure(cut, who, when[: len(who)]).tolist()


def test_first_pr_by_hand() -> None:
    # Three steps done 10, 5 and 95 days ago, active on two days with 2 and 1 issues, one request; a PR later.
    rows = [np.array([(DAY - 9, 2, 0), (DAY - 9, 0, 1), (DAY - 3, 1, 0), (DAY + 1, 7, 7)])]
    steps = [[DAY - 95, DAY - 10, NEVER, DAY - 5, DAY + 20]]
    given_program = program_of(["c0"], [DAY - 99], rows, steps)
    when = on(DAY, given_program)
    assert FIRST_PR.in_population(given_program, given_program.everybody, when).all()
    [row] = FIRST_PR.measure(given_program, given_program.everybody, when)
    named = dict(zip(FIRST_PR.features, row, strict=True))
    assert named == pytest.approx(
        {
            "steps_done": 3,
            "since_welcome_email_sent": 0,
            "since_account_created": 1 - 10 / 90,
            "since_github_action_installed": 0,
            "since_first_issue_tagged": 1 - 5 / 90,
            "active_days": log1p(2),
            "issues_tagged": log1p(3),
            "support_requests": log1p(1),
            "age": log1p(99),
        }
    )
    assert FIRST_PR.came_true(given_program, given_program.everybody, when).all()
    assert not FIRST_PR.came_true(given_program, given_program.everybody, when - 11).any()


@pytest.mark.parametrize(
    ("signup", "pr", "before", "there"),
    [
        (DAY, NEVER, False, True),
        (DAY + 1, NEVER, False, False),
        (DAY - 5, DAY + 1, False, True),
        (DAY - 5, DAY, False, False),
        (DAY - 5, NEVER, True, False),
    ],
)
def test_who_can_get_a_first_pr(signup: int, pr: int, before: bool, there: bool) -> None:
    empty = np.empty((0, 3), np.int64)
    given_program = program_of(["c0"], [signup], [empty], [[NEVER] * 4 + [pr]], [before])
    assert FIRST_PR.in_population(given_program, given_program.everybody, on(DAY, given_program)).tolist() == [there]
    if there:
        assert FIRST_PR.measure(given_program, given_program.everybody, on(DAY, given_program)).shape == (1, 9)


def test_a_customer_of_forty_years_beside_a_new_one() -> None:
    given_program = program(range(DAY - 14_600, DAY), [DAY - 31, DAY - 1])
    rows = QUIET.measure(given_program, given_program.everybody, on(DAY, given_program))
    assert np.isfinite(rows).all()
    assert rows[0][3] == pytest.approx(exp(-1 / 180), abs=1e-6)

"""How far a replica is behind, from what was noted of both."""

from hypothesis import given
from hypothesis import strategies as st

from customers.core.replica.lag import MOST_NOTED, Lag


def test_a_replica_that_is_as_far_lacks_nothing() -> None:
    lag = Lag()
    assert lag.note(10.0, 500, 500) == 0.0
    assert lag.note(11.0, 500, 501) == 0.0


def test_nobody_writes_for_an_hour_and_it_still_lacks_nothing() -> None:
    lag = Lag()
    lag.note(10.0, 500, 500)
    assert lag.note(3_610.0, 500, 500) == 0.0


def test_it_lacks_what_came_after_the_last_moment_of_which_it_has_everything() -> None:
    lag = Lag()
    lag.note(10.0, 500, 500)
    assert lag.note(11.0, 600, 500) == 1.0
    assert lag.note(12.0, 700, 500) == 2.0
    # It now has all of the second moment, which is two seconds ago.
    assert lag.note(13.0, 800, 600) == 2.0
    assert lag.note(14.0, 800, 800) == 0.0


def test_one_that_was_behind_from_the_start_may_be_so_by_years() -> None:
    lag = Lag()
    assert lag.note(10.0, 500, 100) is None
    assert lag.note(11.0, 600, 499) is None
    assert lag.note(12.0, 700, 500) == 2.0


def test_a_primary_that_falls_back_is_another_one_and_the_lag_begins_anew() -> None:
    lag = Lag()
    lag.note(10.0, 500, 500)
    assert lag.note(11.0, 600, 550) == 1.0
    assert lag.note(12.0, 300, 200) is None
    assert lag.note(13.0, 310, 305) == 1.0


def test_what_is_noted_has_an_end_and_the_lag_stays_true() -> None:
    lag = Lag()
    lag.note(0.0, 1, 1)
    for second in range(1, 2 * MOST_NOTED):
        assert lag.note(float(second), second + 1, 1) == float(second)
    assert lag.note(2.0 * MOST_NOTED, 2 * MOST_NOTED + 1, 2 * MOST_NOTED + 1) == 0.0


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=30))
def test_it_has_all_that_the_primary_had_so_long_ago(steps: list[tuple[int, int]]) -> None:
    lag, primary, replica, noted = Lag(), 10, 10, [10]
    lag.note(0.0, primary, replica)
    for second, (written, replayed) in enumerate(steps, start=1):
        primary += written
        replica = min(primary, replica + replayed)
        noted.append(primary)
        behind = lag.note(float(second), primary, replica)
        assert behind is not None
        assert noted[second - int(behind)] <= replica

"""Going quiet: whom the forecast is about, what it looks at, and what came true."""

import numpy as np

from analytics.forecast.program import Bools, Floats, Ints, Program
from analytics.forecast.target import STEP, Target
from analytics.models import HORIZON, RECENT

RHYTHMS = (7, 21, 60, 180)
"""Time constants, in days, of the weighted rates of active days."""
_FEATURES = (*(f"rate_{days}" for days in RHYTHMS), "days_since_active", "own_quiet")


def _in_population(program: Program, who: Ints, when: Ints) -> Bools:
    """Return who on which date has been active for ``HORIZON`` days, and in the ``RECENT`` ones."""
    return (program.first[who] <= when - HORIZON) & program.any_between(who, when - RECENT, when)


def _span(program: Program, day: int) -> tuple[Ints, Ints]:
    """Return the first and the last date on which each customer can be in the population, as known on a day."""
    return program.first + HORIZON, program.last_until(day) + RECENT - 1


def _went_quiet(program: Program, who: Ints, when: Ints) -> Bools:
    """Return who had no active day in the ``HORIZON`` days after which date."""
    return ~program.any_between(who, when, when + HORIZON)


def _features(program: Program, who: Ints, when: Ints) -> Floats:
    """Return the ``_FEATURES`` of customers on dates, a row each; nothing dated later reaches them.

    Each customer has an active day by then.
    """
    newest = program.newest_until(who, when)
    since = when - program.days[newest]
    age = when - program.first[who]
    columns = []
    for rhythm in RHYTHMS:
        # What a customer of that age who was active every day would have reached.
        most = np.expm1(-(age + 1) / rhythm) / np.expm1(-1 / rhythm)
        columns.append(program.weighted_sums(rhythm)[newest] * np.exp(-since / rhythm) / most)
    columns += [np.log1p(since), _own_quiet(program, who, newest, since, age)]
    return np.column_stack(columns)


def _own_quiet(program: Program, who: Ints, newest: Ints, since: Ints, age: Ints) -> Floats:
    """Return the log odds of the customer's own share of empty windows of ``HORIZON`` days so far.

    One empty and one full window are added. One window in ``STEP`` counts of those that begin on each day.
    """
    gaps = np.diff(program.days, prepend=0)
    # The gap before a customer's first active day is somebody else's.
    gaps[program.starts[:-1][program.lengths > 0]] = 0
    empty = np.cumsum(np.maximum(gaps - HORIZON, 0))
    before = empty[newest] - empty[program.starts[who]]
    empty_windows = before + np.maximum(since - HORIZON + 1, 0)
    windows = np.maximum(age - HORIZON + 1, 0)
    log_odds: Floats = np.log((empty_windows / STEP + 1) / ((windows - empty_windows) / STEP + 1))
    return log_odds


QUIET = Target("quiet", _FEATURES, _in_population, _span, _features, _went_quiet)

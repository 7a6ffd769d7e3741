"""First PR: whom the forecast is about, what it looks at, and what came true."""

import numpy as np

from analytics.forecast.program import NEVER, Bools, Floats, Ints, Program
from analytics.forecast.target import Target
from analytics.models import HORIZON
from customers.models import Step

_STEPS = [place for place, step in enumerate(Step) if step is not Step.FIRST_PR]
_PR = next(place for place, step in enumerate(Step) if step is Step.FIRST_PR)
_FORGOTTEN = 90
"""Days from which on it no longer matters how long ago a step was done; so long ago is one that was not done."""
_FEATURES = (
    "steps_done",
    *(f"since_{list(Step)[place].value}" for place in _STEPS),
    "active_days",
    "issues_tagged",
    "support_requests",
    "age",
)


def _in_population(program: Program, who: Ints, when: Ints) -> Bools:
    """Return who had signed up by which date, and not done the step First PR."""
    there: Bools = (program.signups[who] <= when) & (program.steps[who, _PR] > when) & ~program.pr_before[who]
    return there


def _span(program: Program, day: int) -> tuple[Ints, Ints]:
    """Return the first and the last date on which each customer can be in the population."""
    return program.signups, np.where(program.pr_before, 0, program.steps[:, _PR] - 1)


def _came_true(program: Program, who: Ints, when: Ints) -> Bools:
    """Return who did the step in the ``HORIZON`` days after which date."""
    done: Bools = program.steps[who, _PR] <= when + HORIZON
    return done


def _features(program: Program, who: Ints, when: Ints) -> Floats:
    """Return the ``_FEATURES`` of customers on dates, a row each; nothing dated later reaches them."""
    days = program.steps[who][:, _STEPS]
    done = days <= when[:, None]
    # How fresh a step is: 1 on its day, 0 when it was not done or long ago.
    ago = np.where(done, np.minimum(when[:, None] - days, _FORGOTTEN), _FORGOTTEN)
    newest = program.newest_until(who, when)
    active = newest - program.starts[who] + 1
    known = np.where(active > 0, newest, 0)
    issues, requests = (
        np.where(active > 0, np.append(totals, 0)[known], 0) for totals in (program.issues, program.requests)
    )
    return np.column_stack(
        [
            done.sum(axis=1),
            1 - ago / _FORGOTTEN,
            np.log1p(active),
            np.log1p(issues),
            np.log1p(requests),
            np.log1p(np.minimum(when - program.signups[who], NEVER)),
        ]
    )


FIRST_PR = Target("first_pr", _FEATURES, _in_population, _span, _features, _came_true)

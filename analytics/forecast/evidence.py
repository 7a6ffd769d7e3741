"""The evidence ladder: with how much to learn from there is no forecast, one by counts, or one by the model."""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from analytics.forecast.learning import LearningRows, group_of
from analytics.forecast.model import Counts
from analytics.forecast.program import Ints, Program
from analytics.models import FEWEST_CUSTOMERS, FEWEST_OUTCOMES, ForecastModel

ENOUGH_OUTCOMES = 50
"""Customers with the rarer outcome: with fewer they are counted, from so many on there is the model."""
RECENCY = (7, 14, 30, 60)
"""Days since the last activity at which the next band begins; in the last one are those who never were active."""


@dataclass(frozen=True)
class Evidence:
    """How much there is to learn from, and about when it will be enough where it is not."""

    customers: int
    rarer: int
    enough_about: date | None

    @property
    def method(self) -> ForecastModel.Method | None:
        """How to forecast; None where there is too little to learn from."""
        if self.customers < FEWEST_CUSTOMERS or self.rarer < FEWEST_OUTCOMES:
            return None
        return ForecastModel.Method.COUNTS if self.rarer < ENOUGH_OUTCOMES else ForecastModel.Method.LOGISTIC


def evidence(rows: LearningRows, day: date) -> Evidence:
    """Weigh the learning rows that were known on a day."""
    known_for = day.toordinal() - int(rows.when.min()) if len(rows.when) else 0
    lacking = [
        (have, need)
        for have, need in ((rows.customers, FEWEST_CUSTOMERS), (rows.rarer, FEWEST_OUTCOMES))
        if have < need
    ]
    about = None
    if lacking and all(have for have, _need in lacking):
        # At the pace so far.
        about = day + timedelta(days=max(known_for * (need - have) // have + 1 for have, need in lacking))
    return Evidence(rows.customers, rows.rarer, about)


def days_since_active(program: Program, who: Ints, when: Ints) -> Ints:
    """Return the days since each customer's last activity; more than any band's begin for who never was active."""
    active = program.active_days_until(who, when) > 0
    newest = np.where(active, program.newest_until(who, when), 0)
    return np.where(active, when - np.append(program.days, 0)[newest], RECENCY[-1])


def count(program: Program, rows: LearningRows) -> Counts:
    """Count the learning rows by days since the last activity; a band without rows belongs to the next one."""
    since = days_since_active(program, rows.who, rows.when)
    bands = zip((0, *RECENCY), (*RECENCY, RECENCY[-1] + 1), strict=True)
    inside = [(end, (since >= first) & ((since < end) | (first == RECENCY[-1]))) for first, end in bands]
    return Counts(tuple(group_of(rows, part, end - 1) for end, part in inside if part.any()))

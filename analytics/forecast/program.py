"""A program as arrays: the active days, counters and steps of all its customers, and what is read off them by date.

Days are ordinals of dates (``date.toordinal``).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

NEVER = 1 << 22
"""Later than the ordinal of any date."""
_NEXT_CUSTOMER = 2 * NEVER
"""So that a customer's place and a day make one number, which sorts by both."""


@dataclass(frozen=True)
class Program:
    """The customers in the order of their keys; one array beside the other.

    The active days of the customer at place ``k`` are ``days[starts[k]:starts[k + 1]]``, the oldest first, each once.
    ``issues`` and ``requests`` are what was tagged and asked for up to and including each active day.
    """

    keys: Sequence[str]
    signups: Ints
    starts: Ints
    days: Ints
    issues: Ints
    requests: Ints
    steps: Ints
    """A row a customer: the day on which each of the five steps was done, ``NEVER`` where it is not or has no day."""
    pr_before: Bools
    """Whose First PR was done before anybody looked, on a day that is not known."""
    _sums: dict[int, Floats] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __len__(self) -> int:
        return len(self.keys)

    @cached_property
    def everybody(self) -> Ints:
        """The places of all customers."""
        return np.arange(len(self), dtype=np.int64)

    @cached_property
    def lengths(self) -> Ints:
        """How many active days each customer has."""
        return np.diff(self.starts)

    @cached_property
    def first(self) -> Ints:
        """The first active day of each customer, ``NEVER`` without one."""
        return np.append(self.days, NEVER)[np.where(self.lengths > 0, self.starts[:-1], len(self.days))]

    @cached_property
    def _sorted(self) -> Ints:
        return np.repeat(self.everybody, self.lengths) * _NEXT_CUSTOMER + self.days

    def newest_until(self, who: Ints, when: Ints) -> Ints:
        """Return the place in ``days`` of each customer's newest active day on or before a date.

        It is one before the customer's first place where there is none.
        """
        return np.searchsorted(self._sorted, who * _NEXT_CUSTOMER + when, side="right") - 1

    def last_until(self, day: int) -> Ints:
        """Return each customer's newest active day on or before a date; before any date without one."""
        newest = self.newest_until(self.everybody, np.full(len(self), day))
        return np.append(self.days, 0)[np.where(newest >= self.starts[:-1], newest, len(self.days))]

    def active_days_until(self, who: Ints, when: Ints) -> Ints:
        """Return how many active days each customer has on or before a date."""
        return self.newest_until(who, when) - self.starts[who] + 1

    def weighted_sums(self, rhythm: int) -> Floats:
        """Return at each active day the sum over it and those before, each weighted by its age in ``rhythm`` days."""
        if rhythm not in self._sums:
            self._sums[rhythm] = self._weighted_sums(rhythm)
        return self._sums[rhythm]

    def _weighted_sums(self, rhythm: int) -> Floats:
        """Go day by day for all customers at once: those with the most days first, so that a round takes a slice."""
        order = np.argsort(-self.lengths, kind="stable")
        starts = self.starts[:-1][order]
        longest = int(self.lengths.max(initial=0))
        still_there = len(order) - np.searchsorted(np.sort(self.lengths), np.arange(longest), side="right")
        sums = np.ones(len(self.days))
        for place in range(1, longest):
            at = starts[: still_there[place]] + place
            gaps = self.days[at] - self.days[at - 1]
            sums[at] += sums[at - 1] * np.exp(-gaps / rhythm)
        return sums

    def any_between(self, who: Ints, after: Ints, until: Ints) -> Bools:
        """Return whether each customer has an active day after one date, up to another."""
        return self.newest_until(who, until) > self.newest_until(who, after)


def program_of(
    keys: Sequence[str],
    signups: Sequence[int],
    rows: Sequence[NDArray[np.int64]],
    steps: Sequence[Sequence[int]] = (),
    pr_before: Sequence[bool] = (),
) -> Program:
    """Build a program; ``rows`` has for each customer an array of day, issues and requests, in any order."""
    lengths = np.fromiter(map(len, rows), np.int64, len(rows))
    owners = np.repeat(np.arange(len(rows), dtype=np.int64), lengths)
    table = np.concatenate(rows) if len(owners) else np.empty((0, 3), np.int64)
    places = owners * _NEXT_CUSTOMER + table[:, 0]
    order = np.argsort(places, kind="stable")
    unique, begins = np.unique(places[order], return_index=True)
    totals = np.add.reduceat(table[order, 1:], begins) if len(begins) else np.empty((0, 2), np.int64)
    starts = np.searchsorted(unique, np.arange(len(rows) + 1, dtype=np.int64) * _NEXT_CUSTOMER)
    sums = np.concatenate([np.zeros((1, 2), np.int64), np.cumsum(totals, axis=0)])
    so_far = sums[1:] - sums[starts[unique // _NEXT_CUSTOMER]]
    return Program(
        keys=keys,
        signups=np.asarray(signups, np.int64),
        starts=starts,
        days=unique % _NEXT_CUSTOMER,
        issues=so_far[:, 0],
        requests=so_far[:, 1],
        steps=np.asarray(steps, np.int64) if len(steps) else np.full((len(rows), 5), NEVER, np.int64),
        pr_before=np.asarray(pr_before, np.bool_) if len(pr_before) else np.zeros(len(rows), np.bool_),
    )

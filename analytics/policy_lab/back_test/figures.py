"""How well a draft flags who goes quiet, beside the policies in force; numpy comes with it, so pages load it late."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple, Self

import numpy as np

from analytics.forecast.accuracy import weighted_auc, with_intervals
from analytics.forecast.backtest import leads
from analytics.forecast.program import Bools, Floats, Ints
from analytics.models import FEWEST_OUTCOMES, Figure
from analytics.policy_lab.back_test.trials import MonthCases, Scores

NAMES = ("precision", "recall", "lowest_precision", "lowest_recall", "lead", "flagged", "auc")
"""The figures of a side, in the order of ``_Flags.figures``."""


@dataclass(frozen=True)
class Compared:
    """A figure of both sides, and the draft's less that of the policies in force with its 95 % interval."""

    before: float
    after: float
    difference: Figure


@dataclass(frozen=True)
class Outcomes:
    """How many customers ever went quiet at a month's end, and how many ever did not."""

    went_quiet: int
    stayed: int

    @property
    def are_enough(self) -> bool:
        """Whether there are enough of both for a verdict."""
        return min(self.went_quiet, self.stayed) >= FEWEST_OUTCOMES


class Population(NamedTuple):
    """The customers of all months' ends, numbered from 0, each with the day and whether it then went quiet."""

    who: Ints
    when: Ints
    went_quiet: Bools

    @classmethod
    def of(cls, months: Mapping[date, MonthCases]) -> Self:
        """Put at least one month's end together."""
        cases = list(months.values())
        places: dict[str, int] = {}
        return cls(
            np.array([places.setdefault(key, len(places)) for one in cases for key in one.customers], np.int64),
            np.repeat([day.toordinal() for day in months], [len(one.customers) for one in cases]),
            np.concatenate([np.array(one.went_quiet, np.bool_) for one in cases]),
        )


class _Flags:
    """Whom a side flags over all months, and its figures of weighted cases; ``who`` numbers the customers from 0."""

    def __init__(self, sides: Sequence[Scores], who: Ints, when: Ints, went_quiet: Bools, since: Ints) -> None:
        self._months = len(sides)
        at_risk = np.concatenate([np.array(side.at_risk, np.bool_) for side in sides])
        scores = [np.array(side.scores, np.int64) for side in sides]
        starts = np.cumsum([0, *map(len, scores[:-1])])
        lowest = [lowest_tenth(some) + start for some, start in zip(scores, starts, strict=True)]
        # All cases of a customer are drawn together, so that one of them tells how often all are.
        self._first = np.unique(who, return_index=True)[1]
        some = [np.flatnonzero(went_quiet)]
        for flagged in (np.flatnonzero(at_risk), np.concatenate(lowest)):
            some += [flagged, flagged[went_quiet[flagged]]]
        counts = [np.bincount(who[places], minlength=len(self._first)) for places in some]
        self._counts = np.column_stack(counts).astype(float)
        found = leads(who, when, at_risk, went_quiet, when - since)
        self._lead_places = np.fromiter(found, np.int64, len(found))
        self._leads = np.fromiter(found.values(), np.int64, len(found))
        # The lowest score is the likeliest to go quiet.
        self._order = weighted_auc(100 - np.concatenate(scores), went_quiet)

    def figures(self, weights: Floats) -> list[float]:
        """Return the figures by ``NAMES``; not a number where there is nothing to count."""
        quiet, at_risk, at_risk_hits, lowest, lowest_hits = (weights[self._first] @ self._counts).tolist()
        found = [_share(at_risk_hits, at_risk), _share(at_risk_hits, quiet)]
        found += [_share(lowest_hits, lowest), _share(lowest_hits, quiet)]
        drawn = np.repeat(self._leads, weights[self._lead_places].astype(np.int64))
        lead = float(np.median(drawn)) if len(drawn) else float("nan")
        return [*found, lead, at_risk / self._months, self._order(weights)]


def lowest_tenth(scores: Ints) -> Ints:
    """Return the places of the lowest tenth of the scores, rounded up; of equals the first ones."""
    return np.argsort(scores, kind="stable")[: -(-len(scores) // 10)]


def _share(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")


def compared_figures(months: Mapping[date, MonthCases]) -> tuple[Outcomes, dict[str, Compared]]:
    """Return the outcomes there are, and the figures of both sides by ``NAMES``, of at least one case."""
    cases = list(months.values())
    who, when, went_quiet = Population.of(months)
    since = np.concatenate([np.array(one.since, np.int64) for one in cases])
    both = [
        _Flags(sides, who, when, went_quiet, since)
        for sides in ([one.before for one in cases], [one.after for one in cases])
    ]

    def calculate(weights: Floats) -> list[float]:
        before, after = (side.figures(weights) for side in both)
        return [*before, *after, *(new - old for old, new in zip(before, after, strict=True))]

    found = with_intervals(who, calculate)
    count = len(NAMES)
    parts = zip(NAMES, found[:count], found[count : 2 * count], found[2 * count :], strict=True)
    outcomes = Outcomes(*(len(np.unique(who[kind])) for kind in (went_quiet, ~went_quiet)))
    return outcomes, {name: Compared(old.value, new.value, change) for name, old, new, change in parts}

"""How good forecasts were: what is calculated of cases whose outcome is known.

The intervals are of 95 %, by a bootstrap over customers: their cases are not independent of each other.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields

import numpy as np

from analytics.forecast.program import Bools, Floats, Ints
from analytics.models import Figure

RESAMPLES = 300
_SEED = 20_250_510


@dataclass(frozen=True)
class Cases:
    """Customers on dates: what was forecast, what simpler forecasts said, and what came true; arrays of one length."""

    who: Ints
    when: Ints
    probability: Floats
    """Not a number where too little was known for a forecast; so are the simpler ones."""
    base_rate: Floats
    """In how many of the learning rows it came true."""
    by_recency: Floats
    """The probability by the days since the last activity alone."""
    came_true: Bools

    def __len__(self) -> int:
        return len(self.who)

    def part(self, which: Bools | Ints) -> "Cases":
        """Return some of the cases."""
        return Cases(*(getattr(self, field.name)[which] for field in fields(self)))

    @classmethod
    def of(cls, parts: Sequence["Cases"]) -> "Cases":
        """Put parts together; without any there are no cases."""
        nothing = cls(*(np.empty(0, kind) for kind in (np.int64, np.int64, float, float, float, np.bool_)))
        return cls(*(np.concatenate([getattr(one, field.name) for one in (nothing, *parts)]) for field in fields(cls)))


@dataclass(frozen=True)
class Top:
    """The ``size`` customers called riskiest on each date, and of how many of the called and of all it came true."""

    size: int
    called: int
    hits: int
    came_true: int


def measured(cases: Cases) -> dict[str, Figure]:
    """Return ``auc``, ``brier``, and ``skill`` against the base rate and ``skill_recency`` against recency alone.

    The area under the curve (AUC) is how often a forecast is higher where it came true than where it did not. The
    Brier score is the mean squared error. A skill is by what share it is below that of the simpler forecast.
    """
    ranks = np.unique(cases.probability, return_inverse=True)[1]
    errors = {
        name: (getattr(cases, name) - cases.came_true) ** 2 for name in ("probability", "base_rate", "by_recency")
    }

    order = weighted_auc(ranks, cases.came_true)

    def calculate(weights: Floats) -> list[float]:
        ours, base, recency = (float(np.average(error, weights=weights)) for error in errors.values())
        return [order(weights), ours, _skill(ours, base), _skill(ours, recency)]

    return dict(zip(("auc", "brier", "skill", "skill_recency"), with_intervals(cases.who, calculate), strict=True))


def with_intervals(who: Ints, calculate: Callable[[Floats], Sequence[float]]) -> list[Figure]:
    """Return what is calculated of cases, given their weights, each value with its interval.

    ``who`` has the customer of each case: customers are drawn, and their cases with them.
    """
    values = calculate(np.ones(len(who)))
    drawn = np.array([calculate(weights) for weights in _weights(who)])
    known = ~np.isnan(drawn).all(axis=0)
    ends = np.full((2, len(values)), np.nan)
    ends[:, known] = np.nanpercentile(drawn[:, known], [2.5, 97.5], axis=0)
    return [Figure(*each) for each in zip(values, *ends.tolist(), strict=True)]


def auc(probability: Floats, came_true: Bools) -> float:
    """Return the area under the curve; ties count half, and without both outcomes it is not a number."""
    return weighted_auc(np.unique(probability, return_inverse=True)[1], came_true)(np.ones(len(came_true)))


def weighted_auc(ranks: Ints, came_true: Bools) -> Callable[[Floats], float]:
    """Return what calculates the area under the curve of cases by their weights; ``ranks`` are small whole numbers."""
    places = np.flatnonzero(came_true)
    true_ranks = ranks[places]

    def area(weights: Floats) -> float:
        both = np.bincount(ranks, weights)
        true = np.bincount(true_ranks, weights[places], minlength=len(both))
        false = both - true
        pairs = true.sum() * false.sum()
        below = np.cumsum(false) - false / 2
        return float((true * below).sum() / pairs) if pairs else float("nan")

    return area


def _skill(ours: float, other: float) -> float:
    return 1 - ours / other if other else float("nan")


def _weights(who: Ints) -> Iterator[Floats]:
    """Yield how often each case is drawn when as many customers as there are are drawn with replacement."""
    generator = np.random.default_rng(_SEED)
    customers, place = np.unique(who, return_inverse=True)
    for _number in range(RESAMPLES):
        drawn = generator.integers(0, len(customers), len(customers))
        yield np.bincount(drawn, minlength=len(customers)).astype(float)[place]


def ranks(cases: Cases) -> Ints:
    """Return the place of each case among those of its date, 1 being the most likely; of equals the first ones."""
    order = np.lexsort((-cases.probability, cases.when))
    _days, starts, numbers = np.unique(cases.when[order], return_index=True, return_counts=True)
    found = np.empty(len(cases), np.int64)
    found[order] = np.arange(len(cases)) - np.repeat(starts, numbers) + 1
    return found


def top(cases: Cases, size: int) -> Top:
    """Return how it went with the ``size`` most likely of each date."""
    called = ranks(cases) <= size
    return Top(size, int(called.sum()), int(cases.came_true[called].sum()), int(cases.came_true.sum()))


def reliability(cases: Cases) -> list[tuple[float, float]]:
    """Return the isotonic curve: for probabilities, in what share it came true; only where the curve bends."""
    # Only the command calculates it: no web process pays for the import.
    from sklearn.isotonic import IsotonicRegression

    order = np.argsort(cases.probability, kind="stable")
    said = cases.probability[order]
    share = IsotonicRegression(y_min=0, y_max=1).fit_transform(said, cases.came_true[order].astype(float))
    bends = np.flatnonzero(np.diff(share, prepend=-1, append=-1))
    ends = np.unique(np.concatenate([bends[bends < len(share)], bends[bends > 0] - 1]))
    return [(float(said[place]), float(share[place])) for place in ends]


def worst(cases: Cases, number: int = 10) -> Ints:
    """Return the places of the cases that were furthest from what came true, the worst first."""
    return np.argsort(-np.abs(cases.probability - cases.came_true), kind="stable")[:number]

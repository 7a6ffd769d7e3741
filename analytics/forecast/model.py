"""A fitted model as numbers: how a row of features becomes a probability, and what each feature adds to it.

A web process reads a model from its row in the database, and needs no package of numbers for it.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import exp, log, sqrt
from typing import NotRequired, TypedDict, cast

DECIMALS = 4
"""To so many decimals features are rounded before anything is made of them, as they are stored."""
_Z = 1.96
"""The quantile of the normal distribution for intervals of 95 %."""
DAYS_SINCE_ACTIVE = "days_since_active"


@dataclass(frozen=True)
class Peers:
    """Learning rows that are alike: how many, of how many customers, and of how many rows the forecast came true."""

    until: float
    """The greatest value in the group: of a probability, or of days since the last activity."""
    rows: int
    customers: int
    came_true: int

    @property
    def share(self) -> float:
        """In what share of the rows it came true."""
        return self.came_true / self.rows

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval of the share, with as many cases as customers: their rows are not independent."""
        n, share = self.customers, self.share
        middle = (share + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
        half = _Z * sqrt(share * (1 - share) / n + _Z**2 / (4 * n**2)) / (1 + _Z**2 / n)
        return max(middle - half, 0.0), min(middle + half, 1.0)


@dataclass(frozen=True)
class Logistic:
    """A logistic regression on standardized features: everything that it needs to forecast."""

    features: tuple[str, ...]
    means: tuple[float, ...]
    scales: tuple[float, ...]
    coefficients: tuple[float, ...]
    intercept: float
    lows: tuple[float, ...]
    highs: tuple[float, ...]
    """The range of each feature in the learning rows."""
    groups: tuple[Peers, ...] = ()
    """The learning rows by their probability, the lowest first."""

    def contributions(self, features: Sequence[float]) -> list[float]:
        """Return what each feature of a row adds to the log odds of the average learning row."""
        terms = zip(self.coefficients, features, self.means, self.scales, strict=True)
        return [coefficient * (value - mean) / scale for coefficient, value, mean, scale in terms]

    def probability(self, features: Sequence[float]) -> float:
        """Return how probable it is that the forecast comes true."""
        return from_log_odds(self.intercept + sum(self.contributions(features)))

    def group_of(self, features: Sequence[float]) -> Peers:
        """Return the learning rows that are like a row: of about the same probability."""
        return _group_until(self.groups, self.probability(features))

    def beyond(self, features: Sequence[float]) -> list[str]:
        """Return the names of the features that lie outside the range of the learning rows."""
        ranges = zip(self.features, features, self.lows, self.highs, strict=True)
        return [name for name, value, low, high in ranges if not low <= value <= high]


@dataclass(frozen=True)
class Counts:
    """How often it came true, by the days since the last activity; every group has rows."""

    groups: tuple[Peers, ...]
    features: tuple[str, ...] = (DAYS_SINCE_ACTIVE,)

    def probability(self, features: Sequence[float]) -> float:
        """Return how probable it is that the forecast comes true."""
        return self.group_of(features).share

    def group_of(self, features: Sequence[float]) -> Peers:
        """Return the learning rows that are like a row: as long without activity."""
        [days] = features
        return _group_until(self.groups, days)


Model = Logistic | Counts
"""Either method: both have ``features``, ``probability`` and ``group_of``."""


class _PeersNumbers(TypedDict):
    until: float
    rows: int
    customers: int
    came_true: int


class Numbers(TypedDict):
    """A model in JSON; counts have no more than their groups."""

    features: list[str]
    groups: list[_PeersNumbers]
    means: NotRequired[list[float]]
    scales: NotRequired[list[float]]
    coefficients: NotRequired[list[float]]
    intercept: NotRequired[float]
    lows: NotRequired[list[float]]
    highs: NotRequired[list[float]]


def from_log_odds(log_odds: float) -> float:
    """Return the probability of log odds, however far they are from 0."""
    return 1 / (1 + exp(-log_odds)) if log_odds > 0 else exp(log_odds) / (1 + exp(log_odds))


def to_log_odds(probability: float) -> float:
    """Return the log odds of a probability between 0 and 1."""
    return log(probability / (1 - probability))


def to_numbers(model: Logistic | Counts) -> Numbers:
    """Return a model as what JSON can hold."""
    return cast(Numbers, asdict(model))


def from_numbers(numbers: Numbers) -> Logistic | Counts:
    """Return the model that ``to_numbers`` wrote."""
    groups = tuple(Peers(**group) for group in numbers["groups"])
    if "coefficients" not in numbers:
        return Counts(groups)
    return Logistic(
        features=tuple(numbers["features"]),
        means=tuple(numbers["means"]),
        scales=tuple(numbers["scales"]),
        coefficients=tuple(numbers["coefficients"]),
        intercept=numbers["intercept"],
        lows=tuple(numbers["lows"]),
        highs=tuple(numbers["highs"]),
        groups=groups,
    )


def _group_until(groups: Sequence[Peers], value: float) -> Peers:
    return next((group for group in groups if value <= group.until), groups[-1])

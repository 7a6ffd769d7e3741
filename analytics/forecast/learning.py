"""What a forecast learns from: each customer at every seventh day whose outcome is known, and the model of it."""

import zlib
from dataclasses import dataclass, replace

import numpy as np

from analytics.forecast.model import Logistic, Peers
from analytics.forecast.program import Bools, Floats, Ints, Program
from analytics.forecast.target import STEP, Target
from analytics.models import HORIZON

MOST_ROWS = 200_000
"""Of more rows than that a sample is taken, the same one each time."""
STRENGTH = 0.1
"""``C`` of the logistic regression: the inverse of the weight of its L2 penalty."""
GROUPS = 10
"""Into so many groups of equal size the learning rows are put, by their probability."""


@dataclass(frozen=True)
class LearningRows:
    """A customer's place and a day for each row, its features, and whether the forecast came true."""

    who: Ints
    when: Ints
    features: Floats
    came_true: Bools

    @property
    def customers(self) -> int:
        """How many customers the rows are of."""
        return len(np.unique(self.who))

    @property
    def rarer(self) -> int:
        """Of how many customers there are rows of the rarer outcome."""
        return min(len(np.unique(self.who[kind])) for kind in (self.came_true, ~self.came_true))


def learning_rows(program: Program, target: Target, day: int, most: int = MOST_ROWS) -> LearningRows:
    """Return the rows that are known on a day: nothing that is dated later reaches them.

    The days are every seventh one before it whose horizon has ended by then.
    """
    latest = day - -(-HORIZON // STEP) * STEP
    first, last = target.span(program, day)
    # Counted in steps back from the latest day, so that two customers of the same week are asked on the same day.
    newest = np.maximum(-(-(latest - last) // STEP), 0)
    numbers = np.maximum((latest - np.minimum(first, latest + STEP)) // STEP - newest + 1, 0)
    who = np.repeat(program.everybody, numbers)
    within = np.arange(len(who)) - np.repeat(np.cumsum(numbers) - numbers, numbers)
    when = latest - (newest[who] + within) * STEP
    if len(who) > most:
        kept = _hashes(program, who, when) < most / len(who)
        who, when = who[kept], when[kept]
    there = target.in_population(program, who, when)
    who, when = who[there], when[there]
    return LearningRows(who, when, target.measure(program, who, when), target.came_true(program, who, when))


def _hashes(program: Program, who: Ints, when: Ints) -> Floats:
    """Return a number from 0 to 1 for each customer and day, which depends on nothing else."""
    of_keys = np.fromiter((zlib.crc32(key.encode()) for key in program.keys), np.uint64, len(program))
    mixed = (of_keys[who] << np.uint64(32)) + when.astype(np.uint64)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    return (mixed ^ (mixed >> np.uint64(31))) / 2.0**64


def fit(features: tuple[str, ...], rows: LearningRows) -> Logistic:
    """Fit a logistic regression on the standardized ``features``, by name; needs rows of both outcomes."""
    # Only the command learns: no web process pays for the import.
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    scaler, regression = StandardScaler(), LogisticRegression(C=STRENGTH, max_iter=1_000)
    regression.fit(scaler.fit_transform(rows.features), rows.came_true)
    model = Logistic(
        features,
        means=tuple(scaler.mean_.tolist()),
        scales=tuple(scaler.scale_.tolist()),
        coefficients=tuple(regression.coef_[0].tolist()),
        intercept=float(regression.intercept_[0]),
        lows=tuple(rows.features.min(axis=0).tolist()),
        highs=tuple(rows.features.max(axis=0).tolist()),
    )
    return replace(model, groups=_groups(probabilities(model, rows.features), rows))


def probabilities(model: Logistic, features: Floats) -> Floats:
    """Return the probability of each row of features, as ``Logistic.probability`` does of one."""
    log_odds = (features - model.means) / model.scales @ np.asarray(model.coefficients) + model.intercept
    return np.asarray(1 / (1 + np.exp(-log_odds)))


def _groups(values: Floats, rows: LearningRows) -> tuple[Peers, ...]:
    """Put the rows into groups of about the same size by their probability, the lowest first."""
    order = np.argsort(values, kind="stable")
    return tuple(
        group_of(rows, part, float(values[part[-1]])) for part in np.array_split(order, min(GROUPS, len(order)))
    )


def group_of(rows: LearningRows, part: Ints | Bools, until: float) -> Peers:
    """Return some of the rows as a group."""
    came_true = rows.came_true[part]
    return Peers(until, len(came_true), len(np.unique(rows.who[part])), int(came_true.sum()))

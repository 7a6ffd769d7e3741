"""How each customer would stand: before and after, packed, so that everybody's is kept in two megabytes."""

from array import array
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from heapq import nsmallest
from typing import NamedTuple

from analytics.models import HealthStatus
from analytics.policy_lab.program import NO_POINTS, STATUSES, Figures, ScoredProgram
from analytics.scoring.components import COMPONENTS


class ComponentMove(NamedTuple):
    """A component whose points differ; None where it is not available."""

    label: str
    before: int | None
    after: int | None


class Standing(NamedTuple):
    """How a customer stands: its status and score, the points of each component, and the policy's name."""

    status: HealthStatus
    score: int
    points: tuple[int | None, ...]
    policy: str


class Move(NamedTuple):
    """A customer before and after."""

    customer: str
    before: Standing
    after: Standing

    @property
    def change(self) -> int:
        """By how many points the score moves."""
        return self.after.score - self.before.score

    @property
    def components(self) -> list[ComponentMove]:
        """The components whose points move, in the order of the pages."""
        pairs = zip(COMPONENTS, self.before.points, self.after.points, strict=True)
        return [ComponentMove(one.label, before, after) for one, before, after in pairs if before != after]


_FIGURES = 2 + len(COMPONENTS)
_SIZE = 2 * (_FIGURES + 1)


@dataclass(frozen=True)
class Moves:
    """Everybody who is scored before and after, in the order of ``compared``; ``policies`` are names by place.

    First come the ``status_moves``, who get another status; they and those behind them, who get other points alone,
    are the ``moves``. Then come all others. ``point_moves`` are those who get other points, of whatever status.
    """

    customers: list[str]
    packed: "array[int]"
    policies: list[str]
    status_moves: int
    moves: int
    point_moves: int

    def __len__(self) -> int:
        """Return how many customers there are."""
        return len(self.customers)

    def at(self, place: int) -> Move:
        """Return the move at a place."""
        own = self.packed[place * _SIZE : (place + 1) * _SIZE]
        half = _SIZE // 2
        return Move(self.customers[place], self._standing(own[:half]), self._standing(own[half:]))

    def all(self) -> Iterator[Move]:
        """Yield everybody's move."""
        return map(self.at, range(len(self)))

    def furthest(self, most: int) -> list[Move]:
        """Return those whose scores move most, of two as far the one whose score falls."""
        half = _SIZE // 2
        changes = [
            self.packed[place * _SIZE + half + 1] - self.packed[place * _SIZE + 1] for place in range(self.moves)
        ]
        places = nsmallest(most, range(self.moves), key=lambda place: (-abs(changes[place]), changes[place]))
        return [self.at(place) for place in places if changes[place]]

    def _standing(self, figures: "array[int]") -> Standing:
        status, score, *points, policy = figures
        known = tuple(None if one == NO_POINTS else one for one in points)
        return Standing(HealthStatus(STATUSES[status]), score, known, self.policies[policy])


def compared(before: ScoredProgram, after: ScoredProgram, names: Mapping[int, str]) -> Moves:
    """Return the moves, the worst first: by how many places a status falls, then by points, then by key.

    ``names`` are the policies' by key. Whoever is scored on one side alone is left out.
    """
    places = {key: place for place, key in enumerate(names)}
    both = sorted(before.figures.keys() & after.figures.keys())
    order = {customer: _order(before.figures[customer], after.figures[customer]) for customer in both}
    known, packed = sorted(both, key=order.__getitem__), array("h")
    for customer in known:
        packed.extend((*before.figures[customer], places[before.policy[customer]]))
        packed.extend((*after.figures[customer], places[after.policy[customer]]))
    groups = Counter(one // _GROUP for one in order.values())
    others = sum(before.figures[one][1:] != after.figures[one][1:] for one in known[: groups[0] + groups[1]])
    return Moves(known, packed, list(names.values()), groups[0], groups[0] + groups[1], others)


_GROUP, _STATUS = 1_000_000, 1_000
"""Parts of the one number by which moves are in order; points differ by less than the half of ``_STATUS``."""


def _order(was: Figures, now: Figures) -> int:
    """Return a number that begins with 0 for another status, 1 for other points alone, 2 for no difference."""
    if was == now:
        return 2 * _GROUP
    group = 0 if was[0] != now[0] else 1
    return group * _GROUP + _GROUP // 2 + _STATUS * (was[0] - now[0]) + now[1] - was[1]

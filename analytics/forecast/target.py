"""What every forecast has: a name, a population, features, and an outcome ``HORIZON`` days later."""

from collections.abc import Callable
from dataclasses import dataclass

from analytics.forecast.program import Bools, Floats, Ints, Program

STEP = 7
"""A customer gives a row to learn from on every so manieth day, counted back from the date."""


@dataclass(frozen=True)
class Target:
    """A forecast; its functions take places of customers and, as long, days, and give an array as long."""

    name: str
    features: tuple[str, ...]
    in_population: Callable[[Program, Ints, Ints], Bools]
    span: Callable[[Program, int], tuple[Ints, Ints]]
    """The first and the last day on which each customer can be in the population, as known on a day."""
    measure: Callable[[Program, Ints, Ints], Floats]
    """The features, a row for each customer and day; nothing dated later reaches them."""
    came_true: Callable[[Program, Ints, Ints], Bools]

"""Whole numbers out of divisions, rounded half up: the one rule of every figure."""

from customers.models import Step

_STEPS = len(Step)


def half_up(part: int, whole: int) -> int:
    """Round ``part / whole`` to a whole number, halves up; ``whole`` is above 0."""
    return (2 * part + whole) // (2 * whole)


def percent(part: int, whole: int) -> int | None:
    """Return ``part`` of ``whole`` in whole percent; None where there is nothing to count."""
    return half_up(100 * part, whole) if whole else None


def success_rate(merged: int, generated: int) -> int | None:
    """Return merged of generated PRs in percent, at most 100 (merges of PRs of earlier feeds may exceed)."""
    rate = percent(merged, generated)
    return None if rate is None else min(rate, 100)


def onboarding_percent(steps_done: int) -> int:
    """Return how many of all onboarding steps are done, in percent."""
    return half_up(100 * steps_done, _STEPS)


def mean_tenths(total: int, count: int) -> int | None:
    """Return a mean in tenths; None of nothing."""
    return half_up(10 * total, count) if count else None

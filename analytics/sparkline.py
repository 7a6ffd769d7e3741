"""The way of a score over a month, as a small drawing for a row of a table."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

from analytics.models import Snapshot

DAYS = 30
STEP, LOWEST = 2, 21
"""A day is two units wide; the scores 0 to 100 lie at 21 to 1 from the top."""


@dataclass(frozen=True)
class Sparkline:
    """Points of an SVG 60 wide and 22 high: a line for each run of days, lone days as dots; ``text`` says the same."""

    lines: list[str]
    dots: list[tuple[int, float]]
    text: str


def sparkline(scores: Mapping[date, int], day: date) -> Sparkline:
    """The drawing of the scores of the days up to ``day``; days without a score are gaps, and ``day`` is a dot."""
    known = sorted(scores)
    runs: list[list[date]] = [known[:1]] if known else []
    for earlier, later in pairwise(known):
        if (later - earlier).days == 1:
            runs[-1].append(later)
        else:
            runs.append([later])
    first = day - timedelta(days=DAYS - 1)

    def point(of: date) -> tuple[int, float]:
        return STEP * (of - first).days + 1, LOWEST - scores[of] / 5

    lines = [" ".join(f"{x},{y:g}" for x, y in map(point, run)) for run in runs if len(run) > 1]
    lone = {run[0] for run in runs if len(run) == 1} | {day} & set(known)
    return Sparkline(lines, [point(of) for of in sorted(lone)], _text(scores, known))


def sparklines(customers: Iterable[str], day: date) -> dict[str, Sparkline]:
    """The drawings of some customers by key; one query."""
    scores: dict[str, dict[date, int]] = {key: {} for key in customers}
    window = (day - timedelta(days=DAYS - 1), day)
    found = Snapshot.objects.filter(customer__in=scores, date__range=window).order_by()
    for key, of, score in found.values_list("customer_id", "date", "score"):
        scores[key][of] = score
    return {key: sparkline(of_one, day) for key, of_one in scores.items()}


def _text(scores: Mapping[date, int], known: list[date]) -> str:
    if len(known) < 2:
        return f"no other score in {DAYS} days"
    days = (known[-1] - known[0]).days + 1
    return f"score from {scores[known[0]]} to {scores[known[-1]]} over {days} days"

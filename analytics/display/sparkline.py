"""The way of a score over a month, as a small drawing for a row of a table."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from django.utils.safestring import SafeString, mark_safe

from analytics.models import Snapshot
from customers.text.say import say

DAYS = 30
STEP, LOWEST = 2, 21
"""A day is two units wide; the scores 0 to 100 lie at 21 to 1 from the top."""


@dataclass(frozen=True)
class Sparkline:
    """Points of an SVG, 60 by 22: lines for runs of days, dots for lone days; ``text`` says the same."""

    lines: list[str]
    dots: list[tuple[int, float]]
    text: str

    @property
    def shapes(self) -> SafeString:
        """The content of the SVG, which is numbers alone."""
        lines = [f'<polyline points="{points}" />' for points in self.lines]
        dots = [f'<circle cx="{x}" cy="{y:g}" r="1.5" />' for x, y in self.dots]
        return mark_safe("".join(lines + dots))  # noqa: S308


def sparkline(scores: Mapping[date, int], day: date) -> Sparkline:
    """Draw the scores of the days up to ``day``, a dot; days without a score are gaps."""
    first = day.toordinal() - DAYS + 1
    known = sorted((of.toordinal() - first, score) for of, score in scores.items())
    points = [(STEP * index + 1, LOWEST - score / 5) for index, score in known]
    runs: list[list[tuple[int, float]]] = []
    for number, point in enumerate(points):
        if number and point[0] - points[number - 1][0] == STEP:
            runs[-1].append(point)
        else:
            runs.append([point])
    lines = [" ".join([f"{x},{y:g}" for x, y in run]) for run in runs if len(run) > 1]
    today = STEP * (DAYS - 1) + 1
    dots = [point for run in runs for point in run if len(run) == 1 or point[0] == today]
    return Sparkline(lines, dots, _text(known))


def sparklines(customers: Iterable[str], day: date) -> dict[str, Sparkline]:
    """Return the drawings of some customers by key; one query."""
    scores: dict[str, dict[date, int]] = {key: {} for key in customers}
    window = (day - timedelta(days=DAYS - 1), day)
    found = Snapshot.objects.filter(customer__in=scores, date__range=window).order_by()
    for key, of, score in found.values_list("customer_id", "date", "score"):
        scores[key][of] = score
    return {key: sparkline(of_one, day) for key, of_one in scores.items()}


def _text(known: list[tuple[int, int]]) -> str:
    if len(known) < 2:
        return say("no other score in {days} days", days=DAYS)
    (first, before), (last, now) = known[0], known[-1]
    return say("score from {before} to {now} over {days} days", before=before, now=now, days=last - first + 1)

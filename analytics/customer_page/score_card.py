"""The health score explained: each component's points, and what they were computed from, in words."""

from dataclasses import dataclass
from datetime import date, timedelta

from analytics.customer_page.provenance import component_rows
from analytics.models import Snapshot
from analytics.scoring.components import COMPONENTS, ScoreComponent


@dataclass(frozen=True)
class ScoreLine:
    """A component's points of its maximum (None: not available, counts 0), its inputs in words, and their rows.

    ``dates`` are the first and last day of its window; None where it has none.
    """

    label: str
    points: int | None
    most: int
    inputs: str
    rows: str
    dates: tuple[date, date] | None = None
    definition: str = ""

    @property
    def percent(self) -> int:
        """How full its bar is."""
        return 100 * (self.points or 0) // self.most if self.most else 0


def score_lines(snapshot: Snapshot) -> list[ScoreLine]:
    """List the components of a snapshot's score."""
    return [_line(component, snapshot) for component in COMPONENTS]


def _line(component: ScoreComponent, snapshot: Snapshot) -> ScoreLine:
    behind = component.rows(snapshot)
    return ScoreLine(
        label=component.label,
        points=component.points(snapshot),
        most=component.maximum(snapshot.policy),
        inputs=component.inputs(snapshot),
        rows=component_rows(snapshot, behind),
        dates=(snapshot.date - timedelta(days=behind.days - 1), snapshot.date) if behind.days else None,
        definition=component.definition(snapshot.policy),
    )

"""A component is declared once: its name is a column, a maximum of each policy, and a key of the points."""

from datetime import date

import pytest

from analytics.models import ScoringPolicy, Snapshot
from analytics.portfolio.metrics_export import COLUMNS
from analytics.scoring.components import COMPONENTS
from analytics.scoring.measure import measure
from analytics.scoring.score import health
from analytics.scoring.snapshots import score_day
from tests.factories import make_customer

D = date(2025, 5, 10)
NAMES = ["activity", "pr_success", "adoption", "support", "nps"]


def test_the_policy_says_the_most_points_of_each() -> None:
    assert [component.name for component in COMPONENTS] == NAMES == list(ScoringPolicy().maxima)
    assert [component.maximum(ScoringPolicy(nps_max=12)) for component in COMPONENTS] == [30, 25, 20, 15, 12]


def test_the_export_has_a_column_of_each() -> None:
    start = COLUMNS.index("activity")
    assert list(COLUMNS[start : start + 5]) == NAMES


@pytest.mark.django_db
def test_each_is_stored_as_it_is_scored() -> None:
    make_customer(id="c1", signup_date=D)
    [measures] = measure(D, ScoringPolicy())
    score_day(D)
    points = health(measures, ScoringPolicy(), D).points
    assert list(points) == NAMES
    assert {component.name: component.points(Snapshot.objects.get()) for component in COMPONENTS} == points

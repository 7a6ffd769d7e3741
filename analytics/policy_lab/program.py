"""What the program is on a scored date: everybody's score and policy, and which rules fit whom.

Read once as it is stored, and once inside ``hypothetical``: the same queries see the one and the other.
"""

from dataclasses import dataclass
from datetime import date

from analytics.models import HealthStatus, Snapshot
from analytics.policy_lab.actions import Fitting, Recommender
from analytics.policy_lab.alerts import AlertRules
from analytics.scoring.components import COMPONENTS
from customers.core.sql import fetch_plain

STATUSES = tuple(status.value for status in HealthStatus)
"""From best to worst."""
NO_POINTS = -1
_POINTS = tuple(component.name for component in COMPONENTS)

Figures = tuple[int, ...]
"""Of one customer: the place of its status among ``STATUSES``, the score, and the points of each component."""


@dataclass(frozen=True)
class ScoredProgram:
    """By customer the figures, the policy's key and the fitting recommendation rules; whom own alert rules match."""

    figures: dict[str, Figures]
    policy: dict[str, int]
    fitting: dict[str, Fitting]
    matched: dict[int, set[str]]


def read_program(day: date, recommender: Recommender, alert_rules: AlertRules | None) -> ScoredProgram:
    """Read the program of a scored date; a query, and one for each own rule of the ``alert_rules``."""
    found = ScoredProgram({}, {}, {}, alert_rules.matched() if alert_rules else {})
    places = {status: place for place, status in enumerate(STATUSES)}
    fitting = recommender.columns
    names = ("customer_id", "policy_id", "status", "score", *_POINTS)
    rows = Snapshot.objects.filter(date=day).order_by().annotate(**fitting).values_list(*names, *fitting)
    for customer, policy, status, score, *rest in fetch_plain(rows.query):
        points = [NO_POINTS if one is None else one for one in rest[: len(_POINTS)]]
        found.policy[customer] = policy
        found.figures[customer] = (places[status], score, *points)
        found.fitting[customer] = tuple(rest[len(_POINTS) :])
    return found

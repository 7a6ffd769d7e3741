"""What the program is on a scored date: everybody's score, which alerts it would raise and close, and which rules fit.

Read once as it is stored, and once inside ``hypothetical``: the same queries see the one and the other.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from analytics.alerts.candidates import inputs_of
from analytics.alerts.kinds import CUSTOMER_KINDS
from analytics.alerts.own_rules.kind import customer_kind
from analytics.alerts.rules import Decision, Transition, decide
from analytics.models import AlertRule, HealthStatus, Snapshot
from analytics.policy_lab.actions import Fitting, Recommender
from analytics.scoring.components import COMPONENTS
from customers.core.limits import FETCH_SIZE

STATUSES = tuple(status.value for status in HealthStatus)
"""From best to worst."""
NO_POINTS = -1
_POINTS = tuple(component.name for component in COMPONENTS)

Figures = tuple[int, ...]
"""Of one customer: the place of its status among ``STATUSES``, the score, and the points of each component."""


@dataclass(frozen=True)
class Program:
    """Everybody's figures, policy and fitting recommendation rules by customer; alerts by rule and customer.

    ``alerts`` are those that would be raised or closed; None where they are not asked for.
    """

    figures: dict[str, Figures]
    policy: dict[str, int]
    fitting: dict[str, Fitting]
    alerts: dict[tuple[int, str], Decision] | None


def read_program(day: date, recommender: Recommender, *, alerts: bool) -> Program:
    """Read the program of a scored date; ``alerts`` only of the newest, since none are raised for older ones."""
    found = Program({}, {}, {}, dict(_alerts(day)) if alerts else None)
    places = {status: place for place, status in enumerate(STATUSES)}
    fitting = recommender.columns
    rows = Snapshot.objects.filter(date=day).order_by().annotate(**fitting)
    first = 4 + len(_POINTS)
    for row in rows.values_list("customer_id", "policy_id", "status", "score", *_POINTS, *fitting).iterator(
        FETCH_SIZE
    ):
        customer = row[0]
        points = (NO_POINTS if one is None else one for one in row[4:first])
        found.policy[customer] = row[1]
        found.figures[customer] = (places[row[2]], row[3], *points)
        found.fitting[customer] = row[first:]
    return found


def _alerts(day: date) -> Iterator[tuple[tuple[int, str], Decision]]:
    """Yield the alerts of customers that the newest date would raise or close, whatever else the feeds lack."""
    for rule in AlertRule.objects.filter(active=True):
        kind = customer_kind(rule, day, "") if rule.kind in CUSTOMER_KINDS or rule.is_own else None
        if kind is None or not kind.follows_policy:
            continue
        for inputs in inputs_of(kind, rule, day):
            decision = decide(kind, rule, inputs)
            if decision.transition in {Transition.RAISE, Transition.CLOSE}:
                yield (rule.pk, inputs.customer_id), decision

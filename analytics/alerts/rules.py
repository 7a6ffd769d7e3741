"""Decide what becomes of the alert of a rule and a customer on a scored date; pure functions.

A condition that is met on a date raises an alert where none is open. ``recovery`` recovery days in a row, the newest
scored date last, close it. Between the two it stays as it is, so that a score that flaps about a threshold raises one
alert. What each kind means by these words is declared in ``kinds``.

A customer whose contract is over raises nothing but the news that it became inactive, and its other alerts end. If the
date on which an alert was raised is scored again and its condition no longer holds, the alert is withdrawn.
"""

from dataclasses import dataclass
from enum import Enum

from analytics.alerts import words
from analytics.alerts.inputs import AlertInputs
from analytics.alerts.kinds import CustomerKind
from analytics.models import Alert, AlertRule
from customers.text.sentences import Said

Ending = Alert.Ending

QUIET_DAYS = 7
"""A customer's first days, the signup date being the first: they raise nothing."""


class Transition(Enum):
    """What to do with an alert."""

    NOTHING = "nothing"
    RAISE = "raise"
    WORSEN = "worsen"
    CLOSE = "close"


@dataclass(frozen=True)
class Decision:
    """What becomes of an alert, and what it says from then on."""

    transition: Transition
    said: Said | None = None
    value: int | None = None
    ending: str = ""

    @property
    def text(self) -> str:
        """Return that in the reader's language; '' where it says nothing new."""
        return str(self.said or "")


NOTHING = Decision(Transition.NOTHING)


def decide(kind: CustomerKind, rule: AlertRule, inputs: AlertInputs) -> Decision:
    """Return what becomes of the alert of a rule and customer on the newest scored date."""
    alert, is_met = inputs.open, kind.is_met(inputs, rule.n)
    if alert is None:
        raised = is_met and _may_raise(kind, inputs)
        return Decision(Transition.RAISE, kind.says(inputs), kind.value(inputs)) if raised else NOTHING
    if inputs.ended_contract and (alert.acknowledged_at or not kind.while_contract_over):
        over = words.account_status.of(status=inputs.ended_contract)
        return Decision(Transition.CLOSE, over, ending=Ending.ENDED)
    if not is_met and alert.opened_on == inputs.day:
        return Decision(Transition.CLOSE, words.withdrawn.of(day=inputs.day), ending=Ending.WITHDRAWN)
    if inputs.recovery_days >= rule.recovery:
        return Decision(Transition.CLOSE, kind.says_when_over(inputs), ending=Ending.RECOVERED)
    if is_met and kind.is_worse(alert.value, kind.value(inputs)):
        return Decision(Transition.WORSEN, kind.says(inputs), kind.value(inputs))
    return NOTHING


def _may_raise(kind: CustomerKind, inputs: AlertInputs) -> bool:
    if inputs.is_cooling or inputs.days_since_signup < QUIET_DAYS:
        return False
    return not inputs.ended_contract or (kind.while_contract_over and inputs.was_not_inactive)

"""What a kind of alert is judged by: one customer on a scored date, and its open alert."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

from analytics.models import Alert
from analytics.scoring.health_status import InactiveReason, active_from, inactive_reason
from customers.models import Customer

NEWS_DAYS = 14
"""For so many days the end of a contract, or the lack of customers in a file, is news."""


class OpenAlert(NamedTuple):
    """What judging asks of an open alert. A whole program may have one each: a row of the ORM costs ten times this."""

    pk: int
    opened_on: date
    acknowledged_at: datetime | None
    value: int | None


@dataclass(frozen=True)
class AlertInputs:
    """What the scored date ``day`` says of a customer; ``candidates`` fills each field from the column of its name."""

    day: date
    customer_id: str
    signup_date: date
    contract_status: str
    """As it is now: the contract may have ended, or begun again, since the date was scored."""
    inactive_days: int
    """The policy's: activity within so many days keeps a customer from being Inactive."""
    score: int
    status: str
    last_active: date | None = None
    blocker: str = ""
    onboarded: bool = False
    has_first_pr: bool = False
    open: Alert | OpenAlert | None = None
    """The open alert of the rule and the customer."""
    recovery_days: int = 0
    """The number of recovery days among the last ``rule.recovery`` scored dates."""
    is_cooling: bool = False
    """Whether the rule's cooldown for the customer is not over."""

    # Only a kind that asks for them in its ``columns`` has these.
    was_not_inactive: bool = False
    """Whether the status was another than Inactive on a scored date of the 14 days before."""
    highest: int | None = None
    """The highest score of the seven days before; None: no such date, or another policy."""
    blocked_since: date | None = None
    """The first scored date of the block."""
    last_unblocked: date | None = None
    """The last scored date on which the customer was not blocked."""
    quiet: int | None = None
    """How probable it is that the customer goes quiet, in thousandths; None where that is not forecast."""
    is_matched: bool = False
    """Whether an own rule's conditions hold."""

    @property
    def days_since_signup(self) -> int:
        """Whole days from the signup date to the date."""
        return (self.day - self.signup_date).days

    @property
    def ended_contract(self) -> str:
        """The status of a contract that is over; '' if it is not."""
        return self.contract_status if self.contract_status in Customer.Status.over() else ""

    @property
    def inactive_reason(self) -> InactiveReason:
        """Why the customer is Inactive, if it is."""
        window_start = active_from(self.day, self.inactive_days)
        reason = inactive_reason(bool(self.ended_contract), self.last_active, self.signup_date, window_start)
        # Without a reason now, its contract was over when the date was scored, and has begun again.
        return reason or InactiveReason.CONTRACT

    @property
    def fall(self) -> int:
        """How far the score is below its highest of the seven days before."""
        return 0 if self.highest is None else self.highest - self.score

    @property
    def days_blocked(self) -> int:
        """Whole days from the first scored date of the block; 0 if there is none."""
        return (self.day - self.blocked_since).days if self.blocked_since else 0

    @property
    def may_be_blocked_longer(self) -> bool:
        """Whether the block may have begun before its first scored date, because no earlier date was without one."""
        return self.last_unblocked is None and self.blocked_since is not None and self.signup_date < self.blocked_since

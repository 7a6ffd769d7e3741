"""What a kind of alert is judged by: the facts of one customer on a scored date, and the open alert, if any."""

from dataclasses import dataclass
from datetime import date

from analytics.scoring.health_status import InactiveReason, inactive_reason

NEWS_DAYS = 14
"""For so many days the end of a contract, or the lack of customers in a file, is news."""


@dataclass(frozen=True)
class OpenAlert:
    """The open alert of a rule and customer, as far as a decision needs it."""

    pk: int
    opened_on: date
    value: int | None
    acknowledged: bool


@dataclass(frozen=True)
class AlertInputs:
    """What the scored date ``day`` says of a customer.

    ``highest`` is the highest score of the seven days before (None: no such date, or another policy);
    ``blocked_since`` the first scored date of the block, which may have begun before (``blocked_longer``);
    ``ended_contract_status`` the status of a contract that is over ('': it is not); ``was_not_inactive`` whether the
    status was another than Inactive on a scored date of the 14 days before; ``active_from`` the first date on which
    activity keeps the customer from being Inactive. ``recovery_days`` is the number of recovery days among the last
    ``rule.recovery`` scored dates.
    """

    day: date
    customer_id: str
    signup_date: date
    score: int
    status: str
    ended_contract_status: str = ""
    last_active: date | None = None
    was_not_inactive: bool = False
    active_from: date = date.max
    highest: int | None = None
    blocked_since: date | None = None
    blocked_longer: bool = False
    blocker: str = ""
    onboarded: bool = False
    has_first_pr: bool = False
    recovery_days: int = 0
    open: OpenAlert | None = None

    @property
    def days_since_signup(self) -> int:
        """Whole days from the signup date to the date."""
        return (self.day - self.signup_date).days

    @property
    def inactive_reason(self) -> InactiveReason:
        """Why the customer is Inactive, where it is; its contract may have begun again since the date was scored."""
        over = bool(self.ended_contract_status)
        return inactive_reason(over, self.last_active, self.signup_date, self.active_from) or InactiveReason.CONTRACT

    @property
    def fall(self) -> int:
        """How far the score is below its highest of the seven days before."""
        return 0 if self.highest is None else self.highest - self.score

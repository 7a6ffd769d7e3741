"""Why a customer is Inactive; the other health statuses are borders of the score, in score.Scoring."""

from datetime import date, timedelta
from enum import Enum

from analytics.models import Snapshot


class InactiveReason(Enum):
    """Why a customer is Inactive."""

    CONTRACT = "contract"
    SILENCE = "silence"


def active_from(day: date, inactive_days: int) -> date:
    """Return the first date of the window in which any activity keeps a customer from being Inactive on ``day``."""
    return day - timedelta(days=inactive_days - 1)


def inactive_reason(
    contract_over: bool, last_active: date | None, signup_date: date, window_start: date
) -> InactiveReason | None:
    """Say why a customer is Inactive: its contract is over, or it was silent since ``window_start``; else None."""
    if contract_over:
        return InactiveReason.CONTRACT
    silent = last_active is None or last_active < window_start
    return InactiveReason.SILENCE if silent and signup_date < window_start else None


def snapshot_inactive_reason(snapshot: Snapshot) -> InactiveReason:
    """Say why an Inactive snapshot is so: it stores no contract, which made Inactive whom silence did not."""
    window_start = active_from(snapshot.date, snapshot.policy.inactive_days)
    reason = inactive_reason(False, snapshot.last_active, snapshot.customer.signup_date, window_start)
    return reason or InactiveReason.CONTRACT

"""The health score explained: each component's points, and what they were computed from, in words."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from analytics.models import Snapshot
from analytics.scoring.score import half_up
from analytics.wording import COMPONENT_LABELS, counted


@dataclass(frozen=True)
class Component:
    """A component's points of its maximum (None: not available, counts 0), its inputs in words, and their rows.

    ``dates`` are the first and last day of its window; None where it has none.
    """

    label: str
    points: int | None
    most: int
    inputs: str
    rows: str
    dates: tuple[date, date] | None = None

    @property
    def percent(self) -> int:
        """How full its bar is."""
        return 100 * (self.points or 0) // self.most if self.most else 0


def components(snapshot: Snapshot, rows: Mapping[str, str]) -> list[Component]:
    """The five components of a snapshot's score; ``rows`` are the addresses of what is behind them."""
    windows, most = _windows(snapshot), snapshot.policy.maxima
    return [
        Component(
            COMPONENT_LABELS[name],
            getattr(snapshot, name),
            most[name],
            inputs(snapshot),
            rows[name],
            windows.get(name),
        )
        for name, inputs in _INPUTS.items()
    ]


def _windows(snapshot: Snapshot) -> dict[str, tuple[date, date]]:
    policy = snapshot.policy
    days = {
        "activity": policy.activity_days,
        "pr_success": policy.pr_days,
        "support": policy.csat_days if snapshot.csat_count else policy.support_days,
        "nps": policy.nps_days,
    }
    return {name: (snapshot.date - timedelta(days=length - 1), snapshot.date) for name, length in days.items()}


def _activity(snapshot: Snapshot) -> str:
    return f"{counted(snapshot.active_days, 'active day')} in the last {snapshot.policy.activity_days}"


def _pr_success(snapshot: Snapshot) -> str:
    window = f"in the last {snapshot.policy.pr_days} days"
    if not snapshot.window_prs_generated:
        return f"no PR generated {window}"
    return f"{snapshot.window_prs_merged} merged of {counted(snapshot.window_prs_generated, 'PR')} generated {window}"


def _adoption(snapshot: Snapshot) -> str:
    names = {
        "account": snapshot.account_created,
        "GitHub Action": snapshot.github_action_installed,
        "first issue": snapshot.first_issue_tagged,
        "first PR": snapshot.first_pr_generated,
    }
    done = [name for name, there in names.items() if there]
    lacking = [name for name, there in names.items() if not there]
    if not done:
        return "none of account, GitHub Action, first issue, first PR yet"
    return ", ".join(done) + (f"; not yet: {', '.join(lacking)}" if lacking else "")


def _support(snapshot: Snapshot) -> str:
    policy = snapshot.policy
    if snapshot.csat_count:
        tenths = half_up(10 * snapshot.csat_sum, snapshot.csat_count)
        answers = counted(snapshot.csat_count, "CSAT answer")
        return f"mean {tenths // 10}.{tenths % 10} of 5 in {answers} in the last {policy.csat_days} days"
    requests = counted(snapshot.window_support_requests, "support request")
    return f"{requests} in the last {policy.support_days} days, no CSAT answer in {policy.csat_days}"


def _nps(snapshot: Snapshot) -> str:
    window = f"in the last {snapshot.policy.nps_days} days"
    return f"no answer {window}, counts 0" if snapshot.nps is None else f"the newest answer {window}"


_INPUTS = {"activity": _activity, "pr_success": _pr_success, "adoption": _adoption, "support": _support, "nps": _nps}

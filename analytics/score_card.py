"""The health score explained: each component's points, and what they were computed from, in words."""

from dataclasses import dataclass
from fractions import Fraction

from analytics.models import Snapshot
from analytics.provenance import rows_behind
from analytics.score import half_up
from analytics.wording import counted


@dataclass(frozen=True)
class Component:
    """A component's points of its maximum (None: not available, counts 0), its inputs in words, and their rows."""

    label: str
    points: int | None
    most: int
    inputs: str
    rows: str

    @property
    def percent(self) -> int:
        """How full its bar is."""
        return 100 * (self.points or 0) // self.most if self.most else 0


def components(snapshot: Snapshot) -> list[Component]:
    """The five components of a snapshot's score."""
    parts = [
        ("activity", "Activity level", _activity),
        ("pr_success", "PR success rate", _pr_success),
        ("adoption", "Feature adoption", _adoption),
        ("support", "Support satisfaction", _support),
        ("nps", "NPS score", _nps),
    ]
    most, rows = snapshot.policy.maxima, rows_behind(snapshot)
    return [
        Component(label, getattr(snapshot, name), most[name], inputs(snapshot), rows[name])
        for name, label, inputs in parts
    ]


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
        tenths = half_up(Fraction(10 * snapshot.csat_sum, snapshot.csat_count))
        answers = counted(snapshot.csat_count, "CSAT answer")
        return f"mean {tenths // 10}.{tenths % 10} of 5 in {answers} in the last {policy.csat_days} days"
    requests = counted(snapshot.window_support_requests, "support request")
    return f"{requests} in the last {policy.support_days} days, no CSAT answer in {policy.csat_days}"


def _nps(snapshot: Snapshot) -> str:
    window = f"in the last {snapshot.policy.nps_days} days"
    return f"no answer {window}, counts 0" if snapshot.nps is None else f"the newest answer {window}"

"""Which mail fits: by what the newest snapshot says of a customer, or by what a task is about."""

from datetime import timedelta

from analytics.models import Condition, HealthStatus, MailTemplate, Snapshot, Task

Situation = MailTemplate.Situation
RECENT = timedelta(days=14)

_BY_CONDITION = {
    Condition.BLOCKED_ON_PERMISSIONS: Situation.BLOCKER,
    Condition.BLOCKED: Situation.BLOCKER,
    Condition.AT_RISK: Situation.AT_RISK,
    Condition.DECLINING: Situation.AT_RISK,
    Condition.SCORE_BELOW: Situation.AT_RISK,
    Condition.NEEDS_ATTENTION: Situation.CHECK_IN,
    Condition.HEALTHY: Situation.CHECK_IN,
    Condition.INACTIVE: Situation.INACTIVE,
    Condition.SILENT: Situation.INACTIVE,
    Condition.CHAMPION: Situation.MILESTONE,
}


def situation_of(snapshot: Snapshot | None, task: Task | None = None) -> Situation:
    """Return the situation to write about; what the task's rule says goes before what the snapshot says."""
    if task and task.rule and task.rule.condition in _BY_CONDITION:
        return _BY_CONDITION[Condition(task.rule.condition)]
    if snapshot is None:
        return Situation.CHECK_IN
    if snapshot.blocked:
        return Situation.BLOCKER
    if snapshot.status in {HealthStatus.AT_RISK, HealthStatus.INACTIVE}:
        return Situation(snapshot.status)
    return Situation.MILESTONE if _celebrates(snapshot) else Situation.CHECK_IN


def _celebrates(snapshot: Snapshot) -> bool:
    """A champion, or recently onboarded, or with the first merged PRs in the window; never without a merged PR."""
    onboarded = snapshot.completed_on is not None and snapshot.date - snapshot.completed_on <= RECENT
    first_merged = snapshot.prs_merged == snapshot.window_prs_merged
    return bool(snapshot.prs_merged) and (snapshot.status == HealthStatus.CHAMPION or onboarded or first_merged)

"""What to do about a customer: the rules that speak of it, less what somebody is at, or has done of late."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from django.db.models import Q, prefetch_related_objects

from analytics.conditions import ASK_SIGNUP, why
from analytics.models import Condition, RecommendationRule, Snapshot, Task

MOST_ACTIONS = 5


@dataclass(frozen=True)
class Action:
    """Something to do, why, and the key of the rule that says so (None: the rule is not stored)."""

    text: str
    reason: str
    rule: int | None = None


def recommended_actions(
    snapshot: Snapshot,
    rules: Sequence[RecommendationRule] | None = None,
    tasks: Iterable[Task] | None = None,
) -> list[Action]:
    """At most five things to do, most urgent first; none that an earlier one says already, or more exactly.

    ``rules`` and ``tasks`` (the customer's) are read unless they are given: a query each.
    """
    rules = active_rules() if rules is None else rules
    tasks = _tasks_at_rest([snapshot], rules) if tasks is None else tasks
    return _choose(snapshot, rules, tasks)


def recommendations(snapshots: Sequence[Snapshot]) -> dict[str, list[Action]]:
    """The actions for each of many customers, by key; at most four queries, however many they are."""
    rules = active_rules()
    conditions = {rule.condition for rule in rules}
    if conditions & ASK_SIGNUP:
        prefetch_related_objects(snapshots, "customer")
    if Condition.INACTIVE in conditions:
        prefetch_related_objects(snapshots, "policy")
    tasks = defaultdict(list)
    for task in _tasks_at_rest(snapshots, rules):
        tasks[task.customer_id].append(task)
    return {snapshot.customer_id: _choose(snapshot, rules, tasks[snapshot.customer_id]) for snapshot in snapshots}


def active_rules() -> list[RecommendationRule]:
    """The rules in force, most urgent first."""
    return list(RecommendationRule.objects.filter(active=True))


def rests(task: Task, rule: RecommendationRule, day: date) -> bool:
    """Whether the task keeps its rule from coming up on ``day``.

    It does while it is open, and through the rule's rest days after the scored date on which it was closed. A dropped
    one rests like a done one: somebody has looked, and decided. What was closed after an earlier ``day`` rests too.
    """
    if task.state == Task.State.OPEN or task.closed_on is None:
        return True
    return day - task.closed_on <= timedelta(days=rule.rest_days)


def _tasks_at_rest(snapshots: Sequence[Snapshot], rules: Sequence[RecommendationRule]) -> list[Task]:
    """The tasks that may keep a rule from coming up; one query."""
    if not snapshots or not rules:
        return []
    since = min(snapshot.date for snapshot in snapshots) - timedelta(days=max(rule.rest_days for rule in rules))
    recent = Q(state=Task.State.OPEN) | Q(closed_on=None) | Q(closed_on__gte=since)
    customers = {snapshot.customer_id for snapshot in snapshots}
    return list(Task.objects.filter(recent, customer__in=customers, rule__isnull=False).order_by("pk"))


def _choose(snapshot: Snapshot, rules: Sequence[RecommendationRule], tasks: Iterable[Task]) -> list[Action]:
    """The actions; an action at rest also keeps every rule quiet that says the same, or the same less exactly."""
    by_key = {rule.pk: rule for rule in rules}
    resting = {
        task.rule_id for task in tasks if task.rule_id in by_key and rests(task, by_key[task.rule_id], snapshot.date)
    }
    said = [by_key[key].text for key in resting]
    actions: list[Action] = []
    for rule in rules:
        if any(text.startswith(rule.text) for text in said):
            continue
        reason = why(snapshot, rule)
        if reason:
            actions.append(Action(rule.text, reason, rule.pk))
            said.append(rule.text)
            if len(actions) == MOST_ACTIONS:
                break
    return actions

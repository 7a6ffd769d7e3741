"""What to do about a customer: the rules that speak of it, less what somebody is at, or has done of late."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from django.db.models import F, FilteredRelation, Q, prefetch_related_objects

from analytics.models import Condition, RecommendationRule, Snapshot, Task
from analytics.tasks.conditions import ASK_SIGNUP, matching_reason

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
    tasks = Task.objects.filter(customer=snapshot.customer_id, rule__in=rules) if tasks is None else tasks
    return _choose(snapshot, rules, tasks)


def recommendations(snapshots: Sequence[Snapshot]) -> dict[str, list[Action]]:
    """The actions for each of many customers, by key; at most three queries, however many they are.

    Those two for the customers and policies are spared where the snapshots come with them.
    """
    rules, tasks = _rules_and_tasks({snapshot.customer_id for snapshot in snapshots})
    conditions = {rule.condition for rule in rules}
    if conditions & ASK_SIGNUP:
        prefetch_related_objects(snapshots, "customer")
    if Condition.INACTIVE in conditions:
        prefetch_related_objects(snapshots, "policy")
    return {snapshot.customer_id: _choose(snapshot, rules, tasks[snapshot.customer_id]) for snapshot in snapshots}


def active_rules() -> list[RecommendationRule]:
    """The rules in force, most urgent first."""
    return list(RecommendationRule.objects.filter(active=True))


def on_cooldown(task: Task, rule: RecommendationRule, day: date) -> bool:
    """Return whether the task keeps its rule from coming up on ``day``.

    It does while it is open, and through the rule's rest days after the scored date on which it was closed. A dropped
    one rests like a done one: somebody has looked, and decided. What was closed after an earlier ``day`` rests too.
    """
    if task.state == Task.State.OPEN or task.closed_on is None:
        return True
    return day - task.closed_on <= timedelta(days=rule.rest_days)


def _rules_and_tasks(customers: set[str]) -> tuple[list[RecommendationRule], dict[str, list[Task]]]:
    """The rules in force, and by customer the tasks that they have led to; one query."""
    theirs = FilteredRelation("task", condition=Q(task__customer__in=customers))
    columns = {f"task_{name}": F(f"theirs__{name}") for name in ("pk", "customer_id", "state", "closed_on")}
    rules: dict[int, RecommendationRule] = {}
    tasks = defaultdict(list)
    found = RecommendationRule.objects.filter(active=True).annotate(theirs=theirs).annotate(**columns)
    for rule in found.order_by("urgency", "pk", "task_pk"):
        rules.setdefault(rule.pk, rule)
        if rule.task_pk:
            task = Task(
                pk=rule.task_pk,
                customer_id=rule.task_customer_id,
                rule_id=rule.pk,
                state=rule.task_state,
                closed_on=rule.task_closed_on,
            )
            tasks[task.customer_id].append(task)
    return list(rules.values()), tasks


def _choose(snapshot: Snapshot, rules: Sequence[RecommendationRule], tasks: Iterable[Task]) -> list[Action]:
    """The actions; an action at rest also keeps every rule quiet that says the same, or the same less exactly."""
    by_key = {rule.pk: rule for rule in rules}
    resting = {
        task.rule_id
        for task in tasks
        if task.rule_id in by_key and on_cooldown(task, by_key[task.rule_id], snapshot.date)
    }
    said = [by_key[key].text for key in resting]
    actions: list[Action] = []
    for rule in rules:
        if any(text.startswith(rule.text) for text in said):
            continue
        reason = matching_reason(snapshot, rule)
        if reason:
            actions.append(Action(rule.text, reason, rule.pk))
            said.append(rule.text)
            if len(actions) == MOST_ACTIONS:
                break
    return actions

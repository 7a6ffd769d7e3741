"""What to do about a customer: the rules that match, less what is open or was done of late."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from django.db.models import F, FilteredRelation, Q, prefetch_related_objects

from analytics.models import Condition, RecommendationRule, Snapshot, Task
from analytics.tasks.conditions import NEED_CUSTOMER, matching_reason

MAX_ACTIONS = 5


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
    """Return at most five things to do, most urgent first; none that an earlier one says already, or more exactly.

    ``rules`` and ``tasks`` (the customer's) are read unless they are given: a query each.
    """
    rules = active_rules() if rules is None else rules
    tasks = Task.objects.filter(customer=snapshot.customer_id, rule__in=rules) if tasks is None else tasks
    return _actions(snapshot, rules, tasks)


def recommendations(snapshots: Sequence[Snapshot]) -> dict[str, list[Action]]:
    """Return the actions for each of many customers, by key, in at most three queries.

    Snapshots that come with their customer and policy save two of these.
    """
    rules, tasks = _rules_and_tasks({snapshot.customer_id for snapshot in snapshots})
    conditions = {rule.condition for rule in rules}
    if conditions & NEED_CUSTOMER:
        prefetch_related_objects(snapshots, "customer")
    if Condition.INACTIVE in conditions:
        prefetch_related_objects(snapshots, "policy")
    return {snapshot.customer_id: _actions(snapshot, rules, tasks[snapshot.customer_id]) for snapshot in snapshots}


def active_rules() -> list[RecommendationRule]:
    """Return the rules in force, most urgent first."""
    return list(RecommendationRule.objects.filter(active=True))


def on_cooldown(task: Task, rule: RecommendationRule, day: date) -> bool:
    """Return whether the task keeps its rule from being recommended on ``day``.

    An open task does. A closed task does for the rule's ``rest_days`` after the scored date on which it was closed:
    a dropped one too, because somebody has decided; and on days before it was closed.
    """
    if task.state == Task.State.OPEN or task.closed_on is None:
        return True
    return day - task.closed_on <= timedelta(days=rule.rest_days)


def _rules_and_tasks(customers: set[str]) -> tuple[list[RecommendationRule], dict[str, list[Task]]]:
    """Return the rules in force, and by customer the tasks that they have led to; one query."""
    rows = RecommendationRule.objects.filter(active=True).annotate(
        theirs=FilteredRelation("task", condition=Q(task__customer__in=customers)),
        task_pk=F("theirs__pk"),
        task_customer=F("theirs__customer_id"),
        task_state=F("theirs__state"),
        task_closed_on=F("theirs__closed_on"),
    )
    rules: dict[int, RecommendationRule] = {}
    tasks = defaultdict(list)
    for row in rows.order_by("urgency", "pk", "task_pk"):
        rules.setdefault(row.pk, row)
        if row.task_pk:
            task = Task(
                customer_id=row.task_customer, rule_id=row.pk, state=row.task_state, closed_on=row.task_closed_on
            )
            tasks[task.customer_id].append(task)
    return list(rules.values()), tasks


def silenced(rules: Iterable[RecommendationRule], tasks: Iterable[Task], day: date) -> list[str]:
    """Return the texts of those rules that one of a customer's tasks keeps from being recommended on ``day``."""
    by_key = {rule.pk: rule for rule in rules}
    cooling = {
        task.rule_id for task in tasks if task.rule_id in by_key and on_cooldown(task, by_key[task.rule_id], day)
    }
    return [by_key[key].text for key in cooling]


def choose(
    rules: Iterable[RecommendationRule], said: Iterable[str], fits: Callable[[RecommendationRule], bool]
) -> list[RecommendationRule]:
    """Return at most five of the rules that fit; none whose text is said, or begins what is said, already."""
    texts, chosen = list(said), list[RecommendationRule]()
    for rule in rules:
        if not any(text.startswith(rule.text) for text in texts) and fits(rule):
            chosen.append(rule)
            texts.append(rule.text)
            if len(chosen) == MAX_ACTIONS:
                break
    return chosen


def _actions(snapshot: Snapshot, rules: Sequence[RecommendationRule], tasks: Iterable[Task]) -> list[Action]:
    reasons: list[str] = []

    def fits(rule: RecommendationRule) -> bool:
        reason = matching_reason(snapshot, rule)
        if reason:
            reasons.append(reason)
        return bool(reason)

    chosen = choose(rules, silenced(rules, tasks, snapshot.date), fits)
    return [Action(rule.text, reason, rule.pk) for rule, reason in zip(chosen, reasons, strict=True)]

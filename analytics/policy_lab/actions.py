"""Which actions are recommended to everybody on a date: from a few numbers of each customer, without its row."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from functools import reduce
from operator import add

from django.db.models import BigIntegerField, Case, Q, Value, When
from django.db.models.expressions import Combinable

from analytics.models import Condition, RecommendationRule, Task
from analytics.tasks.conditions import CONDITIONS
from analytics.tasks.recommendations import active_rules, choose, silenced
from customers.core.limits import batches

RULES_A_NUMBER = 60

Fitting = tuple[int, ...]
"""Numbers with a bit for each rule whose condition a snapshot meets."""


Recommended = dict[str, tuple[int, ...]]
"""The keys of the rules that are recommended to each customer."""


class Recommender:
    """The rules in force and the tasks that silence them on ``day``; two queries, the tasks only where needed."""

    def __init__(self, day: date) -> None:
        self._day = day
        self._rules = active_rules()
        self._places = {rule.pk: divmod(place, RULES_A_NUMBER) for place, rule in enumerate(self._rules)}

    @property
    def columns(self) -> dict[str, Combinable]:
        """The columns of a snapshot that make its ``Fitting``."""
        return {
            f"fitting_{number}": reduce(add, [self._bit(place, rule) for place, rule in enumerate(some)])
            for number, some in enumerate(batches(self._rules, RULES_A_NUMBER))
        }

    def _bit(self, place: int, rule: RecommendationRule) -> Combinable:
        where = CONDITIONS[Condition(rule.condition)].where(self._day, rule.threshold or 0)
        return Case(When(where, then=Value(1 << place)), default=Value(0), output_field=BigIntegerField())

    def names(self) -> dict[int, str]:
        """Return the actions of the rules by key."""
        return {rule.pk: rule.text for rule in self._rules}

    def recommended(self, fitting: Mapping[str, Fitting]) -> Recommended:
        """Return the keys of the rules whose actions are recommended to each of the customers; one query."""
        tasks = self._tasks()
        # Whom no task silences a rule for gets what everybody gets whom the same rules fit.
        known = {own: self._chosen(own, ()) for own in set(fitting.values())}
        return {
            customer: self._chosen(own, tasks[customer]) if customer in tasks else known[own]
            for customer, own in fitting.items()
        }

    def _chosen(self, fitting: Fitting, tasks: Sequence[Task]) -> tuple[int, ...]:
        def fits(rule: RecommendationRule) -> bool:
            number, place = self._places[rule.pk]
            return bool(fitting[number] >> place & 1)

        return tuple(rule.pk for rule in choose(self._rules, silenced(self._rules, tasks, self._day), fits))

    def _tasks(self) -> dict[str, list[Task]]:
        """Return the tasks by customer that may silence a rule."""
        longest = max((rule.rest_days for rule in self._rules), default=0)
        recent = Q(closed_on=None) | Q(closed_on__gte=self._day - timedelta(days=longest))
        tasks = Task.objects.filter(recent | Q(state=Task.State.OPEN), rule__in=self._rules).order_by()
        found: dict[str, list[Task]] = defaultdict(list)
        for task in tasks.only("customer_id", "rule_id", "state", "closed_on"):
            found[task.customer_id].append(task)
        return found

"""The two kinds of rules that can be tried: alert rules, and rules of recommended actions.

An alert rule is judged as every night. Its queries ask the table of alerts, so a temporary table of that very name
stands in its place with what the trial has raised so far: both databases look among temporary tables first. No stored
alert is read or written, and the rule begins with none.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from datetime import date

from analytics.alerts.candidates import inputs_of
from analytics.alerts.kinds import CustomerKind
from analytics.alerts.own_rules.kind import customer_kind
from analytics.alerts.rules import Transition, decide
from analytics.models import Alert, AlertRule, Condition, PortfolioDay, RecommendationRule, Snapshot, Task
from analytics.rule_lab.trial import Memory
from analytics.tasks.conditions import CONDITIONS
from analytics.tasks.recommendations import on_cooldown
from customers.core.limits import batches
from customers.core.sql import analyze, copy_rows, create_temporary, execute, table_of

CLOSED_AT_ONCE = 500
_COLUMNS = ("id", "rule_id", "customer_id", "opened_on", "closed_on", "ending")


class TriedAlertRule:
    """An alert rule on customers, whether it is on or not."""

    def __init__(self, rule: AlertRule, kind: CustomerKind) -> None:
        # A new rule has no key, and without one nothing can be asked.
        self._rule, self._kind = copy(rule), kind
        self._rule.pk = rule.pk or 0
        self.content = (rule.kind, rule.threshold, rule.recovery, rule.cooldown, rule.query)

    @classmethod
    def of(cls, rule: AlertRule) -> "TriedAlertRule | None":
        """Return the rule; None where it is not about customers, or nothing is scored."""
        newest = PortfolioDay.objects.newest()
        kind = customer_kind(rule, newest.date, "") if newest else None
        return cls(rule, kind) if kind else None

    @contextmanager
    def remembering(self, memory: Memory, dates: list[date]) -> Iterator[None]:
        """Let what the trial has raised stand in the place of the stored alerts; the caller rolls back."""
        stored = table_of(Alert)
        create_temporary(stored, f"SELECT * FROM {stored} WHERE 1 = 0")
        rows = (
            self._row(number, customer, dates[raised], None if closed is None else dates[closed])
            for number, (customer, (raised, closed)) in enumerate(memory.items(), start=1)
        )
        copy_rows(stored, _COLUMNS, rows)
        execute(f"CREATE INDEX tried_alert_customer ON {stored} (customer_id)")
        analyze(stored)
        self._newest = len(memory)
        opened = [Alert(rule_id=self._rule.pk, opened_on=day) for day in dates]
        self._open = {customer: opened[raised] for customer, (raised, closed) in memory.items() if closed is None}
        yield

    def on(self, place: int, dates: list[date], memory: Memory) -> list[str]:
        """Return for whom an alert is raised on a date, by the queries and the decisions of every night."""
        raised, closed, day = list[str](), list[str](), dates[place]
        for inputs in inputs_of(self._kind, self._rule, day, known=self._open):
            match decide(self._kind, self._rule, inputs).transition:
                case Transition.RAISE:
                    raised.append(inputs.customer_id)
                case Transition.CLOSE:
                    closed.append(inputs.customer_id)
        self._close(closed, day)
        first, self._newest = self._newest + 1, self._newest + len(raised)
        rows = (self._row(number, customer, day, None) for number, customer in enumerate(raised, start=first))
        copy_rows(table_of(Alert), _COLUMNS, rows)
        for customer in closed:
            memory[customer] = (memory[customer][0], place)
            del self._open[customer]
        self._open.update(dict.fromkeys(raised, Alert(rule_id=self._rule.pk, opened_on=day)))
        memory.update(dict.fromkeys(raised, (place, None)))
        return raised

    def _row(self, number: int, customer: str, opened: date, closed: date | None) -> tuple[object, ...]:
        return (number, self._rule.pk, customer, opened, closed, Alert.Ending.RECOVERED.value if closed else "")

    def _close(self, customers: list[str], day: date) -> None:
        for some in batches(customers, CLOSED_AT_ONCE):
            tried = Alert.objects.filter(customer__in=some, closed_on=None)
            tried.update(closed_on=day, ending=Alert.Ending.RECOVERED)


class TriedRecommendation:
    """A rule of recommended actions, as if each action were done on the day on which it is recommended.

    Other rules and the tasks that people have taken on are left out.
    """

    def __init__(self, rule: RecommendationRule) -> None:
        self._rule = rule
        self.content = (rule.condition, rule.threshold, rule.rest_days)

    @contextmanager
    def remembering(self, memory: Memory, dates: list[date]) -> Iterator[None]:
        """Do nothing: the memory is enough."""
        yield

    def on(self, place: int, dates: list[date], memory: Memory) -> list[str]:
        """Return to whom the action is recommended anew: who meets the condition, and is not on cooldown."""
        rule, day = self._rule, dates[place]
        done = (Task(state=Task.State.DONE, closed_on=before) for before in dates[:place])
        cooling = [on_cooldown(task, rule, day) for task in done]
        where = CONDITIONS[Condition(rule.condition)].where(day, rule.threshold or 0)
        met = Snapshot.objects.filter(where, date=day).order_by("customer_id").values_list("customer_id", flat=True)
        raised = [customer for customer in met if customer not in memory or not cooling[memory[customer][0]]]
        memory.update(dict.fromkeys(raised, (place, None)))
        return raised

"""What a page says of some members of the worklist: all reasons, what is open, what was done, and what to do next."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from django.db.models import F, Q
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from analytics.display import atoms
from analytics.models import Alert, AlertRule, PortfolioDay, Snapshot, Task
from analytics.my_day.facts import WorkFact, facts
from analytics.my_day.members import WorkMember
from analytics.my_day.reasons import DOING_WELL, Earlier, has_dropped, reasons_by_health
from analytics.my_day.waiting import Waiting, state_in_words
from analytics.page_cache import page_cache
from analytics.page_cache.version import DataVersion
from analytics.tasks.recommendations import Action, recommendations
from analytics.urgency.by_health import Severity, beside
from analytics.wording import day_in_year
from customers.models import Customer
from customers.text.say import say


@dataclass(frozen=True)
class WorkItem:
    """A customer who needs somebody: every reason, the main one first, and what to do next.

    ``alerts`` wait, ``tasks`` are open; ``states`` say what was done, and ``waiting`` how the customer comes back.
    ``earlier`` is what the health was on the date to compare with, if known.
    """

    snapshot: Snapshot
    reasons: Sequence[str]
    action: Action | None
    alerts: Sequence[Alert] = ()
    tasks: Sequence[Task] = ()
    states: Sequence[str] = ()
    waiting: Waiting | None = None
    earlier: Earlier | None = None

    @property
    def score_change(self) -> SafeString | str:
        """Draw by how much the score has changed; '' where it has not, or nothing is known."""
        points = self.snapshot.score - self.earlier.score if self.earlier else 0
        return atoms.score_change(points, self.earlier.score, self.earlier.day) if self.earlier and points else ""

    @property
    def customer(self) -> Customer:
        """Return who it is."""
        return self.snapshot.customer

    @property
    def reason(self) -> str:
        """Return the main reason."""
        return self.reasons[0] if self.reasons else ""


@dataclass(frozen=True)
class _Open:
    """What is open about customers, by key."""

    alerts: Mapping[str, list[Alert]] = field(default_factory=dict)
    tasks: Mapping[str, list[Task]] = field(default_factory=dict)
    facts: Mapping[str, list[WorkFact]] = field(default_factory=dict)


def work_items(
    portfolio: PortfolioDay,
    before: PortfolioDay | None,
    members: Sequence[WorkMember],
    today: date | None = None,
    waiting: Mapping[str, Waiting] | None = None,
) -> list[WorkItem]:
    """Return what to say of members, in their order; five queries, however many they are.

    Without ``today`` it is what their health says, and no state: as of an earlier date, whose state nobody knows.
    """
    snapshots = _snapshots(portfolio, before, [one.snapshot for one in members], "customer__care__owner")
    opened = _open(members, today, brief=False) if today else _Open()
    return _items(portfolio, before, snapshots, opened, today, waiting or {})


class SnapshotsKey(page_cache.DataKey):
    """Of snapshots of a scored date, each with its customer and what it was before."""

    day: date
    before: date | None
    keys: tuple[int, ...]


def brief_items(
    portfolio: PortfolioDay,
    before: PortfolioDay | None,
    members: Sequence[WorkMember],
    today: date | None,
    version: DataVersion,
) -> list[WorkItem]:
    """Return the main reason and the next action of each, without owner and state.

    One query after an edit, and one for those whose main reason is an alert or a task: how they do is kept.
    """
    keys = tuple(one.snapshot for one in members)
    key = SnapshotsKey(version=version, day=portfolio.date, before=before.date if before else None, keys=keys)
    snapshots = page_cache.get_or_set(key, lambda: _snapshots(portfolio, before, keys))
    return _items(portfolio, before, snapshots, _open(members, today, brief=True) if today else _Open(), today, {})


def _snapshots(
    portfolio: PortfolioDay, before: PortfolioDay | None, keys: Sequence[int], *more: str
) -> list[Snapshot]:
    found = beside(portfolio, before).filter(pk__in=keys).select_related("customer", *more)
    found = found.with_forecasts(of_over=False).annotate(then_status=F("then__status"), then_score=F("then__score"))
    order = {key: index for index, key in enumerate(keys)}
    return sorted(found, key=lambda one: order[one.pk])


def _items(
    portfolio: PortfolioDay,
    before: PortfolioDay | None,
    snapshots: Sequence[Snapshot],
    opened: _Open,
    today: date | None,
    waiting: Mapping[str, Waiting],
) -> list[WorkItem]:
    for one in snapshots:
        if one.policy_id == portfolio.policy_id:
            one.policy = portfolio.policy  # spares a query
    actions = recommendations(snapshots) if snapshots else {}
    return [
        _work_item(one, before, actions[one.customer_id], opened, today, waiting.get(one.customer_id))
        for one in snapshots
    ]


def _open(members: Sequence[WorkMember], today: date, *, brief: bool) -> _Open:
    by_alert, by_task = (
        [one.customer for one in members if not brief or one.severity == severity]
        for severity in (Severity.ALERT, Severity.TASK)
    )
    known = {} if brief else facts(Q(customer__in=[one.customer for one in members]), today)
    return _Open(_alerts_of(by_alert, today), _tasks_of(by_task), known)


def _alerts_of(customers: Sequence[str], today: date) -> Mapping[str, list[Alert]]:
    found: dict[str, list[Alert]] = defaultdict(list)
    # Of nobody there is no query, but to write none takes the ORM as long.
    if customers:
        alerts = Alert.objects.waiting(today).worst_first(today).filter(customer__in=customers)
        for alert in alerts.select_related("rule"):
            found[alert.customer_id or ""].append(alert)
    return found


def _tasks_of(customers: Sequence[str]) -> Mapping[str, list[Task]]:
    found: dict[str, list[Task]] = defaultdict(list)
    if customers:
        for task in Task.objects.open().filter(customer__in=customers).select_related("owner"):
            found[task.customer_id].append(task)
    return found


def _work_item(
    snapshot: Snapshot,
    before: PortfolioDay | None,
    actions: Sequence[Action],
    opened: _Open,
    today: date | None,
    waiting: Waiting | None,
) -> WorkItem:
    score, status = (getattr(snapshot, name) for name in ("then_score", "then_status"))
    earlier = Earlier(before.date, score, status) if before and score is not None else None
    action = actions[0] if actions else None
    if earlier and has_dropped(snapshot, earlier) and snapshot.status in DOING_WELL:
        # Instead of what the rules have for those who do well, such as asking for a testimonial.
        action = Action(gettext("Ask what has changed"), gettext("Dropped, though still doing well"))
    key = snapshot.customer_id
    alerts, tasks = opened.alerts.get(key, []), opened.tasks.get(key, [])
    reasons = _reasons(snapshot, earlier, alerts)
    if today:
        reasons += _due(tasks, today)
    states = state_in_words(opened.facts.get(key, []), today, waits=bool(waiting)) if today else []
    return WorkItem(snapshot, list(dict.fromkeys(reasons)), action, alerts, tasks, states, waiting, earlier)


def _reasons(snapshot: Snapshot, earlier: Earlier | None, alerts: Sequence[Alert]) -> list[str]:
    """Return the reasons by health and by alerts, none said twice; of a blocker, the alert tells the days."""
    by_alert = [(AlertRule.Kind(one.rule.kind) if one.rule else None, one.words) for one in alerts]
    blocked = next((text for kind, text in by_alert if kind == AlertRule.Kind.BLOCKED), "")
    by_health = dict(reasons_by_health(snapshot, earlier))
    if blocked and AlertRule.Kind.BLOCKED in by_health:
        by_health[AlertRule.Kind.BLOCKED] = blocked
    return [*by_health.values(), *(text for kind, text in by_alert if kind not in by_health)]


def _due(tasks: Iterable[Task], today: date) -> Iterable[str]:
    for task in tasks:
        if task.due == today:
            yield say("Task due today: {task}", task=task.what)
        elif task.due < today:
            yield say("Task overdue since {day}: {task}", day=day_in_year(task.due, today), task=task.what)

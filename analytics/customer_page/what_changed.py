"""What changed since an earlier snapshot: the difference of the score, split over data, passing time and policy.

Let ``S(known, day, policy)`` be the points of a component on a day by a policy, from what is dated up to ``known``,
as the feeds say it today. From a snapshot of D0 by policy P0 to one of D1 by policy P1:

- *passing time* is ``S(D0, D1, P0) - S(D0, D0, P0)``: the days went by and nothing came, old rows left their windows;
- *policy* is ``S(D1, D1, P1) - S(D1, D1, P0)``: the same rows on the same day, weighed otherwise (0 by one policy);
- *data* is the rest of the stored difference. That is ``S(D1, D1, P0) - S(D0, D1, P0)``, what is dated after D0, and
  the corrections: rows dated on or before a snapshot's date that came, changed or went after it was made, by which
  a stored score differs from S today.

So the three are whole points that add up to the stored difference exactly, for each component and in total.
"""

from dataclasses import dataclass, field

from django.utils.translation import gettext, pgettext

from analytics.models import Snapshot
from analytics.scoring.components import COMPONENTS, Measures, ScoreComponent
from analytics.scoring.measure import View, measure_one
from analytics.scoring.score import Health, health
from analytics.scoring.so_far import reported
from analytics.wording import ACTIVITY_TREND, signed
from customers.models import Customer, Step
from customers.text.codes import code_in_words
from customers.text.say import say


@dataclass(frozen=True)
class Part:
    """A component's points then and now (None: not available, counts 0), the three causes, and why in words."""

    label: str
    then: int | None
    now: int | None
    data: int
    time: int
    policy: int
    why: list[str] = field(default_factory=list)

    @property
    def change(self) -> int:
        """The difference."""
        return (self.now or 0) - (self.then or 0)

    @property
    def signed_change(self) -> str:
        """The difference with its sign."""
        return signed(self.change)

    @property
    def causes(self) -> list[str]:
        """Data, passing time and policy with their signs."""
        return [signed(self.data), signed(self.time), signed(self.policy)]

    @property
    def is_still(self) -> bool:
        """Whether nothing moved, not even two causes against each other."""
        return not (self.data or self.time or self.policy)


@dataclass(frozen=True)
class Fact:
    """Something else that is not as it was."""

    label: str
    then: str
    now: str


@dataclass(frozen=True)
class Change:
    """All that changed from one snapshot to a later one; ``total`` sums the parts."""

    then: Snapshot
    now: Snapshot
    parts: list[Part]
    total: Part
    facts: list[Fact]

    @property
    def days(self) -> int:
        """How long it took."""
        return (self.now.date - self.then.date).days


@dataclass(frozen=True)
class Seen:
    """What one view of the customer gives."""

    measures: Measures
    health: Health

    def points(self, name: str) -> int:
        """Return a component's points."""
        return self.health.points[name] or 0


@dataclass(frozen=True)
class Causes:
    """The views that the causes are the differences of."""

    before: Seen
    """S(D0, D0, P0)"""
    time_shifted: Seen
    """S(D0, D1, P0)"""
    data_updated: Seen
    """S(D1, D1, P0)"""
    policy_updated: Seen
    """S(D1, D1, P1)"""


def what_changed(customer: Customer, then: Snapshot, now: Snapshot) -> Change:
    """Compare two snapshots of a customer; one query, and one more where the later one is so far."""
    causes = _causes(customer, then, now)
    parts = [_part(component, then, now, causes) for component in COMPONENTS]
    sums = {name: sum(getattr(part, name) for part in parts) for name in ("data", "time", "policy")}
    return Change(then, now, parts, Part(gettext("Score"), then.score, now.score, **sums), _facts(then, now))


def _causes(customer: Customer, then: Snapshot, now: Snapshot) -> Causes:
    so_far = reported(now.date, customer.pk) if now.provisional_to else {}
    views = [
        View(then.date, then.policy, then.date),
        View(now.date, then.policy, then.date),
        View(now.date, then.policy, now.date, so_far),
    ]
    if now.policy_id != then.policy_id:
        views.append(View(now.date, now.policy, now.date, so_far))
    before, time_shifted, data_updated, *rest = (
        Seen(measures, health(measures, view.policy, view.day))
        for measures, view in zip(measure_one(customer, views), views, strict=True)
    )
    return Causes(before, time_shifted, data_updated, rest[0] if rest else data_updated)


def _part(component: ScoreComponent, then: Snapshot, now: Snapshot, causes: Causes) -> Part:
    name, before, after = component.name, component.points(then), component.points(now)
    difference = (after or 0) - (before or 0)
    time = causes.time_shifted.points(name) - causes.before.points(name)
    policy = causes.policy_updated.points(name) - causes.data_updated.points(name)
    data = difference - time - policy
    corrections = data - (causes.data_updated.points(name) - causes.time_shifted.points(name))
    shifted, updated = causes.time_shifted.measures, causes.data_updated.measures
    why = []
    if time:
        why.append(f"{signed(time)}: {component.time_passed(causes.before.measures, shifted, then.policy)}")
    if data and data != corrections:
        why.append(f"{signed(data - corrections)}: {component.data_came(shifted, updated)}")
    if data and corrections:
        late = gettext("rows of days already scored came or changed later")
        why.append(f"{signed(corrections)}: {late}")
    if policy:
        became = say("policy {before} became {after}", before=str(then.policy), after=str(now.policy))
        why.append(f"{signed(policy)}: {became}")
    return Part(component.label, before, after, data, time, policy, why)


def _facts(then: Snapshot, now: Snapshot) -> list[Fact]:
    said = [
        (label, getattr(then, f"get_{name}_display")(), getattr(now, f"get_{name}_display")())
        for name, label in (("status", gettext("Status")), ("trend", str(ACTIVITY_TREND)), ("stage", gettext("Stage")))
    ]
    said.append((gettext("Blocker"), _blocker(then), _blocker(now)))
    said += [(step.label, _done(getattr(then, step.value)), _done(getattr(now, step.value))) for step in Step]
    return [Fact(*fact) for fact in said if fact[1] != fact[2]]


def _blocker(snapshot: Snapshot) -> str:
    return code_in_words(snapshot.blocker_type) if snapshot.blocked else pgettext("a blocker", "none")


def _done(there: bool) -> str:
    return gettext("done") if there else gettext("not done")

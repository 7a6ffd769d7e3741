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

from collections.abc import Callable
from dataclasses import dataclass, field

from analytics.models import COMPONENTS, ScoringPolicy, Snapshot
from analytics.scoring.measure import View, measure_one
from analytics.scoring.score import Health, Measures, health
from analytics.wording import ACTIVITY_TREND, COMPONENT_LABELS, counted, signed
from customers.models import Customer, Step
from customers.text.codes import code_in_words


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
        """A component's points."""
        return getattr(self.health, name) or 0


@dataclass(frozen=True)
class Causes:
    """The views that the causes are the differences of."""

    before: Seen
    """S(D0, D0, P0)"""
    aged: Seen
    """S(D0, D1, P0)"""
    fresh: Seen
    """S(D1, D1, P0)"""
    weighed: Seen
    """S(D1, D1, P1)"""


def what_changed(customer: Customer, then: Snapshot, now: Snapshot) -> Change:
    """Compare two snapshots of a customer; one query."""
    causes = _causes(customer, then, now)
    parts = [_part(name, then, now, causes) for name in COMPONENTS]
    sums = {name: sum(getattr(part, name) for part in parts) for name in ("data", "time", "policy")}
    return Change(then, now, parts, Part("Score", then.score, now.score, **sums), _facts(then, now))


def _causes(customer: Customer, then: Snapshot, now: Snapshot) -> Causes:
    views = [
        View(then.date, then.policy, then.date),
        View(now.date, then.policy, then.date),
        View(now.date, then.policy, now.date),
    ]
    if now.policy_id != then.policy_id:
        views.append(View(now.date, now.policy, now.date))
    seen = [
        Seen(measures, health(measures, view.policy, view.day))
        for measures, view in zip(measure_one(customer, views), views, strict=True)
    ]
    return Causes(*seen[:3], weighed=seen[-1])


def _part(name: str, then: Snapshot, now: Snapshot, causes: Causes) -> Part:
    before, after = getattr(then, name), getattr(now, name)
    difference = (after or 0) - (before or 0)
    time = causes.aged.points(name) - causes.before.points(name)
    policy = causes.weighed.points(name) - causes.fresh.points(name)
    data = difference - time - policy
    corrections = data - (causes.fresh.points(name) - causes.aged.points(name))
    passed, came = _WORDS[name](causes, then.policy)
    why = []
    if time:
        why.append(f"{signed(time)}: {passed}")
    if data and data != corrections:
        why.append(f"{signed(data - corrections)}: {came}")
    if data and corrections:
        why.append(f"{signed(corrections)}: rows of days already scored came or changed later")
    if policy:
        why.append(f"{signed(policy)}: policy {then.policy} became {now.policy}")
    return Part(COMPONENT_LABELS[name], before, after, data, time, policy, why)


# --- In words: what passing time did, and what the new rows say ---------------------------------------------------


def _activity(causes: Causes, policy: ScoringPolicy) -> tuple[str, str]:
    before, aged, fresh = _days(causes.before), _days(causes.aged), _days(causes.fresh)
    return (
        f"{counted(before - aged, 'active day')} passed out of the {policy.activity_days}-day window",
        counted(fresh - aged, "new active day"),
    )


def _days(seen: Seen) -> int:
    return seen.measures.active_days


def _pr_success(causes: Causes, policy: ScoringPolicy) -> tuple[str, str]:
    before, aged, fresh = _merged(causes.before), _merged(causes.aged), _merged(causes.fresh)
    return (
        f"merged PRs from {before} to {aged}, as days passed out of the {policy.pr_days}-day window",
        f"merged PRs from {aged} to {fresh} with the new days",
    )


def _merged(seen: Seen) -> str:
    measures = seen.measures
    return f"{measures.window_prs_merged:,} of {measures.window_prs_generated:,}"


def _adoption(causes: Causes, _policy: ScoringPolicy) -> tuple[str, str]:
    aged, fresh = causes.aged.health.steps, causes.fresh.health.steps
    done = [step.label for step in Step if fresh[step] and not aged[step]]
    return "", f"{', '.join(done)} done"


def _support(causes: Causes, policy: ScoringPolicy) -> tuple[str, str]:
    before, aged, fresh = causes.before.measures, causes.aged.measures, causes.fresh.measures
    old_answers = counted(before.csat_count - aged.csat_count, "CSAT answer")
    new_answers = counted(fresh.csat_count - aged.csat_count, "new CSAT answer")
    requests = counted(fresh.window_support_requests - aged.window_support_requests, "new support request")
    if not before.csat_count:
        old = before.window_support_requests - aged.window_support_requests
        passed = f"{counted(old, 'support request')} passed out of the {policy.support_days}-day window"
    elif aged.csat_count:
        passed = f"{old_answers} passed out of the {policy.csat_days}-day window"
    else:
        passed = f"{old_answers} passed out of the {policy.csat_days}-day window, so support requests count"
    if not fresh.csat_count:
        came = requests
    elif aged.csat_count:
        came = new_answers
    else:
        came = f"{new_answers}, so support requests no longer count"
    return passed, came


def _nps(causes: Causes, policy: ScoringPolicy) -> tuple[str, str]:
    before, aged, fresh = causes.before.measures.nps, causes.aged.measures.nps, causes.fresh.measures.nps
    instead = "" if aged is None else f" in place of {aged}"
    return f"the answer {before} passed out of the {policy.nps_days}-day window", f"a new answer, {fresh}{instead}"


_WORDS: dict[str, Callable[[Causes, ScoringPolicy], tuple[str, str]]] = {
    "activity": _activity,
    "pr_success": _pr_success,
    "adoption": _adoption,
    "support": _support,
    "nps": _nps,
}


def _facts(then: Snapshot, now: Snapshot) -> list[Fact]:
    said = [
        (label, getattr(then, f"get_{name}_display")(), getattr(now, f"get_{name}_display")())
        for name, label in (("status", "Status"), ("trend", ACTIVITY_TREND), ("stage", "Stage"))
    ]
    said.append(("Blocker", *((code_in_words(one.blocker_type) if one.blocked else "none") for one in (then, now))))
    said += [(step.label, _done(getattr(then, step.value)), _done(getattr(now, step.value))) for step in Step]
    return [Fact(*fact) for fact in said if fact[1] != fact[2]]


def _blocker(snapshot: Snapshot) -> str:
    return code_in_words(snapshot.blocker_type) if snapshot.blocked else "none"


def _done(there: bool) -> str:
    return "done" if there else "not done"

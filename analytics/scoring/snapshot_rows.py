"""What the snapshots of a date are, worked out by the policies that score it, without storing anything."""

import hashlib
import operator
from collections.abc import Container, Iterable, Iterator, Sequence
from datetime import date

from analytics.models import ScoringPolicy, Snapshot
from analytics.scoring.components import COMPONENTS, STEPS, Measures
from analytics.scoring.measure import measure
from analytics.scoring.measure_sql import Whom
from analytics.scoring.policies import Policies, measured_alike
from analytics.scoring.score import Health, Scoring, onboarding_state

_STORED = {field.attname for field in Snapshot._meta.concrete_fields}
_CHOICES, _REWRITTEN = {"status", "trend", "stage"}, ("onboarded", "last_active", "completed_on")
_FROM_MEASURES = tuple(name for name in Measures._fields if name in _STORED and name not in _REWRITTEN)
_FROM_HEALTH = tuple(name for name in Health._fields if name in _STORED and name not in _REWRITTEN)
_POINTS = tuple(component.name for component in COMPONENTS)
COLUMNS = ("date", "policy_id", "steps_done", *_REWRITTEN, *STEPS, *_FROM_MEASURES, *_FROM_HEALTH, *_POINTS)
"""The columns of a snapshot but its key, in the order of ``snapshot_row``."""
_measured = operator.itemgetter(*(Measures._fields.index(name) for name in _FROM_MEASURES))
_scored = operator.attrgetter(*(f"{name}._value_" if name in _CHOICES else name for name in _FROM_HEALTH))


ScoredCustomer = tuple[ScoringPolicy, Measures, Health]
"""The policy that scored a customer, what it was scored from, and how; a plain tuple is made fastest."""


def scored_customers(
    day: date, policies: Policies, whom: Whom = Whom.EVERYBODY, *, all_committed: bool = False
) -> Iterator[ScoredCustomer]:
    """Score each customer of ``day`` once, by its own policy; the feeds are read once for each set of windows.

    ``all_committed`` as ``measure`` takes it.
    """
    own = policies.of
    for group in measured_alike(policies):
        scorings = {id(policy): Scoring(policy, day).health for policy in group}
        for measures in measure(day, group[0], whom, all_committed=all_committed):
            state = onboarding_state(measures, day)
            policy = own(measures.cohort, state[-1])
            if health := scorings.get(id(policy)):
                yield policy, measures, health(measures, state)


def scored_by_each(day: date, sets: Sequence[Policies], among: Container[str]) -> Iterator[tuple[int, ScoredCustomer]]:
    """Score each customer ``among`` those of ``day`` once by each of ``sets``, whose place comes with it.

    The feeds are read once for each set of windows, whoever has them. Apart from ``scored_customers``, which scores
    everybody each night and pays for each step.
    """
    every = {id(policy): policy for policies in sets for policy in policies}
    for group in measured_alike(every.values()):
        scorings = {id(policy): Scoring(policy, day).health for policy in group}
        for measures in measure(day, group[0]):
            if measures.customer_id not in among:
                continue
            state = onboarding_state(measures, day)
            for place, policies in enumerate(sets):
                policy = policies.of(measures.cohort, state[-1])
                if health := scorings.get(id(policy)):
                    yield place, (policy, measures, health(measures, state))


def snapshot_row(day: str, scored: ScoredCustomer) -> tuple[object, ...]:
    """Return the values of ``COLUMNS``, as texts and whole numbers alone: a driver writes others by a slow way."""
    policy, measures, health = scored
    done = [*map(int, health.steps.values())]
    active, completed = measures.last_active, health.completed_on
    return (
        day,
        policy.id,
        sum(done),
        int(health.onboarded),
        active and active.isoformat(),
        completed and completed.isoformat(),
        *done,
        *_measured(measures),
        *_scored(health),
        *health.points.values(),
    )


def snapshot_rows(day: date, policies: Policies) -> Iterator[tuple[object, ...]]:
    """Yield what would be stored of each customer of ``day``, as the values of ``COLUMNS``."""
    text = day.isoformat()
    return (snapshot_row(text, scored) for scored in scored_customers(day, policies))


def scores_digest(day: date, scores: Iterable[tuple[str, int, str]]) -> str:
    """Return a digest of customer, date, score and status: equal where everybody's are, in whatever order."""
    digest = hashlib.sha256()
    for customer, score, status in sorted(scores):
        digest.update(f"{customer}\0{day}\0{score}\0{status}\n".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def stored_digest(day: date) -> str:
    """Return the digest of the stored snapshots of ``day``."""
    return scores_digest(day, Snapshot.objects.filter(date=day).order_by().values_list("customer", "score", "status"))

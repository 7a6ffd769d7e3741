"""What a draft would change on a scored date: statuses, scores, alerts and recommended actions."""

from collections import Counter
from collections.abc import Collection, Generator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from analytics.alerts.rules import Decision, Transition
from analytics.models import HealthStatus, PortfolioDay, ScoringPolicy
from analytics.policy_lab.actions import Recommended, Recommender
from analytics.policy_lab.alerts import AlertRules, Decided, Moved
from analytics.policy_lab.hypothetical import score_aside, show
from analytics.policy_lab.moves import Moves, compared
from analytics.policy_lab.program import STATUSES, ScoredProgram, read_program
from analytics.scoring.policies import Policies
from analytics.scoring.snapshot_rows import scores_digest
from customers.core.dry_run import temporarily


class News(NamedTuple):
    """An alert or action that would come, go or grow worse: its rule's key and name, for whom; an alert's words."""

    rule: int
    name: str
    customer: str
    text: str


@dataclass(frozen=True)
class PolicyChanges:
    """What a draft would change on ``day``.

    ``before`` and ``after`` count the customers of each status, ``policies`` those by which they are scored after it.
    ``digest`` is that of everybody's score and status then. ``opened``, ``worse`` and ``closed`` are alerts; None
    where ``day`` is not the newest, for which alone alerts are raised. ``added`` and ``dropped`` are recommended
    actions.
    """

    day: date
    digest: str
    before: dict[HealthStatus, int]
    after: dict[HealthStatus, int]
    policies: int
    moves: Moves
    opened: list[News] | None
    worse: list[News] | None
    closed: list[News] | None
    added: list[News]
    dropped: list[News]

    @property
    def is_nothing(self) -> bool:
        """Whether everything would stay as it is."""
        news = (self.opened, self.worse, self.closed, self.added, self.dropped)
        return not (self.moves.moves or any(news))


def changes(draft: ScoringPolicy, day: date) -> PolicyChanges:
    """Return what a draft would change on a scored date; raises ``DoesNotExist`` where no policy is in force."""
    return finished(changes_step_by_step(draft, day))


def finished(steps: Generator[int, None, PolicyChanges]) -> PolicyChanges:
    """Take all steps, and return what comes of them."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            found: PolicyChanges = end.value
            return found


def changes_step_by_step(draft: ScoringPolicy, day: date) -> Generator[int, None, PolicyChanges]:
    """Yield from time to time how many customers are scored; return what the draft would change."""
    policies = Policies.on(day).with_policy(draft)
    # One moment for both; the inner transaction ends what is not stored.
    with temporarily():
        recommender, is_newest = Recommender(day), not PortfolioDay.objects.filter(date__gt=day).exists()
        rules = AlertRules.on(day) if is_newest else None
        before = read_program(day, recommender, rules)
        with temporarily():
            yield from score_aside(day, policies)
            show(day)
            after = read_program(day, recommender, rules)
            concerned = _concerned(rules, draft, before, after)
            decided_after = rules.decide(concerned) if rules else None
        decided_before = rules.decide(rules.of_decided(decided_after)) if rules and decided_after else {}
        refitted = _refitted(before, after)
        was, now = (recommender.recommended({key: one.fitting[key] for key in refitted}) for one in (before, after))
        names = ScoringPolicy.objects.in_bulk({*before.policy.values(), *after.policy.values()})
    statuses = {place: HealthStatus(status) for place, status in enumerate(STATUSES)}
    scores = ((customer, row[1], statuses[row[0]].value) for customer, row in after.figures.items())
    return PolicyChanges(
        day=day,
        digest=scores_digest(day, scores),
        before=_counted(before),
        after=_counted(after),
        policies=len(set(after.policy.values())),
        moves=compared(before, after, {pk: policy.name for pk, policy in names.items()}),
        opened=_alerts_gained(Transition.RAISE, decided_before, decided_after, rules),
        worse=_alerts_gained(Transition.WORSEN, decided_before, decided_after, rules),
        closed=_alerts_gained(Transition.CLOSE, decided_before, decided_after, rules),
        added=_gained(was, now, recommender.names()),
        dropped=_gained(now, was, recommender.names()),
    )


def _counted(program: ScoredProgram) -> dict[HealthStatus, int]:
    found = Counter(figures[0] for figures in program.figures.values())
    return {HealthStatus(status): found[place] for place, status in enumerate(STATUSES)}


def _refitted(before: ScoredProgram, after: ScoredProgram) -> list[str]:
    """Return the customers whom other recommendation rules fit than before."""
    return sorted(
        customer for customer, fitting in after.fitting.items() if before.fitting.get(customer, fitting) != fitting
    )


def _concerned(
    rules: AlertRules | None, draft: ScoringPolicy, before: ScoredProgram, after: ScoredProgram
) -> dict[int, Collection[str]]:
    """Return for each alert rule the customers for whom the one program may raise or close another alert."""
    if rules is None:
        return {}
    both = [customer for customer in after.figures if customer in before.figures]
    statuses = {customer for customer in both if before.figures[customer][0] != after.figures[customer][0]}
    lower = {customer for customer in both if before.figures[customer][1] > after.figures[customer][1]}
    by_another = {customer for customer in both if before.policy[customer] != after.policy[customer]}
    drafted = {customer for customer in by_another if after.policy[customer] == draft.pk}
    matches = {rule: before.matched[rule] ^ own for rule, own in after.matched.items()}
    return rules.concerned(Moved(statuses, lower, drafted, by_another - drafted), matches)


def _alerts_gained(
    transition: Transition, before: Decided, after: Decided | None, rules: AlertRules | None
) -> list[News] | None:
    """Return the alerts of the newest date with a transition that they do not have without the draft."""
    if after is None or rules is None:
        return None
    names = rules.names()
    return sorted(
        News(rule, names[rule], customer, decision.text)
        for (rule, customer), decision in after.items()
        if decision.transition == transition and not _is(before.get((rule, customer)), transition)
    )


def _is(decision: Decision | None, transition: Transition) -> bool:
    return decision is not None and decision.transition == transition


def _gained(before: Recommended, after: Recommended, names: dict[int, str]) -> list[News]:
    """Return the actions that are recommended after and not before."""
    return sorted(
        News(rule, names[rule], customer, "")
        for customer, rules in after.items()
        for rule in rules
        if rule not in before[customer]
    )


def by_rule(news: Sequence[News]) -> list[tuple[str, list[News]]]:
    """Return news in groups of a rule, the most first."""
    groups: dict[tuple[int, str], list[News]] = {}
    for one in news:
        groups.setdefault((one.rule, one.name), []).append(one)
    most_first = sorted(groups.items(), key=lambda group: (-len(group[1]), group[0]))
    return [(name, found) for (_rule, name), found in most_first]

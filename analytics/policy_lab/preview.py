"""The preview of a draft: what it would change, kept until the draft, the data or the rules change, and in words."""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from django.core.paginator import Page, Paginator
from django.db.models import Max

from analytics.models import Alert, AlertRule, HealthStatus, RecommendationRule, ScoringPolicy, Task
from analytics.page_cache import page_cache
from analytics.page_cache.version import MAX_EDITS, StateVersion
from analytics.policy_lab.changes import Changes, News, by_rule, changes_step_by_step
from analytics.policy_lab.moves import Move
from analytics.rounding import half_up
from analytics.scoring.policies import Policies
from customers.models import AuditEntry, Customer, CustomerCare

ROWS_PER_PAGE = 50
FURTHEST = 10
NAMED = 20
"""So many customers of an alert or an action are named; the file has all."""
_READ = [model._meta.label_lower for model in (Alert, AlertRule, RecommendationRule, Task, CustomerCare)]
"""What people edit that decides about alerts and actions."""


class ChangesKey(page_cache.DataKey):
    """Of what a draft would change on a date: by its content, what else is in force, and the newest edit of rules."""

    name: str
    content: str
    others: tuple[int, ...]
    day: date
    edited: int


def changes_key(draft: ScoringPolicy, day: date, version: StateVersion) -> ChangesKey:
    """Return the key of what a draft would change; raises ``DoesNotExist`` where no policy is in force on ``day``."""
    recent = AuditEntry.objects.filter(pk__gt=version.newest - MAX_EDITS, model__in=_READ)
    in_force = Policies.on(day).with_policy(draft)
    return ChangesKey(
        version=version.data,
        name=draft.name,
        content=draft.content,
        others=tuple(policy.pk for policy in in_force if policy.pk != draft.pk),
        day=day,
        edited=recent.order_by().aggregate(newest=Max("pk"))["newest"] or 0,
    )


def make_changes(draft: ScoringPolicy, key: ChangesKey) -> Generator[int, None, Changes]:
    """Yield from time to time how many customers are scored; keep and return what the draft would change."""
    found = yield from changes_step_by_step(draft, key.day)
    page_cache.keep(key, found)
    return found


class Share(NamedTuple):
    """How many customers have a status before and after, also in percent of all."""

    status: HealthStatus
    before: int
    after: int
    percent_before: int
    percent_after: int

    @property
    def difference(self) -> int:
        """How many more there would be."""
        return self.after - self.before


@dataclass(frozen=True)
class NamedNews:
    """The alerts or actions of one rule: how many in all, and the first customers with their names and why."""

    rule: str
    count: int
    first: Sequence[tuple[News, str]]

    @property
    def others(self) -> int:
        """How many are not named."""
        return self.count - len(self.first)


@dataclass(frozen=True)
class Preview:
    """What the page shows of ``changes``; ``rows`` are a page of those who move, each with its name."""

    changes: Changes
    shares: Sequence[Share]
    everyone: bool
    page: Page[int]
    rows: Sequence[tuple[Move, str]]
    furthest: Sequence[tuple[Move, str]]
    opened: Sequence[NamedNews]
    closed: Sequence[NamedNews]
    added: Sequence[NamedNews]
    dropped: Sequence[NamedNews]

    @property
    def has_segments(self) -> bool:
        """Whether more than one policy would be in force."""
        return len({move.after.policy for move, _name in self.rows}) > 1 or len(self.changes.moves.policies) > 2


def preview_of(found: Changes, *, everyone: bool, page: str) -> Preview:
    """Return a page of the preview: of those who change status, or of ``everyone`` who moves; one query for names."""
    moves = found.moves
    shown = Paginator(range(moves.moves if everyone else moves.status_moves), ROWS_PER_PAGE).get_page(page)
    rows, furthest = [moves.at(place) for place in shown], moves.furthest(FURTHEST)
    news = [by_rule(some or ()) for some in (found.opened, found.closed, found.added, found.dropped)]
    named = {one.customer for groups in news for _rule, some in groups for one in some[:NAMED]}
    keys = {*named, *(move.customer for move in (*rows, *furthest))}
    names = dict(Customer.objects.filter(pk__in=keys).values_list("pk", "organization"))

    def with_names(groups: list[tuple[str, list[News]]]) -> list[NamedNews]:
        return [
            NamedNews(rule, len(some), [(one, names.get(one.customer, "")) for one in some[:NAMED]])
            for rule, some in groups
        ]

    opened, closed, added, dropped = map(with_names, news)
    return Preview(
        changes=found,
        shares=_shares(found),
        everyone=everyone,
        page=shown,
        rows=[(move, names.get(move.customer, "")) for move in rows],
        furthest=[(move, names.get(move.customer, "")) for move in furthest],
        opened=opened,
        closed=closed,
        added=added,
        dropped=dropped,
    )


def _shares(found: Changes) -> list[Share]:
    before, after = found.before, found.after
    percents = [_percents(counts) for counts in (before, after)]
    return [
        Share(status, before[status], after[status], *(one[status] for one in percents)) for status in HealthStatus
    ]


def _percents(counts: Mapping[HealthStatus, int]) -> dict[HealthStatus, int]:
    whole = sum(counts.values())
    return {status: half_up(100 * count, whole) if whole else 0 for status, count in counts.items()}

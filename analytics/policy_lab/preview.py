"""The preview of a draft: what it would change, kept until the draft, the data or the rules change, and in words."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple, Self

from django.core.paginator import Page, Paginator
from django.db.models import Max

from analytics.models import Alert, AlertRule, HealthStatus, RecommendationRule, ScoringPolicy, Task
from analytics.page_cache import page_cache
from analytics.page_cache.version import MAX_EDITS, StateVersion
from analytics.policy_lab.changes import News, PolicyChanges, by_rule, changes_step_by_step
from analytics.policy_lab.moves import Move
from analytics.rounding import percent
from analytics.scoring.policies import Policies
from customers.models import AuditEntry, Customer, CustomerCare

ROWS_PER_PAGE = 50
FURTHEST = 10
NAMED = 20
"""So many customers of an alert or an action are named; the file has all."""
_READ = [model._meta.label_lower for model in (Alert, AlertRule, RecommendationRule, Task, CustomerCare)]
"""What people edit that decides about alerts and actions."""


class ChangesKey(page_cache.DataKey):
    """Of what a draft would change on a date: as it is now alone, so that many edits of it do not fill the memory."""

    draft: int
    day: date


class Basis(NamedTuple):
    """What a preview is made of, beside the data: the draft, what else is in force, and the newest edit of rules."""

    name: str
    content: str
    others: tuple[int, ...]
    edited: int


@dataclass(frozen=True)
class AskedPreview:
    """A draft whose preview of a date is asked for."""

    draft: ScoringPolicy
    key: ChangesKey
    basis: Basis
    replaced: ScoringPolicy
    """In whose place the draft is."""

    @classmethod
    def of(cls, draft: ScoringPolicy, day: date, version: StateVersion) -> Self:
        """Return it by two queries; raises ``DoesNotExist`` where no policy is in force on ``day``."""
        recent = AuditEntry.objects.filter(pk__gt=version.newest - MAX_EDITS, model__in=_READ)
        edited = recent.order_by().aggregate(newest=Max("pk"))["newest"] or 0
        in_force = Policies.on(day)
        others = tuple(policy.pk for policy in in_force.with_policy(draft) if policy.pk != draft.pk)
        key = ChangesKey(version=version.data, draft=draft.pk, day=day)
        return cls(draft, key, Basis(draft.name, draft.content, others, edited), in_force.replaced_by(draft))

    def kept(self) -> PolicyChanges | None:
        """Return what was found before, while all that it is made of is the same."""
        found: tuple[Basis, PolicyChanges] | None = page_cache.peek(self.key, None)
        return found[1] if found and found[0] == self.basis else None

    def make(self) -> Generator[int, None, PolicyChanges]:
        """Yield from time to time how many customers are scored; keep and return what the draft would change."""
        found = yield from changes_step_by_step(self.draft, self.key.day)
        page_cache.keep_value(self.key, (self.basis, found))
        return found


class StatusShare(NamedTuple):
    """How many customers have a status before and after, also in percent of all."""

    status: HealthStatus
    before: int
    after: int
    percent_before: int | None
    percent_after: int | None

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
class PolicyPreview:
    """What the page shows of ``changes``; ``rows`` are a page of those who move, each with its name."""

    changes: PolicyChanges
    shares: Sequence[StatusShare]
    everyone: bool
    page: Page[int]
    rows: Sequence[tuple[Move, str]]
    furthest: Sequence[tuple[Move, str]]
    opened: Sequence[NamedNews]
    worse: Sequence[NamedNews]
    closed: Sequence[NamedNews]
    added: Sequence[NamedNews]
    dropped: Sequence[NamedNews]

    @property
    def has_segments(self) -> bool:
        """Whether customers would be scored by more than one policy."""
        return self.changes.policies > 1


def preview_of(found: PolicyChanges, *, everyone: bool, page: str) -> PolicyPreview:
    """Return a page of the preview: of those who change status, or of ``everyone`` who moves; one query for names."""
    moves = found.moves
    shown = Paginator(range(moves.moves if everyone else moves.status_moves), ROWS_PER_PAGE).get_page(page)
    rows, furthest = [moves.at(place) for place in shown], moves.furthest(FURTHEST)
    news = [by_rule(some or ()) for some in (found.opened, found.worse, found.closed, found.added, found.dropped)]
    named = {one.customer for groups in news for _rule, some in groups for one in some[:NAMED]}
    keys = {*named, *(move.customer for move in (*rows, *furthest))}
    names = dict(Customer.objects.filter(pk__in=keys).values_list("pk", "organization"))

    def with_names(groups: list[tuple[str, list[News]]]) -> list[NamedNews]:
        return [
            NamedNews(rule, len(some), [(one, names.get(one.customer, "")) for one in some[:NAMED]])
            for rule, some in groups
        ]

    opened, worse, closed, added, dropped = map(with_names, news)
    return PolicyPreview(
        changes=found,
        shares=_shares(found),
        everyone=everyone,
        page=shown,
        rows=[(move, names.get(move.customer, "")) for move in rows],
        furthest=[(move, names.get(move.customer, "")) for move in furthest],
        opened=opened,
        worse=worse,
        closed=closed,
        added=added,
        dropped=dropped,
    )


def _shares(found: PolicyChanges) -> list[StatusShare]:
    before, after = found.before, found.after
    was, now = sum(before.values()), sum(after.values())
    return [
        StatusShare(one, before[one], after[one], percent(before[one], was), percent(after[one], now))
        for one in HealthStatus
    ]

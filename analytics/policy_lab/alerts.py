"""Which alerts would be raised, grow worse and be closed.

Judged are the customers alone to whom other policies make a difference.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

from django.db.models import Q
from django.db.models.expressions import RawSQL

from analytics.alerts.candidates import inputs_of, open_by_customer
from analytics.alerts.inputs import OpenAlert
from analytics.alerts.kinds import CUSTOMER_KINDS, CustomerKind, Follows
from analytics.alerts.own_rules.kind import OwnRule, customer_kind
from analytics.alerts.rules import Decision, Transition, decide
from analytics.models import Alert, AlertRule
from customers.core.sql import analyze, copy_rows, create_temporary

_JUDGED = "judged"
"""The temporary table of the customers whom a rule is asked about: they may be too many to name them."""
Decided = dict[tuple[int, str], Decision]
"""The alerts that are raised, grow worse or are closed, by rule and customer."""


class Moved(NamedTuple):
    """Customers of another status, of a lower score, and who is scored by the draft or by ``others`` than before."""

    statuses: set[str]
    lower: set[str]
    drafted: set[str]
    others: set[str]


@dataclass(frozen=True)
class AlertRules:
    """The rules on customers that are on, with their kinds, as of ``day``; a lack in the feeds holds none back."""

    day: date
    kinds: list[tuple[AlertRule, CustomerKind]]
    _opened: dict[int, Mapping[str, OpenAlert]] = field(default_factory=dict, compare=False, repr=False)
    """The open alerts of a rule that was asked about; whoever is asked about again is among them."""

    @classmethod
    def on(cls, day: date) -> "AlertRules":
        """Return the rules of ``day``."""
        active = [rule for rule in AlertRule.objects.filter(active=True) if rule.kind in CUSTOMER_KINDS or rule.is_own]
        found = [(rule, kind) for rule in active if (kind := customer_kind(rule, day, ""))]
        return cls(day, [(rule, kind) for rule, kind in found if kind.follows != Follows.NOTHING])

    def names(self) -> dict[int, str]:
        """Return the rules' names by key."""
        return {rule.pk: str(rule) for rule, _kind in self.kinds}

    def matched(self) -> dict[int, set[str]]:
        """Return whom the conditions of each own rule match."""
        own = [(rule, kind) for rule, kind in self.kinds if isinstance(kind, OwnRule)]
        return {rule.pk: set(_customers(kind, self.day)) for rule, kind in own}

    def decide(self, among: Mapping[int, Collection[str]]) -> Decided:
        """Return what becomes of alerts, for each rule ``among`` its customers; the caller rolls back.

        Asked a second time, it is about some of the same customers.
        """
        return dict(self._decide(among))

    def _decide(self, among: Mapping[int, Collection[str]]) -> Iterator[tuple[tuple[int, str], Decision]]:
        for rule, kind in self.kinds:
            if not among[rule.pk]:
                continue
            create_temporary(_JUDGED, "SELECT CAST('' AS varchar(64)) AS customer_id WHERE 1 = 0")
            copy_rows(_JUDGED, ["customer_id"], ([customer] for customer in among[rule.pk]))
            analyze(_JUDGED)
            judged = Q(customer__in=RawSQL(f"SELECT customer_id FROM {_JUDGED}", ()))  # noqa: S611 - no value in it
            opened = self._opened.get(rule.pk)
            if opened is None:
                opened = self._opened[rule.pk] = open_by_customer(Alert.objects.open().filter(judged, rule=rule))
            for inputs in inputs_of(kind, rule, self.day, judged, read=opened):
                decision = decide(kind, rule, inputs)
                if decision.transition != Transition.NOTHING:
                    yield (rule.pk, inputs.customer_id), decision

    def of_decided(self, decided: Decided) -> dict[int, Collection[str]]:
        """Return for each rule the customers of whom something is decided."""
        found: dict[int, list[str]] = {rule.pk: [] for rule, _kind in self.kinds}
        for rule, customer in decided:
            found[rule].append(customer)
        return dict(found)

    def concerned(self, moved: Moved, matches: Mapping[int, set[str]]) -> dict[int, Collection[str]]:
        """Return for each rule the customers to judge: of other statuses, or in other ``matches`` of an own rule.

        Whose score falls is judged as well where there is an alert that may grow worse by it. Where scores by one
        policy are compared: those whom the draft scores, as far as there is something to close, and the others who
        are scored by another policy than before.
        """
        found: dict[int, Collection[str]] = {}
        for rule, kind in self.kinds:
            opened = set(Alert.objects.open().filter(rule=rule).order_by().values_list("customer_id", flat=True))
            if kind.follows == Follows.SCORES:
                found[rule.pk] = moved.others | (moved.drafted & opened)
            else:
                changed = moved.statuses if kind.follows == Follows.STATUS else matches[rule.pk]
                found[rule.pk] = changed | (moved.lower & opened if kind.tells_score else set())
        return found


def _customers(kind: OwnRule, day: date) -> Iterator[str]:
    return kind.segment.on(day).snapshots.order_by().values_list("customer_id", flat=True).iterator()

"""Own rules: an alert where a customer meets the filters of the customer table that somebody has chosen.

A rule whose filters are not understood (any more) raises and closes nothing. It never stands for everybody.
"""

from collections.abc import Sequence
from datetime import date
from functools import cached_property

from django.conf import settings
from django.db.models import BooleanField, ExpressionWrapper, Q
from django.db.models.expressions import Combinable
from django.utils.translation import override

from analytics.alerts import words
from analytics.alerts.inputs import AlertInputs
from analytics.alerts.kinds import CUSTOMER_KINDS, EVERYBODY, WORSE_POINTS, CustomerKind, Follows, of_open_alerts
from analytics.models import AlertRule, PortfolioDay
from analytics.segments.segment import Segment
from analytics.wording import one_line
from customers.text.say import SOURCE, say
from customers.text.sentences import Said, in_each_language


class OwnRule(CustomerKind):
    """All conditions of a rule's ``segment`` hold; closed with none of it, worse with 5 points less than last told."""

    follows = Follows.SEGMENT
    tells_score = True

    def __init__(self, rule: AlertRule, segment: Segment) -> None:
        self.name, self.segment = rule.name, segment

    def columns(self, day: date, n: int) -> dict[str, Combinable]:
        matched = Q(pk__in=self.segment.on(day).snapshots.order_by().values("pk"))
        return {"is_matched": ExpressionWrapper(matched, output_field=BooleanField())}

    def concerns(self, day: date, n: int) -> Q:
        return Q(is_matched=True)

    def is_met(self, inputs: AlertInputs, n: int) -> bool:
        return inputs.is_matched

    def value(self, inputs: AlertInputs) -> int | None:
        return inputs.score

    def says(self, inputs: AlertInputs) -> Said:
        return words.own_rule.of(rule=self.name, conditions=self._conditions, status=inputs.status, score=inputs.score)

    @cached_property
    def _conditions(self) -> Said:
        # What they are made of has names of people and menus, which a page would have to ask for with each alert.
        languages = dict.fromkeys([SOURCE, *settings.OFFERED_LANGUAGES])
        return in_each_language.of(**{language: self._conditions_in(language) for language in languages})

    def _conditions_in(self, language: str) -> str:
        with override(language):
            return one_line(self.segment.on(self.segment.day).words, 300)

    def says_when_over(self, inputs: AlertInputs) -> Said:
        return words.conditions_no_longer_hold.of(now=super().says_when_over(inputs))

    def recovery_days(self, rule: AlertRule, recent: Sequence[date], among: Q = EVERYBODY) -> dict[str, int]:
        days = [self.segment.on(day) for day in recent]
        matched = Q(*(Q(pk__in=one.snapshots.order_by().values("pk")) for one in days), _connector=Q.OR)
        found = of_open_alerts(rule, among).filter(date__in=recent).exclude(matched)
        return self.count(found)

    def _is_worse(self, before: int, now: int) -> bool:
        return now <= before - WORSE_POINTS


def customer_kind(rule: AlertRule, day: date, held_back: str) -> CustomerKind | None:
    """Return the kind by which to judge a rule on customers; None where it raises and closes nothing now.

    ``held_back`` is why engagement cannot be believed, or ''.
    """
    kind = CUSTOMER_KINDS.get(rule.kind)
    if kind is None:
        segment = Segment(rule.query, day)
        kind = None if segment.problems else OwnRule(rule, segment)
    return None if kind is None or (held_back and kind.needs_engagement) else kind


def broken_rules() -> list[str]:
    """Return each own rule that is on and not understood, with the reasons, in words."""
    newest = PortfolioDay.objects.newest()
    if newest is None:
        return []
    own = AlertRule.objects.filter(kind=AlertRule.Kind.OWN, active=True)
    judged = [(rule, Segment(rule.query, newest.date).problems) for rule in own]
    return [
        say("Alert rule “{rule}” raises nothing: {problems}", rule=rule.name, problems=" ".join(problems))
        for rule, problems in judged
        if problems
    ]

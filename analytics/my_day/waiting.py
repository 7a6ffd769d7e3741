"""How a customer who was dealt with leaves the list, and what brings it back; docs/metrics.md has the rules."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from django.utils.translation import gettext

from analytics.models import Deferral, Snapshot
from analytics.my_day.facts import CONTACT_DAYS, Kind, WorkFact, said_by
from analytics.my_day.reasons import Earlier, has_dropped
from customers.text.say import say


@dataclass(frozen=True)
class Waiting:
    """What a customer waits for: the fact by which it does, and the day on which it comes back (None: no day)."""

    fact: WorkFact
    until: date | None

    @property
    def can_be_ended(self) -> bool:
        """Whether the customer can be brought back: it was put aside by hand."""
        return self.fact.kind in {Kind.SNOOZE, Kind.DISMISSAL}

    @property
    def rule(self) -> str:
        """How it comes back, spelled out."""
        day = self.until or ""
        match self.fact.kind:
            case Kind.SNOOZE:
                return say("Back on {day}, or as soon as it gets worse", day=day)
            case Kind.CONTACT:
                return say("Back on {day} without recovery, or as soon as it gets worse", day=day)
            case Kind.SCHEDULED:
                return say("Back on {day} if the email was not sent, or as soon as it gets worse", day=day)
            case Kind.TASK:
                return say("Back when the task is due on {day}, or as soon as it gets worse", day=day)
        return gettext("Back with a new reason: an alert, a drop, another blocker, or a task due")


def waits(facts: Sequence[WorkFact], today: date) -> list[Waiting]:
    """Return why a customer may wait, as far as its facts say; ``holds`` says whether its health lets it.

    Nothing waits that an alert was raised for, or that grew worse, since it was dealt with.
    """
    alerted = max((one.moment for one in facts if one.kind == Kind.ALERT), default=None)
    tasks = [one for one in facts if one.kind == Kind.TASK]
    due = [one.day for one in tasks if one.day and one.day <= today]
    found = [_by_fact(one, due, today) for one in facts]
    if tasks and not due:
        first = min(one.day for one in tasks if one.day)
        found.append(Waiting(max(tasks, key=lambda one: one.moment), first))
    return [one for one in found if one and (alerted is None or alerted <= one.fact.moment)]


def _by_fact(fact: WorkFact, due: Sequence[date], today: date) -> Waiting | None:
    """Return how long a customer waits because of one fact, tasks aside."""
    match fact.kind:
        case Kind.SNOOZE if fact.day and fact.day > today:
            return Waiting(fact, fact.day)
        case Kind.CONTACT if not due and today < (back := fact.done_on + timedelta(days=CONTACT_DAYS)):
            return Waiting(fact, back)
        case Kind.SCHEDULED if not due and fact.day and today <= fact.day:
            return Waiting(fact, fact.day + timedelta(days=1))
        case Kind.DISMISSAL if not any(day > fact.done_on for day in due):
            return Waiting(fact, None)
    return None


def holds(wait: Waiting, now: Snapshot, then: Snapshot | None) -> bool:
    """Return whether a customer may wait although its health is ``now`` such, and was ``then`` such when dealt with.

    Not if it has dropped since; what was dismissed, not if another blocker holds it up. Without a ``then`` nothing
    is known to be worse.
    """
    if then is None:
        return True
    if has_dropped(now, Earlier(then.date, then.score, then.status)):
        return False
    is_other = now.blocked and (not then.blocked or now.blocker_type != then.blocker_type)
    return not (wait.fact.kind == Kind.DISMISSAL and is_other)


def longest(found: Iterable[Waiting]) -> Waiting | None:
    """Return the wait that lasts longest: the customer comes back when that one ends."""
    return max(found, key=lambda one: (one.until or date.max, one.fact.moment), default=None)


def state_in_words(facts: Iterable[WorkFact], today: date, *, waits: bool) -> list[str]:
    """Return what was done about a customer, the newest first, and whether that is why it ``waits``.

    Tasks are told by themselves.
    """
    newest_first = sorted(facts, key=lambda one: one.moment, reverse=True)
    return list(dict.fromkeys(said for fact in newest_first if (said := _state(fact, today, waits))))


def _state(fact: WorkFact, today: date, waits: bool) -> str:
    who, day = said_by(fact), fact.day or ""
    match fact.kind:
        case Kind.SNOOZE if fact.day and fact.day > today:
            if waits:
                return say("Snoozed until {day} by {who}", day=day, who=who)
            return say("Snoozed until {day} by {who}, back with something new", day=day, who=who)
        case Kind.DISMISSAL:
            reason = Deferral.Reason(fact.more).label
            if waits:
                return say("Dismissed by {who}: {reason}", who=who, reason=reason)
            return say("Dismissed by {who}: {reason}, back with something new", who=who, reason=reason)
        case Kind.SCHEDULED:
            return say("Email scheduled for {day} by {who}", day=day, who=who)
        case Kind.CONTACT:
            return _contacted(fact.done_on, today, who)
    return ""


def _contacted(day: date, today: date, who: str) -> str:
    match (today - day).days:
        case 0:
            return say("Contacted today by {who}", who=who)
        case 1:
            return say("Contacted yesterday by {who}", who=who)
    return say("Contacted on {day} by {who}", day=day, who=who)

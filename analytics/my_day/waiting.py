"""How a customer who was dealt with leaves the list, and what brings it back; docs/metrics.md has the rules."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from analytics.models import Deferral, Snapshot
from analytics.my_day.facts import CONTACT_DAYS, Kind, WorkFact, said_by
from analytics.my_day.reasons import Earlier, has_dropped


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
        day = f"{self.until:%-d %b %Y}" if self.until else ""
        match self.fact.kind:
            case Kind.SNOOZE:
                return f"Back on {day}, or as soon as it gets worse"
            case Kind.CONTACT:
                return f"Back on {day} without recovery, or as soon as it gets worse"
            case Kind.SCHEDULED:
                return f"Back on {day} if the email was not sent, or as soon as it gets worse"
            case Kind.TASK:
                return f"Back when the task is due on {day}, or as soon as it gets worse"
        return "Back with a new reason: an alert, a drop, another blocker, or a task due"


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
    back = "" if waits else ", back with something new"
    said = []
    for fact in sorted(facts, key=lambda one: one.moment, reverse=True):
        match fact.kind:
            case Kind.SNOOZE if fact.day and fact.day > today:
                said.append(f"Snoozed until {fact.day:%-d %b %Y} by {said_by(fact)}{back}")
            case Kind.DISMISSAL:
                said.append(f"Dismissed by {said_by(fact)}: {Deferral.Reason(fact.more).label}{back}")
            case Kind.SCHEDULED:
                said.append(f"Email scheduled for {fact.day:%-d %b %Y} by {said_by(fact)}")
            case Kind.CONTACT:
                said.append(f"Contacted {_when(fact.done_on, today)} by {said_by(fact)}")
    return list(dict.fromkeys(said))


def _when(day: date, today: date) -> str:
    days = (today - day).days
    return {0: "today", 1: "yesterday"}.get(days) or f"on {day:%-d %b %Y}"

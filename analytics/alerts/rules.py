"""Pure: what becomes of an alert, given a rule, what a scored date says of a customer, and the open alert if any.

A rule's condition **holds** on a date: that raises an alert where none is open. A date is **well** for a customer
when nothing of the kind is left; ``recovery`` such dates in a row, the newest scored one last, close it. Between the
two it stays as it is, so that a score that flaps about a threshold raises one alert:

| kind | holds | well | worse |
|---|---|---|---|
| at risk | status is At risk | Needs attention or better | 5 points lower than last told |
| inactive | status is Inactive | any other status | twice the days |
| fell by N | N or more below its highest of the 7 days before | less than that | 5 points more |
| blocked for N days | blocked on all scored dates of N days or more | not blocked, or onboarded | twice the days |
| no first PR after N days | none by N days after signup, or later | there is one | twice the days |

A customer whose contract rests or has ended raises nothing but the news that it became inactive, in the 14 days after
the last date on which it was not; its other alerts end. An alert that was raised on the very date that does not say so
any more, because that date was scored again, is taken back at once.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from enum import Enum

from analytics.models import Alert, AlertRule, HealthStatus
from analytics.wording import counted
from customers.text.codes import code_in_words

Kind = AlertRule.Kind
Ending = Alert.Ending

QUIET_DAYS = 7
"""A customer's first days, the signup date being the first: they raise nothing."""
FALL_DAYS = 7
WORSE_POINTS = 5
WORSE_TIMES = 2
NEWS_DAYS = 14
"""For so many days the end of a contract is news."""

FROM_ENGAGEMENT = frozenset({Kind.AT_RISK, Kind.INACTIVE, Kind.FELL, Kind.NO_FIRST_PR})
"""The kinds that a lack of engagement data would raise falsely, or close."""


class Act(Enum):
    """What to do with an alert."""

    NOTHING = "nothing"
    RAISE = "raise"
    WORSEN = "worsen"
    CLOSE = "close"


@dataclass(frozen=True)
class Book:
    """The open alert of a rule and customer, as far as it matters here."""

    pk: int
    opened_on: date
    value: int | None
    acknowledged: bool


@dataclass(frozen=True)
class Facts:
    """What a scored date says of a customer; ``well`` counts the dates that are well of the last ``recovery`` ones.

    ``highest`` is the highest score of the seven days before (None: no such date, or another policy);
    ``blocked_since`` the first scored date of the block, which may have begun before (``blocked_longer``);
    ``contract`` says that it rests or has ended ('': it does not), and ``was_active`` that the status was not Inactive
    on a scored date of the 14 days before.
    """

    customer_id: str
    signup_date: date
    score: int
    status: str
    contract: str = ""
    last_active: date | None = None
    was_active: bool = False
    highest: int | None = None
    blocked_since: date | None = None
    blocked_longer: bool = False
    blocker: str = ""
    onboarded: bool = False
    has_pr: bool = False
    well: int = 0
    open: Book | None = None


@dataclass(frozen=True)
class Decision:
    """What becomes of an alert, with its words."""

    act: Act
    text: str = ""
    value: int | None = None
    ending: str = ""


NOTHING = Decision(Act.NOTHING)


def decide(kind: str, threshold: int | None, recovery: int, facts: Facts, day: date) -> Decision:
    """What becomes of the alert of a rule and customer on the newest scored date."""
    value, text = measured(kind, facts, day)
    held = holds(kind, threshold, facts, day)
    if facts.open is None:
        return Decision(Act.RAISE, text, value) if held and _may_raise(kind, facts, day) else NOTHING
    if facts.contract and (kind != Kind.INACTIVE or facts.open.acknowledged):
        return Decision(Act.CLOSE, f"Contract: {facts.contract.lower()}", ending=Ending.ENDED)
    if not held and facts.open.opened_on == day:
        words = f"The data of {day:%-d %b %Y} changed and no longer say so"
        return Decision(Act.CLOSE, words, ending=Ending.WITHDRAWN)
    if facts.well >= recovery:
        return Decision(Act.CLOSE, _recovered(kind, facts), ending=Ending.RECOVERED)
    if held and is_worse(kind, facts.open.value, value):
        return Decision(Act.WORSEN, text, value)
    return NOTHING


def holds(kind: str, threshold: int | None, facts: Facts, day: date) -> bool:
    """Whether the rule's condition holds on ``day``."""
    wanted = threshold or 0
    match kind:
        case Kind.AT_RISK:
            return facts.status == HealthStatus.AT_RISK
        case Kind.INACTIVE:
            return facts.status == HealthStatus.INACTIVE
        case Kind.FELL:
            return _fall(facts) >= max(wanted, 1)
        case Kind.BLOCKED:
            return facts.blocked_since is not None and (day - facts.blocked_since).days >= wanted
        case Kind.NO_FIRST_PR:
            return not facts.has_pr and (day - facts.signup_date).days >= wanted
    return False


def measured(kind: str, facts: Facts, day: date) -> tuple[int | None, str]:
    """What would grow worse, and the alert in words."""
    match kind:
        case Kind.AT_RISK:
            return facts.score, f"At risk with a score of {facts.score}"
        case Kind.INACTIVE if facts.contract:
            return None, f"Inactive by contract: {facts.contract.lower()}"
        case Kind.INACTIVE if facts.last_active is None:
            days = (day - facts.signup_date).days
            return days, f"No activity in the {counted(days, 'day')} since signup"
        case Kind.INACTIVE:
            days = (day - facts.last_active).days
            return days, f"No activity for {counted(days, 'day')}, since {facts.last_active:%-d %b %Y}"
        case Kind.FELL:
            fall = _fall(facts)
            return fall, f"Score fell by {counted(fall, 'point')} in 7 days, from {facts.highest} to {facts.score}"
        case Kind.BLOCKED:
            days = (day - facts.blocked_since).days if facts.blocked_since else 0
            least = "at least " if facts.blocked_longer else ""
            return days, f"Blocked for {least}{counted(days, 'day')}: {code_in_words(facts.blocker)}"
        case Kind.NO_FIRST_PR:
            days = (day - facts.signup_date).days
            return days, f"No first PR {counted(days, 'day')} after signup"
    raise ValueError(kind)


def is_worse(kind: str, before: int | None, now: int | None) -> bool:
    """Whether a value is so much worse than the one last told that it is told again."""
    if before is None or now is None:
        return False
    if kind == Kind.AT_RISK:
        return now <= before - WORSE_POINTS
    if kind == Kind.FELL:
        return now >= before + WORSE_POINTS
    return now >= max(before, 1) * WORSE_TIMES


def well_after_fall(scores: dict[date, tuple[int, int]], day: date, threshold: int) -> bool:
    """Whether ``day`` is well for a rule on falls; ``scores`` are score and policy by scored date."""
    if day not in scores:
        return False
    score, policy = scores[day]
    before = (scores.get(day - timedelta(days=days)) for days in range(1, FALL_DAYS + 1))
    highest = max((one[0] for one in before if one and one[1] == policy), default=score)
    return highest - score < threshold


def _may_raise(kind: str, facts: Facts, day: date) -> bool:
    if (day - facts.signup_date).days < QUIET_DAYS:
        return False
    return not facts.contract or (kind == Kind.INACTIVE and facts.was_active)


def _fall(facts: Facts) -> int:
    return 0 if facts.highest is None else facts.highest - facts.score


def _recovered(kind: str, facts: Facts) -> str:
    status = HealthStatus(facts.status).label
    match kind:
        case Kind.INACTIVE if facts.last_active:
            return f"Active on {facts.last_active:%-d %b %Y}, {status.lower()}"
        case Kind.FELL:
            return f"No longer falling, with a score of {facts.score}"
        case Kind.BLOCKED:
            return "Onboarded" if facts.onboarded else "No longer blocked"
        case Kind.NO_FIRST_PR:
            return "The first PR is there"
    return f"{status} with a score of {facts.score}"

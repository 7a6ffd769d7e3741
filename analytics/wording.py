"""Numbers and days in words, in the reader's language."""

import unicodedata
from collections.abc import Sequence
from datetime import date, datetime

from django.utils.translation import gettext, gettext_lazy

from customers.text import written
from customers.text.codes import code_in_words
from customers.text.say import Words, kept_by_language, say, say_n
from customers.text.sentences import sentence

ACTIVITY_TREND = gettext_lazy("Activity trend")
"""Never just "trend", which would be read as the score's."""


DASH = "–"
"""In place of what does not exist."""
MINUS = written.MINUS
signed = written.signed


def noun(one: str, many: str) -> tuple[str, str]:
    """Declare both forms of a noun, for ``counted`` and the catalogues."""
    return one, many


_NOUNS = {
    "active day": noun("{number} active day", "{number} active days"),
    "alert": noun("{number} alert", "{number} alerts"),
    "case": noun("{number} case", "{number} cases"),
    "CSAT answer": noun("{number} CSAT answer", "{number} CSAT answers"),
    "customer": noun("{number} customer", "{number} customers"),
    "date": noun("{number} date", "{number} dates"),
    "day": noun("{number} day", "{number} days"),
    "digest": noun("{number} digest", "{number} digests"),
    "event": noun("{number} event", "{number} events"),
    "forecast": noun("{number} forecast", "{number} forecasts"),
    "issue": noun("{number} issue", "{number} issues"),
    "mail": noun("{number} mail", "{number} mails"),
    "message": noun("{number} message", "{number} messages"),
    "month end": noun("{number} month end", "{number} month ends"),
    "more message": noun("{number} more message", "{number} more messages"),
    "new active day": noun("{number} new active day", "{number} new active days"),
    "new alert": noun("{number} new alert", "{number} new alerts"),
    "new CSAT answer": noun("{number} new CSAT answer", "{number} new CSAT answers"),
    "new support request": noun("{number} new support request", "{number} new support requests"),
    "onboarding step": noun("{number} onboarding step", "{number} onboarding steps"),
    "outcome": noun("{number} outcome", "{number} outcomes"),
    "point": noun("{number} point", "{number} points"),
    "PR": noun("{number} PR", "{number} PRs"),
    "pt": noun("{number} pt", "{number} pts"),
    "report": noun("{number} report", "{number} reports"),
    "result": noun("{number} result", "{number} results"),
    "row": noun("{number} row", "{number} rows"),
    "run": noun("{number} run", "{number} runs"),
    "support request": noun("{number} support request", "{number} support requests"),
    "task": noun("{number} task", "{number} tasks"),
    "tile": noun("{number} tile", "{number} tiles"),
}
"""Of what something can be counted: where a language needs a case, the whole sentence goes through ``say_n``."""


def counted(number: int, of: str) -> str:
    """``1 issue``, ``2 issues``, ``1,200 issues``."""
    return say_n(*_NOUNS[of], number)


def in_a_row(names: Sequence[Words]) -> str:
    """``A``, ``A and B``, ``A, B and C``; '' for none."""
    *most, last = map(str, names or [""])
    return say("{most} and {last}", most=", ".join(most), last=last) if most else last


def days_ago(day: date | None, today: date) -> str:
    """How long before ``today`` a day was: Today, Yesterday, 3 days ago; Never for none."""
    if day is None:
        return gettext("Never")
    days = (today - day).days
    if days in {0, 1}:
        return gettext("Yesterday") if days else gettext("Today")
    return say_n("{number} day ago", "{number} days ago", days)


def day_in_year(day: date, today: date) -> str:
    """Return ``3 May``, and ``3 May 2025`` where that is not the year of ``today``."""
    return written.day_of_year(day) if day.year == today.year else written.day(day)


tenths = written.tenths


def days_in_tenths(number: int) -> str:
    """Return a number of days in tenths: 35 is ``3.5d``."""
    return say("{number}d", number=tenths(number))


def known_of(known: int, onboarded: int) -> str:
    """Say of how many a time to value is, if not of all onboarded: ``of 6 of 9 onboarded``."""
    return say("of {known} of {onboarded} onboarded", known=known, onboarded=onboarded) if known < onboarded else ""


@sentence
@kept_by_language(1_000)
def at_risk_with(*, score: int) -> str:
    """Say that a customer is at risk; kept, since thousands of alerts say it of the same scores."""
    return say("At risk with a score of {score}", score=score)


@sentence
def silent_since_signup(*, days: int) -> str:
    """Say that a customer was never active."""
    return say_n("No activity in the {number} day since signup", "No activity in the {number} days since signup", days)


@sentence
def silent_since(*, days: int, last_active: date) -> str:
    """Say for how long a customer has not been active."""
    return say_n(
        "No activity for {number} day, since {day}",
        "No activity for {number} days, since {day}",
        days,
        day=last_active,
    )


@sentence
def blocked_for(*, days: int, blocker: str, at_least: bool) -> str:
    """Say for how long something holds a customer up, or ``at_least`` for how long."""
    words = code_in_words(blocker)
    if at_least:
        return say_n(
            "Blocked for at least {number} day: {blocker}",
            "Blocked for at least {number} days: {blocker}",
            days,
            blocker=words,
        )
    return say_n("Blocked for {number} day: {blocker}", "Blocked for {number} days: {blocker}", days, blocker=words)


@sentence
def no_first_pr(*, days: int) -> str:
    """Say that a customer has no PR so many days after its signup."""
    return say_n("No first PR {number} day after signup", "No first PR {number} days after signup", days)


@sentence
def rule_turned_off() -> str:
    """Say why an alert is closed that nobody asks for any more."""
    return gettext("The rule was turned off")


@sentence
def rule_deleted() -> str:
    """Say why an alert is closed that has no rule any more."""
    return gettext("The rule was deleted")


def one_line(text: str, most: int) -> str:
    """Anybody's text on one line, at most so many characters, without controls or marks that turn its direction.

    What is safe in a mail's header and in the middle of a sentence.
    """
    if not (text.isascii() and text.isprintable()):
        kept = (" " if unicodedata.category(one) in _BREAKS else one for one in text if one in _JOINERS or _shows(one))
        text = "".join(kept)
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1].rstrip()}…"


_JOINERS = {"\u200c", "\u200d"}
_BREAKS = {"Cc", "Zl", "Zp"}


def _shows(character: str) -> bool:
    return unicodedata.category(character) not in {"Cf", "Cs"}


def moment_in_words(moment: datetime) -> str:
    """Return ``11 May 2025, 02:30``, in local time."""
    return written.moment(moment)

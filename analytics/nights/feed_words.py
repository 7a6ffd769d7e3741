"""What may be wrong with a feed or a night, in words: alerts store them, and pages say them."""

from datetime import date, datetime

from django.utils.text import capfirst
from django.utils.translation import gettext

from analytics.nights.ledger import step_name
from customers.models import ImportRun
from customers.text.say import say, say_n
from customers.text.sentences import Said, sentence


@sentence
def file_ended(*, file: str, status: str, moment: datetime) -> str:
    """Say how an import ended that did not load its file."""
    if status == ImportRun.Status.FAILED:
        return say("{file} failed on {moment}", file=file, moment=moment)
    if status == ImportRun.Status.REFUSED:
        return say("{file} was refused on {moment}", file=file, moment=moment)
    return say("{file} was interrupted on {moment}", file=file, moment=moment)


@sentence
def file_not_loaded(*, ended: Said, reason: str) -> str:
    """Say that, and why; the reason is as the run has it."""
    return f"{ended}: {reason}."


@sentence
def never_loaded(*, file: str) -> str:
    """Say that a feed lacks altogether."""
    return say("{file} was never loaded.", file=file)


@sentence
def engagement_late(*, day: date, days: int) -> str:
    """Say that engagement does not go on."""
    return say_n(
        "Engagement ends on {day}, {number} day ago; customers are judged as of then.",
        "Engagement ends on {day}, {number} days ago; customers are judged as of then.",
        days,
        day=day,
    )


@sentence
def loaded_ahead(*, file: str, day: date) -> str:
    """Say that a file was loaded in the future, if the clock is right."""
    return say("{file} was last loaded, by its record, on {day}: check the clock.", file=file, day=day)


@sentence
def file_late(*, file: str, day: date, days: int) -> str:
    """Say that a file does not come any more."""
    return say_n(
        "{file} was last loaded on {day}, {number} day ago.",
        "{file} was last loaded on {day}, {number} days ago.",
        days,
        file=file,
        day=day,
    )


@sentence
def step_failed(*, step: str, moment: datetime, message: str) -> str:
    """Say which step of a night failed; the message is as the night has it."""
    return say(
        "{step} failed in the nightly run of {moment}: {message}",
        step=capfirst(step_name(step)),
        moment=moment,
        message=message,
    )


@sentence
def in_quarantine(*, file: str, rows: int) -> str:
    """Say how many rows of a feed were not loaded."""
    return say_n("{number} row of {file} in quarantine.", "{number} rows of {file} in quarantine.", rows, file=file)


# --- Why the newest engagement cannot be believed -----------------------------------------------------------------


@sentence
def no_engagement(*, day: date) -> str:
    """Say that there is none."""
    return say("engagement is not there, but {day} is scored", day=day)


@sentence
def engagement_ends(*, end: date, day: date) -> str:
    """Say that it ends before the scored date."""
    return say("engagement ends on {end}, but {day} is scored", end=end, day=day)


@sentence
def engagement_implausible(*, day: date, active: int, usual: int) -> str:
    """Say that there is too little of it."""
    return say_n(
        "engagement of {day} is implausibly little: {number} customer active, where at least {usual} are usual",
        "engagement of {day} is implausibly little: {number} customers active, where at least {usual} are usual",
        active,
        day=day,
        usual=usual,
    )


@sentence
def paused_beside(*, problem: Said) -> str:
    """Say what is wrong with engagement, and that alerts are paused."""
    return f"{problem} {_paused()}"


@sentence
def paused_because(*, reason: Said) -> str:
    """Say that alerts are paused, and why."""
    words = str(reason)
    return f"{words[0].upper()}{words[1:]}. {_paused()}"


def _paused() -> str:
    return gettext("Alerts that are computed from engagement are paused until it is there.")

"""Why a forecast is as it is: what its features add, in words. No web process needs arrays for it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import exp, expm1

from django.utils.translation import gettext

from analytics.forecast.model import DAYS_SINCE_ACTIVE, Logistic
from analytics.wording import counted
from customers.text import written
from customers.text.say import say, say_n

Named = Mapping[str, float]
"""The features of a customer, by name."""


@dataclass(frozen=True)
class Cause:
    """Features that tell of one thing, and the words for them."""

    name: str
    features: tuple[str, ...]
    words: Callable[[Named], str]


@dataclass(frozen=True)
class Reason:
    """What one cause adds to the log odds of the average customer learnt from; all of them add up to the difference.

    ``beyond`` says that a feature is outside of what was learnt from.
    """

    name: str
    words: str
    contribution: float
    beyond: bool


def days_of(logarithm: float) -> int:
    """Return the whole number, often of days, of which a feature is the logarithm with one added."""
    return round(expm1(logarithm))


def _recency(named: Named) -> str:
    days = days_of(named[DAYS_SINCE_ACTIVE])
    rate = named["rate_180"]
    # Rarer than once a year is nothing usual.
    usual = round(1 / rate) if rate >= 1 / 365 else 0
    if days == 0 and usual > 1:
        return say("active on the day itself, usually active about every {usual} days", usual=usual)
    if days == 0 and usual:
        return gettext("active on the day itself, usually active on most days")
    if days == 0:
        return gettext("active on the day itself")
    if usual > 1:
        return say_n(
            "quiet for {number} day, usually active about every {usual} days",
            "quiet for {number} days, usually active about every {usual} days",
            days,
            usual=usual,
        )
    if usual:
        return say_n(
            "quiet for {number} day, usually active on most days",
            "quiet for {number} days, usually active on most days",
            days,
        )
    return say_n("quiet for {number} day", "quiet for {number} days", days)


def _rhythm(named: Named) -> str:
    lately, usual = (written.percentage(round(100 * named[name])) for name in ("rate_21", "rate_180"))
    return say(
        "active on about {lately} of the days lately, and on {usual} over half a year", lately=lately, usual=usual
    )


def _own_quiet(named: Named) -> str:
    share = written.percentage(round(100 / (1 + exp(-named["own_quiet"]))))
    return say("by its own past, about {share} of spells of 30 days are without activity", share=share)


def _steps(named: Named) -> str:
    done = round(named["steps_done"])
    if not done:
        return gettext("no onboarding step done")
    return say_n("{number} onboarding step done", "{number} onboarding steps done", done)


def _issues(named: Named) -> str:
    return say_n("{number} issue tagged", "{number} issues tagged", days_of(named["issues_tagged"]))


def _age(named: Named) -> str:
    return say_n("signed up {number} day ago", "signed up {number} days ago", days_of(named["age"]))


CAUSES = (
    Cause("recency", (DAYS_SINCE_ACTIVE,), _recency),
    Cause("rhythm", ("rate_7", "rate_21", "rate_60", "rate_180"), _rhythm),
    Cause("own_quiet", ("own_quiet",), _own_quiet),
    Cause(
        "steps",
        (
            "steps_done",
            "since_welcome_email_sent",
            "since_account_created",
            "since_github_action_installed",
            "since_first_issue_tagged",
        ),
        _steps,
    ),
    Cause("active_days", ("active_days",), lambda named: counted(days_of(named["active_days"]), "active day")),
    Cause("issues", ("issues_tagged",), _issues),
    Cause(
        "requests", ("support_requests",), lambda named: counted(days_of(named["support_requests"]), "support request")
    ),
    Cause("age", ("age",), _age),
)
"""Each feature of each forecast is in one of them."""


def reasons(model: Logistic, features: Sequence[float]) -> list[Reason]:
    """Return all reasons for a forecast, the weightiest first; they add up to its difference from the average."""
    named = dict(zip(model.features, features, strict=True))
    added = dict(zip(model.features, model.contributions(features), strict=True))
    beyond = set(model.beyond(features))
    found = [
        Reason(
            cause.name,
            cause.words(named),
            sum(added[name] for name in cause.features),
            not beyond.isdisjoint(cause.features),
        )
        for cause in CAUSES
        if cause.features[0] in named
    ]
    return sorted(found, key=lambda reason: -abs(reason.contribution))

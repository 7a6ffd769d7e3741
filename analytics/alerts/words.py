"""What alerts say, and how they ended: each sentence once, which is stored in English and said to every reader.

What all of ``analytics`` says of customers is in ``analytics.wording``, what is wrong with a feed in ``nights``.
"""

from collections.abc import Sequence
from datetime import date, datetime

from django.utils.translation import gettext

from analytics.forecast.bands import band_in_words, band_of, percent_of
from analytics.models import ForecastTarget, HealthStatus
from customers.models import Customer
from customers.text.say import say, say_n, within
from customers.text.sentences import Said, sentence
from customers.text.written import percentage

# --- Of a customer ------------------------------------------------------------------------------------------------


@sentence
def status_with_score(*, status: str, score: int) -> str:
    """Say what the health is."""
    return say("{status} with a score of {score}", status=HealthStatus(status).label, score=score)


@sentence
def account_status(*, status: str) -> str:
    """Say that a contract is over, or rests."""
    return say("Account status: {status}", status=within(Customer.Status(status).label))


@sentence
def inactive_by_account() -> str:
    """Say that a contract was over when the date was scored."""
    return gettext("Inactive by account status")


@sentence
def active_again(*, day: date, status: str) -> str:
    """Say when a customer was active again, and what its health is."""
    return say("Active on {day}, {status}", day=day, status=within(HealthStatus(status).label))


@sentence
def score_fell(*, points: int, highest: int, score: int) -> str:
    """Say by how much a score fell."""
    return say_n(
        "Score fell by {number} point in 7 days, from {highest} to {score}",
        "Score fell by {number} points in 7 days, from {highest} to {score}",
        points,
        highest=highest,
        score=score,
    )


@sentence
def no_longer_falling(*, score: int) -> str:
    """Say that a score has recovered from a fall."""
    return say("No longer falling, with a score of {score}", score=score)


@sentence
def no_longer_blocked(*, onboarded: bool) -> str:
    """Say that nothing holds a customer up any more."""
    return gettext("Onboarded") if onboarded else gettext("No longer blocked")


@sentence
def first_pr_generated() -> str:
    """Say that a customer has its first PR."""
    return gettext("First PR generated")


@sentence
def likely_to_go_quiet(*, percent: int) -> str:
    """Say that a customer is forecast to go quiet."""
    return say("Likely to go quiet: {probable}", probable=percentage(percent))


@sentence
def forecast_of_quiet(*, thousandths: int) -> str:
    """Say what is forecast, whatever it is."""
    band = band_in_words(ForecastTarget.QUIET, band_of(thousandths))
    return f"{band}: {percentage(percent_of(thousandths))}"


@sentence
def no_longer_forecast() -> str:
    """Say that nothing is forecast of a customer who is quiet by now."""
    return gettext("No longer forecast, as there was no activity for 90 days")


@sentence
def own_rule(*, rule: str, conditions: Said, status: str, score: int) -> str:
    """Say that the conditions of somebody's own rule hold; its name is theirs."""
    return say(
        "{rule} ({conditions}), {status} with a score of {score}",
        rule=rule,
        conditions=str(conditions),
        status=HealthStatus(status).label,
        score=score,
    )


@sentence
def conditions_no_longer_hold(*, now: Said) -> str:
    """Say how the alert of somebody's own rule ended."""
    return say("The conditions no longer hold: {now}", now=str(now))


@sentence
def withdrawn(*, day: date) -> str:
    """Say that an alert should not have been raised."""
    return say("Withdrawn: the data for {day} changed", day=day)


@sentence
def same_customer_has_it(*, customer: str) -> str:
    """Say that a customer's other key has the alert already."""
    return say("The same customer as {customer}, who has this alert", customer=customer)


# --- Of customers who vanished ------------------------------------------------------------------------------------


@sentence
def customers_vanished(*, missing: int, run: int, moment: datetime) -> str:
    """Say how many customers the feed lacks, and since when."""
    return say_n(
        "{number} customer is missing from customers.csv since run {run} of {moment}",
        "{number} customers are missing from customers.csv since run {run} of {moment}",
        missing,
        run=str(run),
        moment=moment,
    )


@sentence
def all_are_back() -> str:
    """Say that nobody is missing any more."""
    return gettext("All of them are in the feed again")


@sentence
def few_are_missing(*, limit: int, missing: int) -> str:
    """Say that too few are missing for an alert."""
    return say("Fewer than {limit} are still missing: {missing}", limit=str(limit), missing=str(missing))


@sentence
def more_are_missing() -> str:
    """Say that another alert takes the place of one that was seen."""
    return gettext("Acknowledged; more are missing since")


@sentence
def no_more_are_missing(*, limit: int) -> str:
    """Say that nothing came after what was seen."""
    return say("Acknowledged, and no {limit} more are missing since", limit=str(limit))


# --- Of feeds, nights and webhooks --------------------------------------------------------------------------------


@sentence
def back_to_normal(*, is_feed: bool) -> str:
    """Say that nothing is wrong any more."""
    return gettext("The feed is back to normal") if is_feed else gettext("The nightly run is back to normal")


@sentence
def few_in_quarantine(*, limit: int) -> str:
    """Say that a feed has too few rows in quarantine for an alert."""
    return say_n(
        "Fewer than {number} row of the feed in quarantine",
        "Fewer than {number} rows of the feed in quarantine",
        limit,
    )


@sentence
def webhook_off(*, name: str, because: str) -> str:
    """Say why a webhook was turned off."""
    return say("Webhook “{name}” is off. {because}", name=name, because=because)


@sentence
def webhooks_off(*, each: Sequence[Said]) -> str:
    """Say it of each webhook."""
    return " ".join(map(str, each))


@sentence
def no_webhook_off() -> str:
    """Say that receivers are the reason for nothing any more."""
    return gettext("No webhook is off because of its receiver")

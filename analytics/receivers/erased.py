"""Erase a customer from the texts of analytics; the rows go by their foreign keys.

A guardrail repeats the first bad rows. So a night's step, and the alert of its feed, can name a customer.
"""

import re
from functools import partial
from urllib.parse import quote

from django.db.models import F, Q
from django.http import QueryDict
from django.utils.translation import gettext_noop

from analytics.mail.compose import customer_label
from analytics.models import (
    Alert,
    AlertRule,
    Digest,
    ForecastAccuracy,
    Night,
    Playbook,
    PolicyTrial,
    PortfolioDay,
    Report,
    Snapshot,
)
from analytics.models.alerts import MAX_ENDING_LENGTH, MAX_TEXT_LENGTH
from customers.core.limits import BATCH_SIZE, batches
from customers.text.say import english
from customers.text.sentences import rewritten

NO_TEXT = english("A customer who was erased was mentioned here.")
ERASED = "(erased)"


def delete_mentions(customer_id: str, organization: str, words: re.Pattern[str], **_signal: object) -> dict[str, int]:
    """Remove an erased customer's words from texts; return how many texts changed. Receives ``customer_erased``.

    Totals of scored dates stay, and count the erased. A digest stays as a record that it was sent, and to whom.
    """
    dates = Snapshot.objects.filter(customer=customer_id).order_by().values("date")
    PortfolioDay.objects.filter(date__in=dates).update(erased=F("erased") + 1)
    address = re.escape(f"/customer/{quote(customer_id, safe='')}/")
    name = rf"|(?<!\w){re.escape(customer_label(organization))}(?!\w)|{words.pattern}" if organization else ""
    mention = re.compile(f"{address}{name}")
    digests = Digest.objects.order_by("pk").values_list("pk", "subject", "text", "error")
    gone = [
        pk for pk, *texts in digests.iterator(chunk_size=BATCH_SIZE) if any(mention.search(text) for text in texts)
    ]
    for some in batches(gone):
        Digest.objects.filter(pk__in=some).update(subject="", text=NO_TEXT, error="")
    return {
        gettext_noop("texts of digests"): len(gone),
        gettext_noop("texts of nightly runs"): _clear_nights(words) + _clear_alerts(words),
        gettext_noop("saved searches"): _clear_searches(words),
        gettext_noop("misses of forecasts"): _clear_misses(customer_id),
        # They name everybody, and are made anew whenever they are asked for.
        gettext_noop("months of back-tests"): PolicyTrial.objects.all().delete()[0],
    }


def _clear_misses(customer_id: str) -> int:
    """Leave the customer out of the published misses of forecasts; the counts stay."""
    cleared = 0
    for found in ForecastAccuracy.objects.order_by("pk"):
        kept = [miss for miss in found.misses if miss["customer"] != customer_id]
        if kept != found.misses:
            cleared += ForecastAccuracy.objects.filter(pk=found.pk).update(misses=kept)
    return cleared


def _clear_nights(words: re.Pattern[str]) -> int:
    cleared = 0
    for night in Night.objects.order_by("pk").iterator(chunk_size=BATCH_SIZE):
        steps = [{**step, "message": words.sub(ERASED, step["message"])} for step in night.steps]
        if steps != night.steps:
            Night.objects.filter(pk=night.pk).update(steps=steps)
            cleared += 1
    return cleared


def _clear_alerts(words: re.Pattern[str]) -> int:
    """Clear the alerts of others that may name the customer, whose own go by foreign key.

    Those of feeds do, those of own rules, which repeat a search, and those that ended as another key has them.
    """
    cleared, erase = 0, partial(words.sub, ERASED)
    may_name = Q(customer=None) | Q(rule__kind=AlertRule.Kind.OWN) | Q(ending=Alert.Ending.WITHDRAWN)
    rows = (
        Alert.objects.filter(may_name).order_by("pk").values_list("pk", "text", "ending_text", "said", "ending_said")
    )
    for pk, text, ending_text, *made_of in rows.iterator(chunk_size=BATCH_SIZE):
        kept = erase(text)[:MAX_TEXT_LENGTH], erase(ending_text)[:MAX_ENDING_LENGTH]
        said, ending_said = (rewritten(one, erase) for one in made_of)
        if kept != (text, ending_text) or [said, ending_said] != made_of:
            cleared += Alert.objects.filter(pk=pk).update(
                text=kept[0], ending_text=kept[1], said=said, ending_said=ending_said
            )
    return cleared


def _clear_searches(words: re.Pattern[str]) -> int:
    """Clear what reports, own rules and playbooks search for, in whatever case it was typed: they then find nobody."""
    cleared, typed = 0, re.compile(words.pattern, re.IGNORECASE)
    for rows in (Report.objects.all(), AlertRule.objects.all(), Playbook.objects.all()):
        for pk, query in rows.filter(query__contains="q=").order_by("pk").values_list("pk", "query"):
            asked = QueryDict(query, mutable=True)
            asked.setlist("q", [typed.sub(ERASED, text) for text in asked.getlist("q")])
            if asked.getlist("q") != QueryDict(query).getlist("q"):
                cleared += rows.filter(pk=pk).update(query=asked.urlencode())
    return cleared

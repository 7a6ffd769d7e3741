"""Erase a customer from the texts of analytics; the rows go by their foreign keys.

A guardrail repeats the first bad rows. So a night's step, and the alert of its feed, can name a customer.
"""

import re
from urllib.parse import quote

from django.db.models import F

from analytics.mail.compose import customer_label
from analytics.models import Alert, Digest, Night, PortfolioDay, Snapshot
from customers.core.limits import BATCH_SIZE, batches

NO_TEXT = "A customer who was erased was mentioned here."
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
    return {"texts of digests": len(gone), "texts of nights": _clear_nights(words) + _clear_feeds(words)}


def _clear_nights(words: re.Pattern[str]) -> int:
    cleared = 0
    for night in Night.objects.order_by("pk").iterator(chunk_size=BATCH_SIZE):
        steps = [{**step, "message": words.sub(ERASED, step["message"])} for step in night.steps]
        if steps != night.steps:
            Night.objects.filter(pk=night.pk).update(steps=steps)
            cleared += 1
    return cleared


def _clear_feeds(words: re.Pattern[str]) -> int:
    """Clear the alerts of feeds; the alerts of customers go by their foreign key."""
    cleared = 0
    for pk, text in Alert.objects.filter(customer=None).order_by("pk").values_list("pk", "text"):
        if words.search(text):
            cleared += Alert.objects.filter(pk=pk).update(text=words.sub(ERASED, text)[:500])
    return cleared

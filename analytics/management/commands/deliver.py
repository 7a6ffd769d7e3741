"""``manage.py deliver``: send webhooks what they are to be told."""

import argparse
from contextlib import suppress

from django.utils.translation import gettext_lazy

from analytics.alerts.evaluate import evaluate_webhooks
from analytics.webhooks.deliver import DeliveryRun, deliver_events
from analytics.webhooks.telling import tell_turned_off
from customers.jobs.commands import AuditedCommand
from customers.jobs.lock import LockHeld, job_lock
from customers.text.say import in_english, say

SECONDS = 50
"""The next run of the timer comes after a minute."""


class Command(AuditedCommand):
    """Delivers what is due; meant to be run every minute. Two at once share the work."""

    about = gettext_lazy(
        "Send the events that happened to the webhooks that are to be told of them, and try again what failed when "
        "its time has come. Each event arrives at least once, with the same id. A slow webhook holds up "
        "no other. Run it every minute: it says nothing, and leaves no entry in the audit, where nothing waits."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Take the time after which nothing new is begun."""
        parser.add_argument(
            "--seconds",
            type=float,
            default=SECONDS,
            help=say("begin no request after so many seconds (default {seconds})", seconds=SECONDS),
        )

    def handle(self, *, seconds: float, **options: object) -> None:
        """Say what was sent; the last line sums up."""
        with in_english():  # What is noted of a webhook is stored.
            run = deliver_events(seconds)
            told = tell_turned_off()
        self.had_nothing_to_do = run.is_empty and not told
        for endpoint in run.turned_off:
            endpoint.refresh_from_db()
            self.stderr.write(
                say("Turned off: webhook {webhook}. {why}", webhook=str(endpoint.pk), why=endpoint.off_because)
            )
        if run.turned_off:
            # Where alerts are being evaluated at this moment, the night raises it.
            with suppress(LockHeld), job_lock("alerts"):
                evaluate_webhooks()
        if run.is_empty:
            return
        self.stdout.write(_summary(run))


def _summary(run: DeliveryRun) -> str:
    return say(
        "Webhooks: {sent} delivered, {again} to be tried again, {failed} failed.",
        sent=run.sent,
        again=run.again,
        failed=run.failed,
    )

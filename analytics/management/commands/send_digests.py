"""``manage.py send_digests``: tell those who chose an hour of their own what happened since they were last told."""

from django.core.management.base import CommandError
from django.utils.translation import gettext, gettext_lazy

from analytics.digests.send import send_digests
from analytics.mail import message
from customers.jobs.commands import AuditedCommand
from customers.jobs.lock import job_lock
from customers.text.say import in_english, say, say_n


class Command(AuditedCommand):
    """Sends what is due; meant to be run every hour."""

    busy = gettext_lazy("The nightly run, or another run that sends, is going on; the next run does it.")
    about = gettext_lazy(
        "Send the digests of those who chose an hour in their preferences and have not had today's. The nightly run "
        "tells everybody else, and those whose hour has passed by then. Run it every hour: a second run sends nothing "
        "again, and a run that sends nothing leaves no entry in the audit. "
        "Exit code: 0 done, 1 something could not be sent, 75 another run is going on."
    )

    def handle(self, **options: object) -> None:
        """Say what was sent; the last line sums up."""
        if not message.is_on():
            self.had_nothing_to_do = True
            self.stdout.write(gettext("No digest is sent, because EMAIL_URL is not set."))
            return
        with job_lock("alerts") as lock, in_english():  # A mail is in its receiver's language.
            delivery = send_digests(lock, at_their_hour=True)
        for skipped in delivery.skipped:
            self.stdout.write(say("Not told: {what}.", what=skipped))
        for unsent in delivery.failed:
            self.stderr.write(say("Not sent: {what}", what=unsent))
        self.had_nothing_to_do = not (delivery.sent or delivery.failed)
        self.stdout.write(
            say("Digests: {sent} sent, {failed} failed.", sent=delivery.sent, failed=len(delivery.failed))
        )
        if delivery.failed:
            raise CommandError(
                say_n(
                    "{number} digest could not be sent; the next run tries again.",
                    "{number} digests could not be sent; the next run tries again.",
                    len(delivery.failed),
                )
            )

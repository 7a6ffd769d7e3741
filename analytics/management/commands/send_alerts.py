"""``manage.py send_alerts``: bring the alerts in step with the newest scored date, and tell those concerned."""

from django.conf import settings
from django.core.management.base import CommandError
from django.utils.translation import gettext, gettext_lazy

from analytics.alerts.evaluate import Evaluation, evaluate
from analytics.alerts.own_rules.kind import broken_rules
from analytics.digests.send import Delivery, send_digests
from analytics.mail import message
from customers.jobs.commands import AuditedCommand
from customers.jobs.lock import job_lock
from customers.text.say import in_english, say, say_n


class Command(AuditedCommand):
    """Evaluates, then sends."""

    busy = gettext_lazy("Another run of send_alerts, an import or a scoring is going on; try again when it has ended.")
    about = gettext_lazy(
        "Raise, worsen and close alerts for the newest scored date and tonight's feeds, and send each person one "
        "digest a night, managers a summary a week, and ALERT_URLS the managers' view. A second run sends nothing "
        "again. What could not be sent is sent by the next run, with what has happened since; a run that is killed "
        "between sending a mail and recording it makes the next one send that mail a second time, never more. "
        "Exit code: 0 done, 1 something could not be sent, 75 another run, an import or a scoring is going on."
    )

    def handle(self, **options: object) -> None:
        with job_lock("alerts") as lock, in_english():  # A mail is in its receiver's language.
            with job_lock("score", shared=True), job_lock("import", shared=True):
                found = evaluate()
            delivery = send_digests(lock)
        self._report(found, delivery)
        self.stdout.write(_summary(found, delivery))
        if delivery.failed:
            raise CommandError(
                say_n(
                    "{number} message could not be sent; the next run tries again.",
                    "{number} messages could not be sent; the next run tries again.",
                    len(delivery.failed),
                )
            )

    def _report(self, found: Evaluation, delivery: Delivery) -> None:
        if found.held_back:
            self.stdout.write(say("Skipped the alerts that are computed from engagement: {why}.", why=found.held_back))
        for broken in broken_rules():
            self.stdout.write(broken)
        for skipped in delivery.skipped:
            self.stdout.write(say("Not told: {what}.", what=skipped))
        if not message.is_on():
            self.stdout.write(gettext("No email is sent, because EMAIL_URL is not set; the alerts are on their page."))
        elif not settings.SITE_URL and delivery.sent:
            self.stdout.write(gettext("The emails have no links, because SITE_URL is not set."))
        for failed in delivery.failed:
            self.stderr.write(say("Not sent: {what}", what=failed))


def _summary(found: Evaluation, delivery: Delivery) -> str:
    numbers = {
        "raised": found.raised,
        "worse": found.worse,
        "closed": found.closed,
        "sent": delivery.sent,
        "failed": len(delivery.failed),
    }
    if found.day:
        return say(
            "Alerts as of {day}: {raised} raised, {worse} worse, {closed} closed; {sent} sent, {failed} failed.",
            day=found.day,
            **numbers,
        )
    return say(
        "Alerts (nothing is scored yet): {raised} raised, {worse} worse, {closed} closed; {sent} sent, {failed} "
        "failed.",
        **numbers,
    )

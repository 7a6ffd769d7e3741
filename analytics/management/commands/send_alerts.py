"""``manage.py send_alerts``: bring the alerts in step with the newest scored date, and tell those concerned."""

from django.conf import settings
from django.core.management.base import CommandError

from analytics.alerts.evaluate import Evaluation, evaluate
from analytics.alerts.own_rules.kind import broken_rules
from analytics.digests.send import Delivery, send_digests
from analytics.mail import message
from analytics.wording import counted
from customers.jobs.commands import AuditedCommand
from customers.jobs.lock import job_lock


class Command(AuditedCommand):
    """Evaluates, then sends."""

    busy = "Another run of send_alerts, an import or a scoring is going on; try again when it has ended."
    help = (
        "Raise, worsen and close alerts for the newest scored date and tonight's feeds, and send each person one "
        "digest a night, managers a summary a week, and ALERT_URLS the managers' view. A second run sends nothing "
        "again. What could not be sent is sent by the next run, with what has happened since; a run that is killed "
        "between sending a mail and recording it makes the next one send that mail a second time, never more. "
        "Exit code: 0 done, 1 something could not be sent, 75 another run, an import or a scoring is going on."
    )

    def handle(self, **options: object) -> None:
        with job_lock("alerts") as lock:
            with job_lock("score", shared=True), job_lock("import", shared=True):
                found = evaluate()
            delivery = send_digests(lock)
        self._report(found, delivery)
        self.stdout.write(_summary(found, delivery))
        if delivery.failed:
            raise CommandError(
                f"{counted(len(delivery.failed), 'message')} could not be sent; the next run tries again."
            )

    def _report(self, found: Evaluation, delivery: Delivery) -> None:
        if found.held_back:
            self.stdout.write(f"Skipped the alerts that are computed from engagement: {found.held_back}.")
        for broken in broken_rules():
            self.stdout.write(broken)
        for skipped in delivery.skipped:
            self.stdout.write(f"Not told: {skipped}.")
        if not message.is_on():
            self.stdout.write("No email is sent, because EMAIL_URL is not set; the alerts are on their page.")
        elif not settings.SITE_URL and delivery.sent:
            self.stdout.write("The eemails have no links, because SITE_URL is not set.")
        for failed in delivery.failed:
            self.stderr.write(f"Not sent: {failed}")


def _summary(found: Evaluation, delivery: Delivery) -> str:
    day = f"Alerts as of {found.day:%-d %b %Y}" if found.day else "Alerts (nothing is scored yet)"
    changes = f"{found.raised:,} raised, {found.worse:,} worse, {found.closed:,} closed"
    return f"{day}: {changes}; {delivery.sent:,} sent, {len(delivery.failed):,} failed."

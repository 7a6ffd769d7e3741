"""``manage.py send_reports``: mail the scheduled reports and boards that are due."""

from itertools import chain

from django.conf import settings
from django.core.management.base import CommandError
from django.utils.translation import gettext, gettext_lazy

from analytics.boards.mails import scheduled_boards
from analytics.mail import message
from analytics.reports.mails import scheduled_reports, send_due
from analytics.wording import counted
from customers.jobs.commands import AuditedCommand
from customers.jobs.lock import job_lock
from customers.text.say import in_english, say, say_n


class Command(AuditedCommand):
    """Sends what is due, once."""

    busy = gettext_lazy("Another run of send_reports is going on; try again when it has ended.")
    about = gettext_lazy(
        "Mail the reports and boards that are due: daily ones, weekly ones on Mondays, monthly ones on the first. "
        "A second run sends nothing again; a missed day is made good once, until the next one is due. A run that "
        "is killed between sending a mail and recording it makes the next one send that mail a second time, never "
        "more. A report whose filters are not understood any more, or that nobody can get, is told to its owner, and "
        "is no failure of the run. Exit code: 0 done, 1 something could not be sent, or the program failed, "
        "75 another run is going on."
    )

    def handle(self, **options: object) -> None:
        if not message.is_on():
            self.stdout.write(gettext("No report is sent, because EMAIL_URL is not set."))
            return
        with job_lock("reports") as lock, in_english():  # What is noted of a report is stored.
            sent = send_due(lock, chain(scheduled_reports(), scheduled_boards()))
        for skipped in sent.skipped:
            self.stdout.write(say("Not mailed: {what}.", what=skipped))
        if sent.mails and not settings.SITE_URL:
            self.stdout.write(gettext("The emails have no links, because SITE_URL is not set."))
        for one in sent.broken:
            self.stdout.write(say("Broken, for its owner to mend: {what}", what=one))
        for unsent in sent.failed:
            self.stderr.write(say("Not sent: {what}", what=unsent))
        mails, failed, broken = counted(sent.mails, "mail"), len(sent.failed), len(sent.broken)
        if broken:
            self.stdout.write(
                say(
                    "Reports: {mails} sent, {failed} failed, {broken} broken.",
                    mails=mails,
                    failed=failed,
                    broken=broken,
                )
            )
        else:
            self.stdout.write(say("Reports: {mails} sent, {failed} failed.", mails=mails, failed=failed))
        if failed:
            raise CommandError(
                say_n(
                    "{number} report could not be sent; the next run tries again.",
                    "{number} reports could not be sent; the next run tries again.",
                    failed,
                )
            )

"""``manage.py expire``: remove what is kept no longer."""

from argparse import ArgumentParser
from datetime import date, timedelta

from django.core.management.base import CommandError
from django.db import Error
from django.utils import timezone
from django.utils.translation import gettext, gettext_lazy

from analytics.retention import count_old, remove_old
from customers.core.database_errors import first_line
from customers.jobs.commands import AuditedCommand
from customers.jobs.lock import job_lock
from customers.models import AuditEntry, Erasure
from customers.text.counts import counts_in_words
from customers.text.say import in_english, say, say_n

TRUSTED_FOR = timedelta(days=7)
"""For so long after its last run the command believes the clock; what it removes does not come back."""


class Command(AuditedCommand):
    """Count or remove what ``analytics.retention`` declares."""

    about = gettext_lazy(
        "Remove what is kept no longer: archived files (ARCHIVE_DAYS), closed rows of the quarantine "
        "(QUARANTINE_DAYS), the journal of changes that an undo needs (UNDO_DAYS), scored dates but the last of each "
        "week (SNAPSHOT_DAYS), texts of sent mails (MESSAGE_DAYS), the audit's entries of failed logins "
        "(FAILED_LOGIN_DAYS), webhook events after 30 days, uploads older than a day, and sessions and "
        "failed logins that are over. "
        "0 days are for ever. It also redacts files where an erasure was cut short. "
        "More than a week away from its last run it removes nothing, because the clock may be wrong; the run after "
        "that does, or --force. "
        "Exit code: 0 done, 1 something could not be removed, 75 an import or a scoring is running."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--dry-run", action="store_true", help=gettext("say how much would go, and change nothing")
        )
        parser.add_argument(
            "--force", action="store_true", help=gettext("believe the clock, whenever the last run was")
        )

    def handle(self, *, dry_run: bool, force: bool, **options: object) -> None:
        if not force and not dry_run and (last := _doubtful_run()):
            self.stdout.write(
                say(
                    "Expired: nothing. The last run was on {day}, more than a week from now: if the clock is right, "
                    "the next run removes what is old, or --force does.",
                    day=last,
                )
            )
            return
        try:
            with job_lock("import"), in_english():  # What is kept of an erasure is stored.
                counts = count_old() if dry_run else remove_old()
                pending = Erasure.objects.filter(state=Erasure.State.FILES).count()
        except (Error, OSError) as error:
            raise CommandError(say("What is old could not be removed: {why}", why=first_line(error))) from error
        what = counts_in_words(counts)
        self.stdout.write(say("Would go: {what}.", what=what) if dry_run else say("Expired: {what}.", what=what))
        if pending and not dry_run:
            raise CommandError(
                say_n(
                    "{number} erased customer is still in archived files, which cannot be written; the next run tries "
                    "again.",
                    "{number} erased customers are still in archived files, which cannot be written; the next run "
                    "tries again.",
                    pending,
                )
            )


def _doubtful_run() -> date | None:
    """Return the day of the last run if it is more than a week away, before or after."""
    runs = AuditEntry.objects.filter(action=AuditEntry.Action.COMMAND, subject="expire").order_by("-pk")
    last = runs.values_list("at", flat=True).first()
    if last is None or abs(timezone.now() - last) <= TRUSTED_FOR:
        return None
    return timezone.localtime(last).date()

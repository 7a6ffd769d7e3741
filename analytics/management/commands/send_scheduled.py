"""``manage.py send_scheduled``: send the emails to customers whose time has come."""

from contextlib import suppress

from django.contrib.auth.models import User
from django.core.management.base import CommandError
from django.utils.translation import gettext, gettext_lazy

from analytics.mail import message
from analytics.models import ActionKind, Message, Task
from analytics.models.tasks import MAX_REASON_LENGTH
from analytics.outreach.scheduled import ScheduledRun, send_scheduled
from analytics.tasks.workflow import TakenError, take
from analytics.wording import one_line
from customers.clock import program_today
from customers.jobs.commands import AuditedCommand
from customers.jobs.lock import job_lock
from customers.owners.assign import eligible_owners
from customers.text.say import english, in_english, say


class Command(AuditedCommand):
    """Sends what is due; meant to be run every five minutes."""

    busy = gettext_lazy("Another run of send_scheduled is going on.")
    about = gettext_lazy(
        "Send the emails to customers that somebody has scheduled and whose time has come. Each is looked at anew: "
        "one that may not go any more is marked as not sent, and its author gets a task. While the mail server cannot "
        "be reached, they wait for the next run, for a day at most. None is sent twice: of one that was sent or not "
        "as a run was killed, a person decides. A run that does nothing leaves no entry in the audit. "
        "Exit code: 0 done, 1 the mail server cannot be reached, 75 another run is going on."
    )

    def handle(self, **options: object) -> None:
        """Say what was sent; the last line sums up."""
        if not message.is_on():
            self.had_nothing_to_do = True
            self.stdout.write(gettext("No email is sent, because EMAIL_URL is not set."))
            return
        with job_lock("scheduled") as lock, in_english():  # What an email says of itself, and a task, are stored.
            run = send_scheduled(lock.renew, self._tell_author)
        self.had_nothing_to_do = not (run.sent or run.not_sent)
        self.stdout.write(_summary(run))
        if run.down:
            raise CommandError(
                say("The mail server cannot be reached: {why}. The next run tries again.", why=run.down)
            )

    def _tell_author(self, unsent: Message) -> None:
        self.stderr.write(say("Not sent: email {number}; its page says why.", number=str(unsent.pk)))
        _give_task(unsent)


def _summary(run: ScheduledRun) -> str:
    return say(
        "Scheduled emails: {sent} sent, {not_sent} not sent, {later} left to the next run.",
        sent=run.sent,
        not_sent=run.not_sent,
        later=run.later,
    )


def _give_task(unsent: Message) -> None:
    """Give the author, or else the customer's owner, a task about an email that was not sent.

    None where the email's own task is still open, and the page of that shows it.
    """
    if unsent.task and unsent.task.state == Task.State.OPEN:
        return
    care = getattr(unsent.customer, "care", None)
    able = {person.pk for person in eligible_owners()}
    people: list[User | None] = [unsent.sender, care.owner if care else None]
    owner = next((person for person in people if person and person.pk in able), None)
    if owner is None:
        return
    became = english("perhaps sent") if unsent.delivery_unknown else english("not sent")
    what = one_line(english(f"Email {became}: {unsent.subject}"), 200)
    reason = one_line(unsent.error, MAX_REASON_LENGTH)
    task = Task(customer=unsent.customer, kind=ActionKind.EMAIL, what=what, reason=reason, owner=owner)
    task.due = program_today()
    with suppress(TakenError):
        take(task, owner)

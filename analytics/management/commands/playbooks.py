"""``manage.py playbooks``: start playbooks, do the steps that are due, and end those that are over."""

from django.utils.translation import gettext_lazy

from analytics.playbooks.play import play
from customers.jobs.commands import AuditedCommand
from customers.jobs.lock import job_lock
from customers.text.say import in_english, say


class Command(AuditedCommand):
    """Looks at all playbooks that are on, for everybody."""

    busy = gettext_lazy("Another run of playbooks, an import or a scoring is going on; try again when it has ended.")
    about = gettext_lazy(
        "Start each playbook that is on for the customers whose start began to hold, do the steps that are due, and "
        "end those whose end holds. A second run does nothing again, and one that is killed is completed by the next. "
        "On weekends no step is done; while engagement cannot be believed nothing is. Emails that go by themselves "
        "are sent by send_scheduled. "
        "Exit code: 0 done, 75 another run, an import or a scoring is going on."
    )

    def handle(self, **options: object) -> None:
        """Say what was done; the last line sums up."""
        with job_lock("playbooks"), job_lock("score", shared=True), job_lock("import", shared=True), in_english():
            played = play()  # What is done is stored.
        for broken in played.broken.values():
            self.stdout.write(broken)
        if played.held_back:
            self.stdout.write(say("Playbooks: nothing is done now: {why}.", why=played.held_back))
        else:
            self.stdout.write(say("Playbooks: {what}.", what=played.words))

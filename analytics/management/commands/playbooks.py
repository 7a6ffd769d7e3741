"""``manage.py playbooks``: start playbooks, do the steps that are due, and end those that are over."""

from analytics.playbooks.play import play
from customers.jobs.commands import AuditedCommand
from customers.jobs.lock import job_lock


class Command(AuditedCommand):
    """Looks at all playbooks that are on, for everybody."""

    busy = "Another run of playbooks, an import or a scoring is going on; try again when it has ended."
    help = (
        "Start each playbook that is on for the customers whose start began to hold, do the steps that are due, and "
        "end those whose end holds. A second run does nothing again, and one that is killed is completed by the next. "
        "On weekends no step is done; while engagement cannot be believed nothing is. Emails that go by themselves "
        "are sent by send_scheduled. "
        "Exit code: 0 done, 75 another run, an import or a scoring is going on."
    )

    def handle(self, **options: object) -> None:
        """Say what was done; the last line sums up."""
        with job_lock("playbooks"), job_lock("score", shared=True), job_lock("import", shared=True):
            played = play()
        for broken in played.broken.values():
            self.stdout.write(broken)
        if played.held_back:
            self.stdout.write(f"Playbooks: nothing is done now: {played.held_back}.")
        else:
            self.stdout.write(f"Playbooks: {played.words}.")

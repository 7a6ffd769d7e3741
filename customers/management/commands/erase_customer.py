"""``manage.py erase_customer``: everything about one customer goes, for good."""

from argparse import ArgumentParser

from django.core.management.base import CommandError
from django.utils.translation import gettext, gettext_lazy

from customers.audit.trail import user_name
from customers.erasure.erase import NotErasable, erase, erasure_summary, preview_erasure
from customers.jobs.commands import AuditedCommand, usage_error
from customers.models import Erasure
from customers.text.say import in_english, say


class Command(AuditedCommand):
    """Translates a customer's id to ``erase``."""

    secret = frozenset({"id"})

    about = gettext_lazy(
        "Erase a customer for good: all rows and texts about them, and their lines in archived files; rows of later "
        "files are left out. Totals of past dates stay, and so do backups and exports, which are yours to remove. "
        "Exit code: 0 erased, 1 it failed, 2 usage: no such customer, or no --yes and no answer, 75 an import or a "
        "scoring is running."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("id", help=gettext("the customer's id, as customers.csv has it"))
        parser.add_argument("--yes", action="store_true", help=gettext("do not ask for the id once more"))

    def handle(self, *, id: str, yes: bool, **options: object) -> None:
        """Say what will go, ask, and erase; the last line is a summary."""
        try:
            if not yes:
                what = erasure_summary(preview_erasure(id))
                self.stdout.write(say("This goes for good: {what}, and the lines in archived files.", what=what))
                if _answer() != id:
                    raise usage_error(gettext("That is not the id; nothing was erased."))
            with in_english():  # What an erasure keeps of itself is stored.
                erasure = erase(id, user_name())
        except NotErasable as error:
            raise usage_error(str(error)) from error
        if erasure.state != Erasure.State.DONE:
            raise CommandError(
                say(
                    "Erased from the database: {what}. Archived files could not be written; the next nightly or "
                    "expire redacts them.",
                    what=erasure_summary(erasure.counts),
                )
            )
        self.stdout.write(
            say(
                "Erased: {what}. Backups and exports written before still have the customer.",
                what=erasure_summary(erasure.counts),
            )
        )


def _answer() -> str:
    try:
        return input(gettext("Type the id to go on: ")).strip()
    except EOFError:
        return ""

"""``manage.py erase_customer``: everything about one customer goes, for good."""

from argparse import ArgumentParser

from django.core.management.base import CommandError

from customers.audit.trail import user_name
from customers.erasure.erase import NotErasable, erase, erasure_summary, preview_erasure
from customers.jobs.commands import AuditedCommand, usage_error
from customers.models import Erasure


class Command(AuditedCommand):
    """Translates a customer's id to ``erase``."""

    secret = frozenset({"id"})

    help = (
        "Erase a customer for good: all rows and texts about them, and their lines in archived files; rows of later "
        "files are left out. Totals of past dates stay, and so do backups and exports, which are yours to remove. "
        "Exit code: 0 erased, 1 it failed, 2 usage: no such customer, or no --yes and no answer, 75 an import or a "
        "scoring is running."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("id", help="the customer's id, as customers.csv has it")
        parser.add_argument("--yes", action="store_true", help="do not ask for the id once more")

    def handle(self, *, id: str, yes: bool, **options: object) -> None:
        """Say what will go, ask, and erase; the last line is a summary."""
        try:
            if not yes:
                self.stdout.write(
                    f"This goes for good: {erasure_summary(preview_erasure(id))}, and the lines in archived files."
                )
                if _answer() != id:
                    raise usage_error("That is not the id; nothing was erased.")
            erasure = erase(id, user_name())
        except NotErasable as error:
            raise usage_error(str(error)) from error
        if erasure.state != Erasure.State.DONE:
            raise CommandError(
                f"Erased from the database: {erasure_summary(erasure.counts)}. Archived files could not be written; "
                "the next nightly or expire redacts them."
            )
        self.stdout.write(
            f"Erased: {erasure_summary(erasure.counts)}. Backups and exports written before still have the customer."
        )


def _answer() -> str:
    try:
        return input("Type the id to go on: ").strip()
    except EOFError:
        return ""

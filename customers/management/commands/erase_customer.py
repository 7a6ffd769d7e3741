"""``manage.py erase_customer``: everything about one customer goes, for good."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.db import Error

from customers.audit.trail import user_name
from customers.erasure.erase import NotErasable, erase, erasure_summary, preview_erasure
from customers.jobs.commands import AuditedCommand
from customers.jobs.lock import LockHeld
from customers.models import Erasure

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_BUSY = 75


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
        """Declare the argument and the option."""
        parser.add_argument("id", help="the customer's id, as customers.csv has it")
        parser.add_argument("--yes", action="store_true", help="do not ask for the id once more")

    def handle(self, *args: Any, **options: Any) -> None:
        """Say what will go, ask, and erase; the last line is a summary."""
        key = options["id"]
        try:
            if not options["yes"]:
                self.stdout.write(
                    f"This goes for good: {erasure_summary(preview_erasure(key))}, and the lines in archived files."
                )
                if _answer() != key:
                    raise CommandError("That is not the id; nothing was erased.", returncode=EXIT_USAGE)
            erasure = erase(key, user_name())
        except NotErasable as error:
            raise CommandError(str(error), returncode=EXIT_USAGE) from error
        except LockHeld:
            raise CommandError("An import or a scoring is running; nothing was done.", returncode=EXIT_BUSY) from None
        except Error as error:
            what = str(error).strip().split("\n")[0]
            raise CommandError(f"The database cannot be used: {what}", returncode=EXIT_FAILED) from error
        if erasure.state != Erasure.State.DONE:
            raise CommandError(
                f"Erased from the database: {erasure_summary(erasure.counts)}. Archived files could not be written; "
                "the next nightly or expire redacts them.",
                returncode=EXIT_FAILED,
            )
        self.stdout.write(
            f"Erased: {erasure_summary(erasure.counts)}. Backups and exports written before still have the customer."
        )


def _answer() -> str:
    try:
        return input("Type the id to go on: ").strip()
    except EOFError:
        return ""

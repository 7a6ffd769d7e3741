"""``manage.py restore``: fill the database from a backup."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.db import Error, IntegrityError, transaction

from customers.erasure import erase
from customers.jobs.commands import AuditedCommand
from customers.jobs.lock import LockHeld, job_lock
from rsolv_cs.operations import backups

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_BUSY = 75


class Command(AuditedCommand):
    """Translates a file to ``backups.fill``."""

    help = (
        "Fill the database from a backup, wholly or not at all, and compare what came out with what was backed up, "
        "table by table. A database without rows gets the tables that it lacks first. Stop the web server before you "
        "replace what it works on. Customers who were erased here since then are erased again. "
        "Exit code: 0 restored and compared, 1 the file or the database cannot be used, 2 usage: the database has "
        "data and --replace is not given, 75 an import is running."
    )

    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the argument and the option."""
        parser.add_argument("file", type=Path, help="what `backup` wrote")
        parser.add_argument(
            "--replace", action="store_true", help="also where the database has data, which is then gone"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Fill the database; the last line is a summary."""
        try:
            backups.read_manifest(options["file"])
            backups.migrate_empty()
            if pending := backups.pending():
                raise CommandError(
                    f"The database has not had {len(pending)} migrations of this version, {pending[0]} the first. "
                    "Run `migrate`, or restore into an empty database.",
                    returncode=EXIT_USAGE,
                )
            with job_lock("import"), job_lock("score"):
                if not options["replace"] and not backups.is_empty():
                    raise CommandError(
                        "The database has data. Back it up, then say --replace to have it replaced.",
                        returncode=EXIT_USAGE,
                    )
                with transaction.atomic():
                    erasures = erase.remembered_erasures()
                    manifest = backups.fill(options["file"])
                    again = erase.erase_again(erasures)
                erase.complete()
        except LockHeld:
            raise CommandError("An import or a scoring is running; nothing was done.", returncode=EXIT_BUSY) from None
        except backups.Unusable as error:
            raise CommandError(f"{error} Nothing was changed.", returncode=EXIT_FAILED) from error
        except IntegrityError as error:
            what = str(error).strip().split("\n")[0]
            raise CommandError(
                f"{options['file']}: its tables contradict one another ({what}); take another backup. "
                "Nothing was changed.",
                returncode=EXIT_FAILED,
            ) from error
        except Error as error:
            what = str(error).strip().split("\n")[0]
            raise CommandError(f"The database cannot be used: {what}", returncode=EXIT_FAILED) from error
        rows = sum(table["rows"] for table in manifest["tables"].values())
        self.stdout.write(
            f"Restored {rows} rows of {len(manifest['tables'])} tables, as they were at {manifest['made_at']}; "
            "every table has the hash that was backed up." + _erased_again(again)
        )


def _erased_again(number: int) -> str:
    if not number:
        return ""
    who = "customer who was erased since was" if number == 1 else "customers who were erased since were"
    return f" {number} {who} in it, and {'is' if number == 1 else 'are'} erased again."

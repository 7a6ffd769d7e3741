"""``manage.py restore``: fill the database from a backup."""

from argparse import ArgumentParser
from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.db import IntegrityError, transaction

from analytics.wording import moment_in_words
from customers.core.database_errors import first_line
from customers.erasure import erase
from customers.jobs.commands import AuditedCommand, usage_error
from customers.jobs.lock import job_lock
from rsolv_cs.operations import backups


class Command(AuditedCommand):
    """Translates a file to ``backups.fill``."""

    help = (
        "Fill the database from a backup, wholly or not at all, and compare what came out with what was backed up, "
        "table by table. A database without rows gets the tables that it lacks first. A database without tables also "
        "takes a backup of an older version, and is then migrated. Stop the web server before you replace what it "
        "works on. Customers who were erased here since then are erased again. "
        "Exit code: 0 restored and compared, 1 the file or the database cannot be used, 2 usage: the database has "
        "data and --replace is not given, 75 an import is running."
    )

    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="what `backup` wrote")
        parser.add_argument(
            "--replace", action="store_true", help="also where the database has data, which is then gone"
        )

    def handle(self, *, file: Path, replace: bool, **options: object) -> None:
        try:
            if backups.is_older(backups.read_manifest(file)):
                self._say(backups.fill_as_older(file), " It is of an older version, and is migrated.")
                return
            backups.migrate_empty()
            if pending := backups.pending_migrations():
                raise usage_error(
                    f"The database has not had {len(pending)} migrations of this version, {pending[0]} the first. "
                    "Run `migrate`, or restore into an empty database."
                )
            with job_lock("import"), job_lock("score"):
                if not replace and not backups.is_empty():
                    raise usage_error("The database has data. Back it up, then say --replace to have it replaced.")
                with transaction.atomic():
                    erasures = erase.remembered_erasures()
                    manifest = backups.fill(file)
                    again = erase.erase_again(erasures)
                erase.complete()
        except backups.Unusable as error:
            raise CommandError(f"{error} Nothing was changed.") from error
        except IntegrityError as error:
            raise CommandError(
                f"{file}: its tables contradict one another ({first_line(error)}); take another backup. "
                "Nothing was changed."
            ) from error
        self._say(manifest, _erased_again(again))

    def _say(self, manifest: dict[str, Any], more: str) -> None:
        made_at = moment_in_words(datetime.fromisoformat(manifest["made_at"]))
        rows = sum(table["rows"] for table in manifest["tables"].values())
        self.stdout.write(
            f"Restored {rows:,} rows of {len(manifest['tables'])} tables, as they were on {made_at}; "
            f"every table has the hash that was backed up.{more}"
        )


def _erased_again(number: int) -> str:
    if not number:
        return ""
    who = "customer who was erased since was" if number == 1 else "customers who were erased since were"
    return f" {number} {who} in it, and {'is' if number == 1 else 'are'} erased again."

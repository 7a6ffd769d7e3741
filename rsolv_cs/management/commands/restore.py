"""``manage.py restore``: fill the database from a backup."""

from argparse import ArgumentParser
from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext, gettext_lazy

from customers.core.database_errors import first_line
from customers.core.storage import areas
from customers.erasure import erase
from customers.jobs.commands import AuditedCommand, usage_error
from customers.jobs.lock import job_lock
from customers.text.say import in_english, say, say_n
from rsolv_cs.operations import backups


class Command(AuditedCommand):
    """Translates a file to ``backups.fill``."""

    about = gettext_lazy(
        "Fill the database from a backup, wholly or not at all, and compare what came out with what was backed up, "
        "table by table. A database without rows gets the tables that it lacks first. A database without tables also "
        "takes a backup of an older version, and is then migrated. Stop the web server before you replace what it "
        "works on. Customers who were erased here since then are erased again. "
        "Exit code: 0 restored and compared, 1 the file or the database cannot be used, 2 usage: the database has "
        "data and --replace is not given, 75 an import is running."
    )

    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help=gettext("what `backup` wrote"))
        parser.add_argument(
            "--replace", action="store_true", help=gettext("also where the database has data, which is then gone")
        )

    def handle(self, *, file: Path, replace: bool, **options: object) -> None:
        try:
            if backups.is_older(backups.read_manifest(file)):
                self._say(backups.fill_as_older(file), gettext("It is of an older version, and is migrated."))
                return
            backups.migrate_empty()
            if pending := backups.pending_migrations():
                raise usage_error(
                    say_n(
                        "The database has not had {number} migration of this version, {first}. Run `migrate`, or "
                        "restore into an empty database.",
                        "The database has not had {number} migrations of this version, {first} the first. Run "
                        "`migrate`, or restore into an empty database.",
                        len(pending),
                        first=pending[0],
                    )
                )
            with job_lock("import"), job_lock("score"):
                if not replace and not backups.is_empty():
                    raise usage_error(
                        gettext("The database has data. Back it up, then say --replace to have it replaced.")
                    )
                with in_english(), transaction.atomic():  # What an erasure keeps of itself is stored.
                    erasures = erase.remembered_erasures()
                    manifest = backups.fill(file)
                    again = erase.erase_again(erasures)
                erase.complete()
        except backups.Unusable as error:
            raise CommandError(say("{why} Nothing was changed.", why=str(error))) from error
        except IntegrityError as error:
            raise CommandError(
                say(
                    "{file}: its tables contradict one another ({why}); take another backup. Nothing was changed.",
                    file=str(file),
                    why=first_line(error),
                )
            ) from error
        self._say(manifest, _erased_again(again))

    def _say(self, manifest: dict[str, Any], more: str) -> None:
        rows = sum(table["rows"] for table in manifest["tables"].values())
        where = areas.archive().label()
        self.stdout.write(say("Imported files are in no backup: they are looked for in {place}.", place=where))
        done = say(
            "Restored {rows} rows of {tables} tables, as they were on {moment}; every table has the hash that was "
            "backed up.",
            rows=rows,
            tables=len(manifest["tables"]),
            moment=datetime.fromisoformat(manifest["made_at"]),
        )
        self.stdout.write(f"{done} {more}".strip())


def _erased_again(number: int) -> str:
    if not number:
        return ""
    return say_n(
        "{number} customer who was erased since was in it, and is erased again.",
        "{number} customers who were erased since were in it, and are erased again.",
        number,
    )

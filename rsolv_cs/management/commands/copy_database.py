"""``manage.py copy_database``: move to another database, such as from SQLite to PostgreSQL."""

import os
import subprocess
import sys
from argparse import ArgumentParser
from pathlib import Path

from django.conf import settings
from django.core.management.base import CommandError
from django.utils.translation import gettext, gettext_lazy

from customers.core.leftovers import COPIED, private_folder, remove_leftovers
from customers.inbox.store import collect
from customers.jobs.commands import AuditedCommand, usage_error
from customers.jobs.lock import job_lock
from rsolv_cs.operations import backups


class Command(AuditedCommand):
    """A backup of this database, restored to another one by the ``restore`` command in a process of its own."""

    busy = gettext_lazy("An import is running; nothing was done.")
    secret = frozenset({"url"})
    about = gettext_lazy(
        "Copy all rows to an empty database, which gets its tables first, and compare the two by the hash of each "
        "table. Stop the web server before, and set DATABASE_URL to the new one after. "
        "Exit code: 0 copied and compared, 1 it failed and the other database has no rows, 2 usage: the other "
        "database has data, 75 an import is running."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "url",
            help=gettext(
                "the other database, as DATABASE_URL would name it; the password may stand in ~/.pgpass instead"
            ),
        )

    def handle(self, *, url: str, **options: object) -> None:
        if url == settings.DATABASE_URL:
            raise usage_error(gettext("That is the database that you are on."))
        try:
            with job_lock("import"), private_folder(_folder()) as folder:
                # What waits in files beside this database would stay behind.
                collect()
                file = folder / COPIED
                backups.write(file)
                code = _restore(file, url)
        except OSError as error:
            raise CommandError(f"{error.filename}: {error.strerror or error}") from error
        if code:
            sys.exit(code)
        self.stdout.write(
            gettext("The other database has the same rows. Set DATABASE_URL to it, and start the web server again.")
        )


def _folder() -> Path:
    """Where there is room for a backup, and no other user looks."""
    folder = Path(settings.BACKUP_DIR)
    folder.mkdir(parents=True, exist_ok=True)
    remove_leftovers(folder)
    return folder


def _restore(file: Path, url: str) -> int:
    done = subprocess.run(  # noqa: S603 - our own command, no shell
        [sys.executable, settings.BASE_DIR / "manage.py", "restore", file],
        env={**os.environ, "DATABASE_URL": url},
        stdin=subprocess.DEVNULL,
        check=False,
    )
    return done.returncode

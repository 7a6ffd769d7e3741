"""``manage.py backup``: write all rows of the database to one file."""

from argparse import ArgumentParser
from pathlib import Path

from django.conf import settings
from django.core.management.base import CommandError
from django.utils import timezone
from django.utils.translation import gettext, gettext_lazy

from customers.core.files import is_file
from customers.core.leftovers import BACKUP, remove_leftovers
from customers.core.storage import areas
from customers.jobs.commands import AuditedCommand, usage_error
from customers.text.say import say, say_n
from customers.text.written import decimals
from rsolv_cs.operations import backups

NAME = BACKUP + "{}.zip"


class Command(AuditedCommand):
    """Translates a folder to ``backups.write``, and removes the oldest ones there."""

    about = gettext_lazy(
        "Write all rows of the database, as they are at one moment, to rsolv-backup-<time>.zip, from which `restore` "
        "fills a database of either kind. Sessions are left out, and so are files: the archive of imports is to be "
        "copied beside it. Exit code: 0 written, 1 it failed and nothing was removed, 2 usage."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--out", type=Path, default=settings.BACKUP_DIR, help=gettext("where to (default: BACKUP_DIR)")
        )
        parser.add_argument(
            "--keep",
            type=int,
            metavar="N",
            help=gettext("afterwards remove all but the N newest backups there (default: none)"),
        )

    def handle(self, *, out: Path, keep: int | None, **options: object) -> None:
        if keep is not None and keep < 1:
            raise usage_error(gettext("--keep must be 1 or more."))
        path = out / NAME.format(timezone.now().strftime("%Y%m%d-%H%M%S-%f"))
        try:
            manifest = backups.write(path)
            remove_leftovers(out)
            removed = _remove_all_but(keep, out) if keep else 0
        except OSError as error:
            raise CommandError(f"{error.filename or out}: {error.strerror or error}") from error
        if removed:
            self.stdout.write(say_n("Removed {number} older backup.", "Removed {number} older backups.", removed))
        rows = sum(table["rows"] for table in manifest["tables"].values())
        size = in_words(path.stat().st_size)
        self.stdout.write(
            say(
                "{rows} rows of {tables} tables are in {path} ({size}).",
                rows=rows,
                tables=len(manifest["tables"]),
                path=str(path),
                size=size,
            )
        )
        where = areas.archive().label()
        self.stdout.write(say("Not in it: the imported files in {place}, exports, uploads that wait.", place=where))


def in_words(size: int) -> str:
    """A number of bytes for people: in kB below a MB, rounded up."""
    return f"{decimals(size / 2**20, 1)} MB" if size >= 2**20 else f"{-(-size // 1024)} kB"


def _remove_all_but(keep: int, folder: Path) -> int:
    """Remove older backups; return how many. Their names sort by time."""
    older = sorted(filter(is_file, folder.glob(NAME.format("*"))))[:-keep]
    for path in older:
        path.unlink()
    return len(older)

"""``manage.py undo_import``: put the data back as they were before a run."""

import sys
from argparse import ArgumentParser

from customers.audit.trail import user_name
from customers.jobs.commands import EXIT_FAILED, AuditedCommand, usage_error
from customers.models import ImportRun
from customers.runs.undo import NotUndoable, undo, undo_summary

SHOWN_ROWS = 20


class Command(AuditedCommand):
    """Translates a run's number to ``undo``, and the undo to text."""

    busy = "An import is running; nothing was done."
    help = (
        "Undo an import: rows that it created go, rows that it changed become what they were. Rows changed since, and "
        "customers whom others need, are left and listed. An undo is a run too and can itself be undone. "
        "Exit code: 0 undone, 1 it failed, 2 usage: no such run, or one that cannot be undone, "
        "75 an import is running."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("run", type=int, help="the run's number, as the list of import runs has it")

    def handle(self, *, run: int, **options: object) -> None:
        try:
            undone = ImportRun.objects.get(pk=run)
            undoing = undo(undone, user_name())
        except (ImportRun.DoesNotExist, OverflowError):
            raise usage_error(f"There is no run {run}.") from None
        except NotUndoable as error:
            raise usage_error(str(error)) from error
        if undoing.status != ImportRun.Status.LOADED:
            self.stdout.write(f"Run {run} was not undone: {undoing.reason}")
            sys.exit(EXIT_FAILED)
        left = undoing.changes.left()
        for change in left[:SHOWN_ROWS]:
            self.stdout.write(f"  left: {change.model} {change.key}: {change.reason}")
        if undoing.unchanged > SHOWN_ROWS:
            self.stdout.write(f"  and {undoing.unchanged - SHOWN_ROWS:,} more")
        self.stdout.write(f"Run {run} ({undone.file}) is undone by run {undoing.pk}: {undo_summary(undoing)}.")

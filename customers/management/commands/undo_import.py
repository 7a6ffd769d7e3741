"""``manage.py undo_import``: put the data back as they were before a run."""

import sys
from argparse import ArgumentParser

from django.utils.translation import gettext, gettext_lazy

from customers.audit.trail import user_name
from customers.jobs.commands import EXIT_FAILED, AuditedCommand, usage_error
from customers.models import ImportRun
from customers.runs.undo import NotUndoable, undo, undo_summary
from customers.text.say import say

SHOWN_ROWS = 20


class Command(AuditedCommand):
    """Translates a run's number to ``undo``, and the undo to text."""

    busy = gettext_lazy("An import is running; nothing was done.")
    about = gettext_lazy(
        "Undo an import: rows that it created go, rows that it changed become what they were. Rows changed since, and "
        "customers whom others need, are left and listed. An undo is a run too and can itself be undone. "
        "Exit code: 0 undone, 1 it failed, 2 usage: no such run, or one that cannot be undone, "
        "75 an import is running."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("run", type=int, help=gettext("the run's number, as the list of import runs has it"))

    def handle(self, *, run: int, **options: object) -> None:
        try:
            undone = ImportRun.objects.get(pk=run)
            undoing = undo(undone, user_name())
        except (ImportRun.DoesNotExist, OverflowError):
            raise usage_error(say("There is no run {run}.", run=str(run))) from None
        except NotUndoable as error:
            raise usage_error(str(error)) from error
        if undoing.status != ImportRun.Status.LOADED:
            self.stdout.write(say("Run {run} was not undone: {why}", run=str(run), why=undoing.reason))
            sys.exit(EXIT_FAILED)
        left = undoing.changes.left()
        for change in left[:SHOWN_ROWS]:
            row = f"{change.model} {change.key}"
            self.stdout.write(say("  left: {row}: {why}", row=row, why=change.reason))
        if undoing.unchanged > SHOWN_ROWS:
            self.stdout.write(say("  and {number} more", number=undoing.unchanged - SHOWN_ROWS))
        self.stdout.write(
            say(
                "Run {run} ({file}) is undone by run {undo}: {counts}.",
                run=str(run),
                file=undone.file,
                undo=str(undoing.pk),
                counts=undo_summary(undoing),
            )
        )

"""Commands of an operator, with an audit entry each: who ran it, with which options, how it ended."""

import logging
import os
import sys
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import ClassVar, TextIO

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error, connection, transaction
from django.utils.translation import gettext_lazy, override

from customers.audit import trail
from customers.audit.trail import Actor, user_name
from customers.core.database_errors import first_line, is_unavailable
from customers.core.signals import command_done
from customers.jobs import argparse_words
from customers.jobs.lock import LockHeld, LockLost, job_lock
from customers.jobs.schema import lacking
from customers.text.say import Words, english, say, say_n

logger = logging.getLogger(__name__)

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_BUSY = 75
_NOTHING_DONE = {EXIT_USAGE, EXIT_BUSY}


def usage_error(message: Words) -> CommandError:
    """Say that the command cannot do what it is asked for, and has done nothing."""
    return CommandError(str(message), returncode=EXIT_USAGE)


class Unbreakable:
    """Output to a pipe or a file that may break: the command goes on, and its exit code is true."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def write(self, text: str) -> None:
        """Write, or from the first failure on do nothing."""
        try:
            self._out.write(text)
            self._out.flush()
        except OSError:
            # What the stream still holds would otherwise fail once more at the end of the process.
            with suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), self._out.fileno())

    def __getattr__(self, name: str) -> object:
        return getattr(self._out, name)


class SpokenCommand(BaseCommand):
    """A command that speaks to its operator in the first of ``LANGUAGES``; what it works on is said in English."""

    about: ClassVar[Words] = ""
    """What the help says of the command."""

    def run_from_argv(self, argv: list[str]) -> None:
        """Run the command for a command line."""
        with override(settings.OFFERED_LANGUAGES[0]), argparse_words.speaking():
            super().run_from_argv(argv)

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: object) -> CommandParser:
        """Return the parser, whose help says what the command is about."""
        self.help = str(self.about)
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        argparse_words.translate_options(parser)
        return parser


class AuditedCommand(SpokenCommand):
    """A command whose runs are in the audit, unless it has done nothing; so is who did what it does.

    It ends with ``EXIT_BUSY`` where another process has the lock that it needs, and with ``EXIT_FAILED`` where the
    database cannot be used.
    """

    busy: ClassVar[Words] = gettext_lazy("An import or a scoring is running; nothing was done.")
    """What is said where another process has the lock."""
    had_nothing_to_do = False
    """Set by a run of every hour or minute that found nothing to do: it leaves no entry, and nobody is told of it."""
    secret: ClassVar[frozenset[str]] = frozenset()
    """Arguments whose values are not to be seen."""
    requires_migrations_checks = True

    def execute(
        self, *args: object, stdout: TextIO | None = None, stderr: TextIO | None = None, **options: object
    ) -> str | None:
        """Run the command, and record how it ended."""
        name, code = self.name, EXIT_FAILED
        actor = Actor(user_name(), english(f"manage.py {name}"))
        options["stdout"], options["stderr"] = Unbreakable(stdout or sys.stdout), Unbreakable(stderr or sys.stderr)
        with trail.acting(actor):
            try:
                said = self._execute(*args, **options)
                code = 0
                return said
            except CommandError as error:
                code = error.returncode
                raise
            except SystemExit as stopped:
                code = stopped.code if isinstance(stopped.code, int) else EXIT_FAILED
                raise
            finally:
                if code not in _NOTHING_DONE and not options.get("dry_run") and not self.had_nothing_to_do:
                    self._record(name, code, options)
                if code == 0 and not options.get("dry_run") and not self.had_nothing_to_do:
                    self._tell(name)

    def _execute(self, *args: object, **options: object) -> str | None:
        try:
            return super().execute(*args, **options)
        except LockLost as lost:
            raise CommandError(str(lost)) from lost
        except LockHeld:
            raise CommandError(str(self.busy), returncode=EXIT_BUSY) from None
        except Error as error:
            if not is_unavailable(error):
                logger.exception("%s failed", self.name)
            raise CommandError(say("The database cannot be used: {error}", error=first_line(error))) from error

    def check_migrations(self) -> None:
        """Refuse to work without the tables, where each query would fail in words of the database."""
        try:
            if not (more := len(lacking())):
                return
            with job_lock("import", shared=True):
                pass
        except (Error, OSError, LockHeld):
            # That it cannot be reached, or is being filled, the command says itself.
            return
        raise CommandError(
            say_n(
                "The database lacks {number} migration of this version: run `manage.py migrate`, then `{command}` "
                "again.",
                "The database lacks {number} migrations of this version: run `manage.py migrate`, then `{command}` "
                "again.",
                more,
                command=self.name,
            )
        )

    @property
    def name(self) -> str:
        """Return what the command is called."""
        return type(self).__module__.rpartition(".")[2]

    def _record(self, name: str, code: int, options: dict[str, object]) -> None:
        """Record the command in the audit; a database that cannot be written does not change how it ended."""
        given = [f"{key}: {self._word(key, options[key])}" for key in sorted(options) if _is_said(key, options[key])]
        try:
            with transaction.atomic():
                trail.record(trail.Action.COMMAND, name, detail="\n".join([english(f"exit code {code}"), *given]))
        except Error:
            if code == 0:
                logger.exception("%s is not in the audit", name)

    def _tell(self, name: str) -> None:
        """Send ``command_done``; what a listener breaks does not change how the command ended."""
        for _listener, answer in command_done.send_robust(sender=type(self), name=name):
            if isinstance(answer, Error):
                connection.close_if_unusable_or_obsolete()

    def _word(self, key: str, value: object) -> str:
        if key in self.secret:
            return trail.HIDDEN
        return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _is_said(key: str, value: object) -> bool:
    return (
        key not in argparse_words.OF_DJANGO
        and value is not False
        and isinstance(value, int | str | date | Path | list)
    )

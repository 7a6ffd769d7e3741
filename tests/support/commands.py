"""Runs management commands, in this process or in one of their own, and holds their locks from elsewhere."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import StringIO
from typing import Any

from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection

from customers.jobs.lock import job_lock

SECONDS = 240


@dataclass(frozen=True)
class Ran:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        """The lines of its standard output."""
        return self.out.splitlines()


def run(command: str, *arguments: Any) -> Ran:
    """Run a command in this process and on the test's database."""
    out, err, code = StringIO(), StringIO(), 0
    try:
        call_command(command, *map(str, arguments), stdout=out, stderr=err)
    except CommandError as error:
        code = error.returncode
        err.write(f"{error}\n")
    except SystemExit as stopped:
        code = stopped.code
    return Ran(code, out.getvalue(), err.getvalue())


def python(*arguments: Any, **environment: Any) -> Ran:
    """Run our Python in the project's folder with nothing of this process' environment but what it needs to start."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-W", "error", *map(str, arguments)],
        cwd=settings.BASE_DIR,
        env={
            **kept,
            "ARCHIVE_DIR": str(settings.ARCHIVE_DIR),
            "UPLOAD_DIR": str(settings.UPLOAD_DIR),
            **{name: str(value) for name, value in environment.items()},
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


@contextmanager
def held_elsewhere(job: str, *, shared: bool = False) -> Iterator[None]:
    """Somebody else, with a database session of their own, holds a job's lock."""
    holding, done = threading.Event(), threading.Event()

    def hold() -> None:
        try:
            with job_lock(job, shared=shared):
                holding.set()
                done.wait(SECONDS)
        finally:
            connection.close()

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        assert holding.wait(SECONDS)
        yield
    finally:
        done.set()
        thread.join()

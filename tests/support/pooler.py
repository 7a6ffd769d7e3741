"""PgBouncer in transaction mode before the tests' PostgreSQL, from Debian's package where that is installed."""

import os
import pwd
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from tests.support.mails import free_port

PROGRAM = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")


def knows_prepared_statements() -> bool:
    """Whether this version can pass them on, as those from 1.21 can."""
    assert PROGRAM
    said = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True, check=True).stdout
    version = re.search(r"(\d+)\.(\d+)", said)
    assert version
    return tuple(map(int, version.groups())) >= (1, 21)


class Pooler:
    """A pooler before the server of a URL: each transaction gets the next one of its sessions."""

    def __init__(self, server: str, folder: Path, max_prepared_statements: int) -> None:
        parts, self._port = urlsplit(server), free_port()
        self.url = parts._replace(netloc=f"{parts.username or 'postgres'}@127.0.0.1:{self._port}").geturl()
        self._folder, self._how = folder, {}
        (folder / "pgbouncer.ini").write_text(self._configuration(parts, max_prepared_statements))
        if os.geteuid() == 0:
            # Like PostgreSQL, it refuses to run as root.
            nobody = pwd.getpwnam("nobody")
            os.chown(folder, nobody.pw_uid, nobody.pw_gid)
            self._how = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}

    def _configuration(self, parts: SplitResult, max_prepared_statements: int) -> str:
        server = {
            "host": unquote(parts.hostname or ""),
            "port": parts.port or 5432,
            "user": parts.username or "postgres",
            "password": unquote(parts.password or ""),
            "connect_query": "'SET jit = off'",
        }
        settings = {
            "listen_addr": "127.0.0.1",
            "listen_port": self._port,
            "unix_socket_dir": "",
            "auth_type": "any",
            "pool_mode": "transaction",
            "server_round_robin": 1,
            "min_pool_size": 4,
            "default_pool_size": 8,
            # A server that is restarted is asked again soon.
            "server_login_retry": 1,
        }
        if knows_prepared_statements():
            settings["max_prepared_statements"] = max_prepared_statements
        return (
            "[databases]\n* = "
            + " ".join(f"{key}={value}" for key, value in server.items() if value)
            + "\n[pgbouncer]\n"
            + "".join(f"{key} = {value}\n" for key, value in settings.items())
        )

    def start(self) -> None:
        """Begin to take connections."""
        assert PROGRAM
        log = self._folder / "log"
        with log.open("w") as written:
            self._process = subprocess.Popen(
                [PROGRAM, self._folder / "pgbouncer.ini"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=written,
                **self._how,
            )
        for _ in range(200):
            if "process up" in log.read_text():
                return
            if self._process.poll() is not None:
                break
            time.sleep(0.05)
        raise RuntimeError(f"the pooler did not start:\n{log.read_text()}")

    def kill(self) -> None:
        """Be gone at once, and all connections with it."""
        self._process.kill()
        self._process.wait()


@contextmanager
def pooler(server: str, max_prepared_statements: int = 0) -> Iterator[Pooler]:
    """A pooler that runs, before the server of a URL."""
    with tempfile.TemporaryDirectory(prefix="rsolv-pooler-") as name:
        found = Pooler(server, Path(name), max_prepared_statements)
        found.start()
        try:
            yield found
        finally:
            found.kill()

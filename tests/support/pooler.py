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
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

import pytest

from customers.core.sql import is_postgres
from tests.support.mails import free_port
from tests.support.processes import database_url
from tests.support.serving import SECRET_KEY

PROGRAM = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")


def knows_prepared_statements() -> bool:
    """Whether this version can pass them on, as those from 1.21 can."""
    assert PROGRAM
    said = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True, check=True).stdout
    version = re.search(r"(\d+)\.(\d+)", said)
    assert version
    return tuple(map(int, version.groups())) >= (1, 21)


def _configuration(parts: SplitResult, port: int, max_prepared_statements: int) -> str:
    server = {
        "host": unquote(parts.hostname or ""),
        "port": parts.port or 5432,
        "user": parts.username or "postgres",
        "password": unquote(parts.password or ""),
    }
    settings = {
        "listen_addr": "127.0.0.1",
        "listen_port": port,
        "unix_socket_dir": "",
        "auth_type": "any",
        "pool_mode": "transaction",
        "server_round_robin": 1,
        "min_pool_size": 4,
        "default_pool_size": 8,
    }
    if knows_prepared_statements():
        settings["max_prepared_statements"] = max_prepared_statements
    return (
        "[databases]\n* = "
        + " ".join(f"{key}={value}" for key, value in server.items() if value)
        + "\n[pgbouncer]\n"
        + "".join(f"{key} = {value}\n" for key, value in settings.items())
    )


@contextmanager
def pooler(url: str, max_prepared_statements: int) -> Iterator[str]:
    """The URL of a pooler before the database of ``url``: each transaction gets the next one of its sessions."""
    assert PROGRAM
    parts, port = urlsplit(url), free_port()
    how: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL}
    with tempfile.TemporaryDirectory(prefix="rsolv-pooler-") as name:
        folder = Path(name)
        (folder / "pgbouncer.ini").write_text(_configuration(parts, port, max_prepared_statements))
        if os.geteuid() == 0:
            # Like PostgreSQL, it refuses to run as root.
            nobody = pwd.getpwnam("nobody")
            os.chown(folder, nobody.pw_uid, nobody.pw_gid)
            how |= {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        with (
            (folder / "log").open("w") as log,
            subprocess.Popen([PROGRAM, folder / "pgbouncer.ini"], stderr=log, **how) as process,
        ):
            try:
                _wait_for(process, folder / "log")
                yield parts._replace(netloc=f"{parts.username or 'postgres'}@127.0.0.1:{port}").geturl()
            finally:
                process.terminate()


def _wait_for(process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(200):
        if "process up" in log.read_text():
            return
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise RuntimeError(f"the pooler did not start:\n{log.read_text()}")


@pytest.fixture(params=[0, 200])
def pooled(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of the test's database by way of a pooler, with and without prepared statements of its own."""
    if not is_postgres():
        pytest.skip("SQLite has no pooler")
    if PROGRAM is None and os.environ.get("REQUIRE_POOLER") != "1":
        pytest.skip("pgbouncer is not installed")
    if request.param and not knows_prepared_statements():
        pytest.skip("this version of pgbouncer knows no prepared statements")
    with pooler(database_url(tmp_path), request.param) as url:
        yield url


def surroundings(**more: str) -> dict[str, str]:
    """Not as under DEBUG, where queries are logged and so never prepared."""
    return {"DEBUG": "", "SECRET_KEY": SECRET_KEY, "DATABASE_POOLER": "1", **more}

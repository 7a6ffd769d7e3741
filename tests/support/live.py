"""The pages and their sockets, as ``make run`` serves them: a web server, and the process that keeps the sockets."""

import asyncio
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.support.mails import free_port
from tests.support.processes import environment

SECONDS = 120
WEB = ["gunicorn", "rsolv_cs.wsgi", "--workers", "1", "--threads", "4", "--no-control-socket"]


def run_alone(work: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine in a thread of its own: a test in a browser leaves its own loop running in this one."""
    with ThreadPoolExecutor(1) as threads:
        return threads.submit(asyncio.run, work).result()


@dataclass
class Site:
    """Where the pages are, and the process that keeps their sockets."""

    port: int
    surroundings: dict[str, str]
    log: Path
    live: subprocess.Popen[bytes] = field(init=False)
    web: subprocess.Popen[bytes] = field(init=False)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def place(self) -> Path:
        return Path(self.surroundings["LIVE_SOCKET"])

    def start_web(self) -> None:
        worker = ["--bind", f"127.0.0.1:{self.port}", "--worker-class", "rsolv_cs.server.BufferedWorker"]
        self.web = self._start("-m", *WEB, *worker)

    def stop_web(self) -> None:
        self.web.terminate()
        self.web.wait(SECONDS)

    def _start(self, *arguments: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, *arguments]
        with self.log.open("a") as log:
            return subprocess.Popen(command, cwd=settings.BASE_DIR, env=self.surroundings, stdout=log, stderr=log)

    def start_live(self) -> None:
        self.live = self._start("manage.py", "live")
        until = time.monotonic() + SECONDS
        while not self.place.is_socket():
            assert time.monotonic() < until, self.log.read_text()
            assert self.live.poll() is None, self.log.read_text()
            time.sleep(0.05)

    def stop_live(self) -> None:
        self.live.send_signal(signal.SIGTERM)
        assert self.live.wait(SECONDS) == 0

    def socket(self, cookies: str = "", origin: str | None = "") -> ClientConnection:
        """A socket as a page of ours asks for it, or one of another origin; None: whatever is no browser."""
        headers = {"Cookie": cookies} if cookies else {}
        return connect(
            f"ws://127.0.0.1:{self.port}{settings.LIVE_PATH}",
            origin=self.url if origin == "" else origin,
            additional_headers=headers,
            proxy=None,
        )


@contextmanager
def serving(url: str, **variables: str) -> Iterator[Site]:
    """The pages of a database, and their sockets."""
    # A short folder, because the path of a Unix socket must be short.
    with tempfile.TemporaryDirectory(prefix="live-") as folder:
        surroundings = environment(url, LIVE="1", LIVE_SOCKET=f"{folder}/s", **variables)
        site = Site(free_port(), surroundings, Path(folder) / "log")
        site.start_web()
        try:
            site.start_live()
            until = time.monotonic() + SECONDS
            while "Booting worker" not in site.log.read_text():
                assert time.monotonic() < until, site.log.read_text()
                time.sleep(0.05)
            yield site
        finally:
            for process in (site.live, site.web):
                process.terminate()
            for process in (site.live, site.web):
                process.wait(SECONDS)


def cookies_of(user: User) -> str:
    """What the browser of somebody who is logged in sends."""
    client = Client(headers={"host": "127.0.0.1"})
    client.force_login(user)
    return "; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items())


def said(socket: ClientConnection, seconds: float) -> list[tuple[float, str]]:
    """What a socket is told in that time, and when."""
    found, until = [], time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        try:
            found.append((time.monotonic(), str(socket.recv(timeout=left))))
        except TimeoutError:
            break
    return found


def closed_with(socket: ClientConnection, seconds: float = 5) -> int | None:
    """The code with which a socket is closed in that time; None where it stays open."""
    try:
        said(socket, seconds)
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else None
    return None

"""The application as ``make serve`` serves it, with its own database and files."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, Request, build_opener

import pytest
from django.conf import settings

from tests.support.mails import free_port

ROOT: Path = settings.BASE_DIR
SECRET_KEY = "Xq7-a-random-key-of-fifty-letters-or-more-for-the-tests-only"


@pytest.fixture(scope="session")
def ready(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Settings with which the application may be served: migrated, and its static files collected."""
    folder = tmp_path_factory.mktemp("ready")
    surroundings = {
        "PATH": os.environ["PATH"],
        "SECRET_KEY": SECRET_KEY,
        "DATABASE_URL": f"sqlite:///{folder}/db.sqlite3",
        "STATIC_DIR": str(folder / "static"),
        "WORKERS": "1",
    }
    for command in (["migrate", "--verbosity", "0"], ["collectstatic", "--noinput", "--verbosity", "0"]):
        subprocess.run([sys.executable, "manage.py", *command], cwd=ROOT, env=surroundings, check=True, timeout=240)
    return surroundings


@contextmanager
def served(folder: Path, settings: dict[str, str]) -> Iterator[int]:
    """The application as ``make serve`` serves it; gives its port."""
    port = free_port()
    surroundings = {**settings, "PORT": str(port)}
    gunicorn = [sys.executable, "-m", "gunicorn", "--config", "deploy/gunicorn.conf.py", "rsolv_cs.wsgi"]
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(gunicorn, cwd=ROOT, env=surroundings, stderr=log, stdout=log)
        try:
            for _ in range(300):
                if "Booting worker" in (folder / "log").read_text():
                    break
                time.sleep(0.1)
            yield port
        finally:
            server.send_signal(signal.SIGTERM)
            assert server.wait(40) == 0


class _Stay(HTTPRedirectHandler):
    def redirect_request(self, *_arguments: object) -> None:
        return None


def ask(port: int, path: str, **headers: str) -> tuple[int, dict[str, str], str]:
    request = Request(f"http://127.0.0.1:{port}{path}", headers={k.replace("_", "-"): v for k, v in headers.items()})
    try:
        with build_opener(_Stay).open(request, timeout=30) as response:
            return response.status, dict(response.headers), response.read().decode()
    except HTTPError as error:
        return error.code, dict(error.headers), error.read().decode()

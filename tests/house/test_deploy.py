"""Production: the documented settings, the server as it really runs, the units and the crontab of ``deploy/``.

What these files name must exist, and what they start must start.
"""

import json
import re
import shlex
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from tests.house.test_docs import variables
from tests.support.commands import Ran, python
from tests.support.deploying import SERVED, commands_in, health_check, is_real
from tests.support.serving import SECRET_KEY, ask, served

ROOT: Path = settings.BASE_DIR
DEPLOY = ROOT / "deploy"
SERVICES = sorted(DEPLOY.glob("*.service"))
UNITS = sorted([*SERVICES, *DEPLOY.glob("*.timer")])


def documented() -> dict[str, str]:
    """The settings of ``environment.example``, as a shell reads them."""
    words = shlex.split((DEPLOY / "environment.example").read_text(), comments=True)
    return dict(word.partition("=")[::2] for word in words)


# --- Settings -----------------------------------------------------------------------------------------------------


def check(**overrides: object) -> Ran:
    surroundings = {**documented(), "SECRET_KEY": SECRET_KEY, **overrides}
    return python("manage.py", "check", "--deploy", "--fail-level", "WARNING", **surroundings)


@pytest.mark.parametrize("database", ["postgres", "sqlite"])
def test_with_the_documented_settings_the_deployment_check_has_nothing_to_say(database: str, tmp_path: Path) -> None:
    url = {"sqlite": {"DATABASE_URL": f"sqlite:///{tmp_path}/db.sqlite3"}, "postgres": {}}[database]
    done = check(**url)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("System check identified no issues")


@pytest.mark.parametrize(
    ("overrides", "complaint"),
    [
        ({"HTTPS": "0"}, "security.W008"),
        ({"HSTS_SECONDS": "0"}, "security.W004"),
        ({"HSTS_SECONDS": "2592000"}, "rsolv_cs.W003"),
        ({"DATABASE_URL": "postgres://a:b@db.example.com/x"}, "rsolv_cs.W004"),
        ({"DATABASE_URL": "postgres://a:b@10.0.0.5/x?sslmode=prefer"}, "rsolv_cs.W004"),
        ({"EMAIL_URL": "smtp://a:b@mail.example.com"}, "rsolv_cs.W005"),
        ({"ALLOWED_HOSTS": "*"}, "rsolv_cs.W001"),
        ({"TRUSTED_PROXIES": "0"}, "rsolv_cs.W002"),
        ({"DEBUG": "1"}, "security.W018"),
    ],
)
def test_it_says_what_is_left_open(overrides: dict[str, str], complaint: str, tmp_path: Path) -> None:
    done = check(**{"DATABASE_URL": f"sqlite:///{tmp_path}/db.sqlite3", **overrides})
    assert done.code == 1
    assert complaint in done.err


@pytest.mark.parametrize(
    ("database", "mail"),
    [
        ("postgres://a:b@db.example.com/x?sslmode=require", "smtp://a:b@mail.example.com/?tls=1"),
        ("postgres://a:b@db.example.com/x?sslmode=verify-full", "smtps://a:b@mail.example.com"),
        ("postgres://a:b@localhost/x", "smtp://localhost"),
        ("postgres://a:b@[::1]/x", "smtp://127.0.0.1:2525"),
        ("postgres://%2Fvar%2Frun%2Fpostgresql/x", ""),
    ],
)
def test_tls_and_what_stays_on_this_machine_is_fine(database: str, mail: str) -> None:
    done = check(DATABASE_URL=database, EMAIL_URL=mail)
    assert (done.code, done.err) == (0, "")


def test_over_https_every_cookie_is_bound_to_this_host(ready: dict[str, str], tmp_path: Path) -> None:
    settings = {**ready, "HTTPS": "1", "TRUSTED_PROXIES": "1", "ALLOWED_HOSTS": "cs.example.com"}
    user = {**settings, "DJANGO_SUPERUSER_PASSWORD": "a long password", "DJANGO_SUPERUSER_EMAIL": "a@b.example"}
    made = python("manage.py", "createsuperuser", "--noinput", "--username", "ada", **user)
    assert made.code == 0
    with served(tmp_path, settings) as port, socket.create_connection(("127.0.0.1", port), timeout=30) as one:
        proxied = b"Host: cs.example.com\r\nX-Forwarded-Proto: https\r\nConnection: close\r\n"
        one.sendall(b"GET /admin/login/ HTTP/1.1\r\n" + proxied + b"\r\n")
        page = _all_of(one)
        [token] = re.findall(rb"Set-Cookie: +(__Host-csrftoken=[^;]+)", page)
        [hidden] = re.findall(rb'name="csrfmiddlewaretoken" value="(\w+)"', page)
        form = b"username=ada&password=a+long+password&next=/admin/&csrfmiddlewaretoken=" + hidden
        head = b"Cookie: " + token + b"\r\nReferer: https://cs.example.com/admin/login/\r\nContent-Length: %d\r\n"
        head += b"Content-Type: application/x-www-form-urlencoded\r\n\r\n"
        with socket.create_connection(("127.0.0.1", port), timeout=30) as two:
            two.sendall(b"POST /admin/login/ HTTP/1.1\r\n" + proxied + head % len(form) + form)
            answer = _all_of(two)
    assert answer.startswith(b"HTTP/1.1 302 ")
    cookies = re.findall(rb"Set-Cookie: +([^=]+)=([^\r]*)", answer)
    assert {name for name, _rest in cookies} >= {b"__Host-sessionid", b"__Host-csrftoken", b"__Host-seen"}
    for name, rest in cookies:
        assert name.startswith(b"__Host-")
        assert {b"Secure", b"Path=/"} <= set(rest.split(b"; "))
        assert b"Domain" not in rest


def _all_of(connection: socket.socket) -> bytes:
    found = b""
    while more := connection.recv(65536):
        found += more
    return found


def test_the_documented_settings_are_settings() -> None:
    assert set(documented()) <= variables()
    assert documented()["SECRET_KEY"] == ""
    assert documented()["HTTPS"] == documented()["TRUSTED_PROXIES"] == "1"


@pytest.mark.parametrize(("https", "trusted"), [("1", "0"), ("1", "1"), ("0", "0")])
def test_what_https_and_a_proxy_turn_on(https: str, trusted: str) -> None:
    names = ["SECURE_SSL_REDIRECT", "SECURE_HSTS_SECONDS", "SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE"]
    show = f"import json, rsolv_cs.settings as s; print(json.dumps([*[getattr(s, n) for n in {names}], " + (
        "hasattr(s, 'SECURE_PROXY_SSL_HEADER')]))"
    )
    done = python("-c", show, SECRET_KEY=SECRET_KEY, HTTPS=https, TRUSTED_PROXIES=trusted, HSTS_SECONDS="31536000")
    on = https == "1"
    assert json.loads(done.out) == [on, 31_536_000 if on else 0, on, on, trusted == "1"]


# --- The server ---------------------------------------------------------------------------------------------------


def test_gunicorn_serves_pages_files_and_health_and_believes_no_stranger(
    ready: dict[str, str], tmp_path: Path
) -> None:
    settings = {**ready, "HTTPS": "1", "ALLOWED_HOSTS": "cs.example.com", "LOG_FORMAT": "json"}
    with served(tmp_path, settings) as port:
        # The first request waits for the worker, which a busy machine starts slowly.
        assert ask(port, "/healthz")[0] == 200
        checked = subprocess.run(health_check(), env={"PORT": str(port)}, capture_output=True, timeout=30)
        assert (checked.returncode, checked.stderr) == (0, b"")
        status, headers, body = ask(port, "/readyz")
        assert (status, json.loads(body)["database"]) == (200, "ok")
        assert "no-store" in headers["Cache-Control"]
        # Whoever connects, from this machine too, is not believed to have come over HTTPS without TRUSTED_PROXIES.
        status, headers, _body = ask(port, "/admin/login/", Host="cs.example.com", X_Forwarded_Proto="https")
        assert (status, headers["Location"]) == (301, "https://cs.example.com/admin/login/")
        assert ask(port, "/admin/login/")[0] == 400
    log = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert {"gunicorn.error", "rsolv_cs.web.requests"} <= {said["logger"] for said in log}
    down = subprocess.run(health_check(), env={"PORT": str(port)}, capture_output=True, timeout=30)
    assert down.returncode != 0


def test_behind_a_proxy_that_is_trusted_the_page_comes_with_its_files(ready: dict[str, str], tmp_path: Path) -> None:
    settings = {**ready, "HTTPS": "1", "TRUSTED_PROXIES": "1", "ALLOWED_HOSTS": "cs.example.com"}
    with served(tmp_path, settings) as port:
        proxy = {"Host": "cs.example.com", "X_Forwarded_Proto": "https"}
        status, headers, page = ask(port, "/admin/login/", **proxy)
        assert status == 200
        assert headers["Strict-Transport-Security"] == "max-age=2592000; includeSubDomains"
        assert "Secure" in headers["Set-Cookie"]
        [style] = re.findall(r'href="(/static/analytics/analytics\.[0-9a-f]{12}\.css)"', page)
        status, headers, _body = ask(port, style, **proxy)
        assert (status, "immutable" in headers["Cache-Control"]) == (200, True)
        assert ask(port, "/admin/login/", Host="cs.example.com")[0] == 301
        assert ask(port, "/x%0aforged", X_Request_ID="abc-1", **proxy)[0] == 404
    [line] = [line for line in (tmp_path / "log").read_text().splitlines() if "forged" in line]
    assert " request=abc-1: method=GET path=/x%0Aforged status=404 user=- ms=" in line


def test_make_serve_neither_debugs_nor_seeds() -> None:
    done = subprocess.run(
        ["make", "--dry-run", "serve", "HOST=0.0.0.0", "PORT=9"], cwd=ROOT, capture_output=True, text=True, timeout=30
    )
    lines = done.stdout
    assert "manage.py live --with-parent & exec" in lines
    assert "gunicorn --config deploy/gunicorn.conf.py rsolv_cs.wsgi" in lines
    assert "collectstatic" in lines
    assert "migrate --check" in lines
    assert " demo" not in lines.replace("-- demo", "")
    assert "serve: export DEBUG = 0" in (ROOT / "Makefile").read_text()


# --- systemd and cron ---------------------------------------------------------------------------------------------


def jobs_of_cron() -> list[str]:
    """The lines of the crontab that start something."""
    lines = (DEPLOY / "crontab").read_text().splitlines()
    return [line for line in lines if "manage.py" in line and not line.startswith("#")]


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_each_unit_starts_what_is_there(unit: Path) -> None:
    text = unit.read_text()
    starts = re.findall(r"^Exec(?:Start|StartPre|Reload)=(\S+) ?(.*)$", text, re.MULTILINE)
    assert bool(starts) == (unit.suffix == ".service")
    for program, rest in starts:
        if program.startswith("/srv/rsolv/.venv/bin/"):
            assert (Path(sys.executable).parent / Path(program).name).exists()
        else:
            assert Path(program).exists()
        for path in re.findall(r"deploy/\S+", rest):
            assert (ROOT / path).exists()
    assert all(is_real(words) for words in commands_in(text))
    if unit.suffix == ".timer":
        assert unit.with_suffix(".service") in SERVICES


@pytest.mark.parametrize("unit", SERVICES, ids=lambda path: path.name)
def test_each_service_is_fenced_in(unit: Path) -> None:
    lines = unit.read_text().splitlines()
    assert {"User=rsolv", "NoNewPrivileges=yes", "ProtectSystem=strict", "PrivateTmp=yes"} <= set(lines)
    assert "ReadWritePaths=/srv/rsolv/var" in lines
    assert "EnvironmentFile=/srv/rsolv/environment" in lines
    assert not [line for line in lines if line.startswith("Environment=")]


@pytest.mark.parametrize("unit", SERVICES, ids=lambda path: path.name)
def test_each_service_has_limits_and_says_when_it_fails(unit: Path) -> None:
    said = dict(line.split("=", 1) for line in unit.read_text().splitlines() if "=" in line and line[0] != "#")
    assert {"MemoryMax", "TasksMax"} <= set(said)
    assert (said["RemoveIPC"], said["ProcSubset"]) == ("yes", "pid")
    if unit.name != "rsolv-failed@.service":
        assert said["OnFailure"] == "rsolv-failed@%n.service"


def test_every_log_of_the_crontab_is_rotated() -> None:
    logs = set(re.findall(r">> (var/\S+)", (DEPLOY / "crontab").read_text()))
    assert logs
    assert all(Path("/srv/rsolv", log).match("/srv/rsolv/var/*.log") for log in logs)
    assert (DEPLOY / "logrotate").read_text().splitlines()[1] == "/srv/rsolv/var/*.log {"


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="there is no systemd here")
def test_systemd_finds_nothing_wrong_with_the_units(tmp_path: Path) -> None:
    folder = str(Path(sys.executable).parent)
    for unit in UNITS:
        text = unit.read_text().replace("/srv/rsolv/.venv/bin", folder).replace("/srv/rsolv", str(ROOT))
        (tmp_path / unit.name).write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *sorted(map(str, tmp_path.iterdir()))],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_crontab_has_the_night_what_comes_more_often_and_the_backup() -> None:
    lines = jobs_of_cron()
    found = [words for line in lines for words in commands_in(line)]
    often = [["send_digests"], ["send_scheduled"], ["ingest"], ["deliver"]]
    assert found == [["nightly"], *often, ["backup", "--keep", "14"]]
    assert all(is_real(words) for words in found)
    assert all("%" not in line for line in lines), "cron takes it for a line break"


def test_what_is_written_is_not_for_everybody_on_the_machine() -> None:
    """The database, archived files and exports have customers' data."""
    assert all("UMask=0027" in unit.read_text().splitlines() for unit in SERVICES)
    assert all("umask 027 && " in job.partition("manage.py")[0] for job in jobs_of_cron())
    assert "umask = 0o027" in (DEPLOY / "gunicorn.conf.py").read_text().splitlines()


def test_a_job_of_the_crontab_reads_the_environment_and_prints_only_when_it_fails(tmp_path: Path) -> None:
    (tmp_path / "var").mkdir()
    (tmp_path / "environment").write_text((DEPLOY / "environment.example").read_text())
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    python = tmp_path / ".venv" / "bin" / "python"
    line = jobs_of_cron()[0]
    job = line.split(maxsplit=5)[5].replace("/srv/rsolv", str(tmp_path))
    for code, printed in ((0, ""), (1, "from RSOLV <cs@example.com>\n" * 2)):
        python.write_text(f'#!/bin/sh\necho "from $DEFAULT_FROM_EMAIL"\nexit {code}\n')
        python.chmod(0o755)
        done = subprocess.run(["/bin/sh", "-c", job], capture_output=True, text=True, timeout=30)
        assert (done.stdout, done.stderr) == (printed, "")


def test_what_the_server_reads_of_the_environment_is_what_is_said() -> None:
    text = (DEPLOY / "gunicorn.conf.py").read_text()
    assert set(re.findall(r"environ\.get\([\"'](\w+)", text)) == SERVED | {"LOG_FORMAT"}

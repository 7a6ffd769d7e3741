"""A database that somebody else holds, or that is gone: what the pages say, and that the text is kept."""

import json
import subprocess
import sys
from typing import Any

import pytest
from django.conf import settings
from django.db import connection

from rsolv_cs.web import busy
from tests.support.processes import environment

BEGIN = """
import json, sys, time
import django
django.setup()
from django.db import connection
from django.test import Client
from rsolv_cs.web import busy
from tests.factories import make_alert, make_customer, make_staff
from customers.models import CustomerCare, Note
from analytics.models import Task
busy.WAIT_MILLISECONDS = 300
from django.conf import settings
settings.DEBUG = False
settings.ALLOWED_HOSTS = ["*"]
said = {}

def ask(name, client, path, data=None, **headers):
    started = time.monotonic()
    headers = {"Sec-Fetch-Site": "same-origin", **headers}
    response = client.post(path, data, headers=headers) if data else client.get(path, headers=headers)
    said[name] = [response.status_code, time.monotonic() - started, response.headers.get("Retry-After"), response.text]
"""
LOCKED = (
    BEGIN
    + """
acme = make_customer(id="acme")
care = CustomerCare.objects.create(customer=acme, notes="Old")
task = Task.objects.create(customer=acme, what="Call", due="2025-05-12")
alert = make_alert(acme)
user = make_staff("Program manager", username="olga", email="olga@rsolv.example")
client, other = Client(raise_request_exception=False), Client(raise_request_exception=False)
client.force_login(user)
client.get("/admin/alerts/")
connection.close()
if connection.vendor == "sqlite":
    import sqlite3
    holder = sqlite3.connect(settings.DATABASES["default"]["NAME"], isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
else:
    holder = connection.copy()
    holder.set_autocommit(False)
    with holder.cursor() as cursor:
        tables = ", ".join(connection.introspection.table_names())
        cursor.execute(f"LOCK TABLE {tables} IN EXCLUSIVE MODE")
    connection.close()
care_form = {"customer": "acme", "owner": "", "notes": "What I found out today", "_save": "Save"}
ask("note", client, "/admin/customer/acme/notes/", {"text": "They will renew, says Ann"})
ask("login", other, "/admin/login/", {"username": "olga", "password": "a long password", "next": "/admin/"})
ask("care", client, f"/admin/customers/customercare/{care.pk}/change/", care_form)
ask("task", client, f"/admin/tasks/{task.pk}/", {"do": "done", "outcome": "solved", "outcome_note": "Ann fixed it"})
ask("alert", client, "/admin/alerts/act/", {"alert": alert.pk, "action": "note", "note": "Asked Ann about it"})
ask("page", client, "/admin/customer/acme/")
holder.rollback()
holder.close()
ask("again", client, "/admin/customer/acme/notes/", {"text": "They will renew, says Ann"})
said["notes"] = list(Note.objects.values_list("text", flat=True))
print(json.dumps(said))
"""
)
GONE = (
    BEGIN
    + """
client = Client(raise_request_exception=False)
client.force_login(make_staff("Program manager"))
connection.close()
gone = {"NAME": "/nowhere/db.sqlite3"} if connection.vendor == "sqlite" else {"HOST": "127.0.0.1", "PORT": "1"}
connection.settings_dict.update(gone)
ask("alive", client, "/healthz")
ask("ready", client, "/readyz")
ask("page", client, "/admin/")
ask("note", client, "/admin/customer/acme/notes/", {"text": "They will renew, says Ann"})
other = Client(raise_request_exception=False)
ask("login", other, "/admin/login/", {"username": "olga", "password": "hunter2-hunter2"})
print(json.dumps(said))
"""
)


def run(script: str, url: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=settings.BASE_DIR,
        env=environment(url, PYTHONWARNINGS="default"),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


def test_while_somebody_else_writes_the_text_is_kept_and_nobody_waits_for_long(migrated_database: str) -> None:
    said = run(LOCKED, migrated_database)
    texts = {
        "note": "They will renew, says Ann",
        "care": "What I found out today",
        "task": "Ann fixed it",
        "alert": "Asked Ann about it",
    }
    for name, text in texts.items():
        status, seconds, retry, page = said[name]
        assert (name, status, retry) == (name, 503, "30")
        assert text in page
        assert "The data are busy" in page
        assert "Send again" in page
        assert seconds < 10, name
    status, _seconds, retry, page = said["login"]
    assert (status, retry) == (503, "30")
    assert "a long password" not in page
    assert "Send again" not in page
    assert 'href="/admin/login/"' in page
    assert said["page"][0] == 200
    assert said["again"][0] == 302
    assert said["notes"] == ["They will renew, says Ann"]


def test_while_the_database_is_gone_health_answers_and_pages_say_so(migrated_database: str) -> None:
    said = run(GONE, migrated_database)
    assert said["alive"][0] == 200, "with a session's cookie, too"
    assert said["ready"][0] == 503
    assert json.loads(said["ready"][3])["database"] == "failing"
    for name in ("page", "note", "login"):
        status, _seconds, retry, page = said[name]
        assert (name, status, retry) == (name, 503, "30")
        assert "The database cannot be reached" in page
    assert "They will renew, says Ann" in said["note"][3]
    assert "hunter2" not in said["login"][3]


@pytest.mark.django_db
def test_a_page_waits_five_seconds_and_a_command_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    class Cursor:
        def __enter__(self) -> "Cursor":
            return self

        def __exit__(self, *_what: object) -> None:
            return None

        def execute(self, sql: str) -> None:
            asked.append(sql)

    monkeypatch.setattr(connection, "cursor", Cursor)
    busy.wait_shorter(connection)
    assert asked == []
    with busy.log_context.about(request="x"):
        busy.wait_shorter(connection)
    words = {"sqlite": "PRAGMA busy_timeout = 5000", "postgresql": "SET lock_timeout = 5000"}
    assert asked == [words[connection.vendor]]

"""The audit: what is recorded of each change, from which value to which."""

import hashlib
import json
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from django.contrib.auth.models import Group, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django.fixtures import Settings

from analytics.models import MailTemplate, Message, Report, Task
from customers.audit import trail
from customers.models import AuditEntry, Note, Upload
from customers.runs.undo import undo
from rsolv_cs import roles
from tests.factories import csv_row, make_alert, make_customer, make_staff, write_feeds
from tests.support.audit import HOSTILE, entries, entry_of, newest
from tests.support.commands import run

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_folders")]


def test_a_change_in_the_admin_has_both_values(client: Client, ada: User) -> None:
    template = MailTemplate.objects.get(situation="check_in")
    address = f"/admin/analytics/mailtemplate/{template.pk}/change/"
    sent = {"name": "Hello", "situation": "at_risk", "subject": template.subject, "body": "New", "language": "en"}
    assert client.post(address, sent, REMOTE_ADDR="203.0.113.9").status_code == 302
    entry = newest()
    assert (entry.action, entry.actor, entry.model, entry.key) == (
        "change",
        "ada",
        "analytics.mailtemplate",
        str(template.pk),
    )
    assert entry.changes == {
        "name": [template.name, "Hello"],
        "situation": ["Check-in", "At risk"],
        "text": [template.body, "New"],
        "active": [True, False],
    }
    assert entry.text.startswith(f"active: yes → no\nname: {template.name} → Hello\nsituation: Check-in → At risk\n")
    assert (entry.address, entry.source) == ("203.0.113.9", f"POST {address}")


def test_behind_a_proxy_the_address_is_that_of_the_person(client: Client, ada: User, settings: Settings) -> None:
    settings.TRUSTED_PROXIES = 1
    client.post("/admin/logout/", REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR="6.6.6.6, 2001:db8:1:2:3:4:5:6")
    assert newest().address == "2001:db8:1:2:3:4:5:6"


def test_who_looks_after_a_customer_is_told_by_name(client: Client, ada: User) -> None:
    make_customer(id="c1")
    make_customer(id="c2")
    owner = make_staff("Success manager", username="sofia")
    client.post("/admin/customers/customercare/add/", {"customer": "c1", "owner": owner.pk})
    assert newest().changes["owner"] == [None, "sofia"]
    assert (newest().action, newest().customer) == ("add", "c1")
    sent = {"customer": ["c1", "c2"], "expected": "2", "owner": ada.pk}
    client.post("/admin/assign/", sent)
    found = {entry.customer: entry.changes for entry in entries(action="change", model="customers.customercare")}
    assert found == {"c1": {"owner": ["sofia", "ada"]}, "c2": {"owner": [None, "ada"]}}


def test_a_user_s_rights_and_groups_but_never_the_password() -> None:
    user = make_staff("Viewer", username="vera", password="a long password")
    assert entry_of("rights", model="auth.user", key=str(user.pk)).changes == {"groups": [[], ["Viewer"]]}
    user.groups.set([Group.objects.get(name="Administrator")])
    came, went = entries(action="rights", model="auth.user", key=str(user.pk))[1:]
    assert [came.changes, went.changes] == [{"groups": [["Viewer"], []]}, {"groups": [[], ["Administrator"]]}]
    user.is_superuser = True
    user.set_password("another long password")
    user.save()
    entry = newest()
    assert (entry.action, entry.changes["superuser status"]) == ("rights", [False, True])
    assert entry.changes["password"] == ["hidden", "another, hidden"]
    user.save()
    assert newest() == entry
    everything = json.dumps(list(AuditEntry.objects.values("changes", "text", "subject")))
    assert "md5$" not in everything
    assert "long password" not in everything


def test_lists_are_heard_from_both_sides() -> None:
    vera, group = make_staff(username="vera"), Group.objects.create(name="Team")
    group.user_set.add(vera)
    assert (newest().subject, newest().changes) == ("vera", {"groups": [[], ["Team"]]})
    group.user_set.clear()
    assert (newest().subject, newest().text) == ("vera", "groups: − Team")
    permission = roles.Permission.objects.get(codename="view_customer")
    group.permissions.add(permission)
    assert (newest().action, newest().text) == ("rights", "permissions: + customers.view_customer")
    before = newest()
    group.permissions.add(permission)
    assert newest() == before


def test_who_gets_a_report() -> None:
    ada = make_staff("Administrator", username="ada")
    report = Report.objects.create(name="Weekly", owner=ada)
    report.recipients.set([ada])
    assert (newest().model, newest().changes) == ("analytics.report", {"recipients": [[], ["ada"]]})
    Report.objects.filter(pk=report.pk).update(last_error="x")
    report.refresh_from_db()
    report.last_error = ""
    before = newest()
    report.save()
    assert newest() == before


def test_many_rows_at_once(client: Client, ada: User) -> None:
    first, second = make_alert(make_customer(id="c1")), make_alert(make_customer(id="c2"))
    client.post("/admin/alerts/act/", {"alert": [first.pk, second.pk], "action": "acknowledge"})
    found = entries(model="analytics.alert")
    assert [entry.customer for entry in found] == ["c1", "c2"]
    assert found[0].changes["acknowledged by"] == [None, "ada"]
    assert found[0].request == found[1].request
    # Once more changes nothing.
    client.post("/admin/alerts/act/", {"alert": [first.pk, second.pk], "action": "acknowledge"})
    assert len(entries(model="analytics.alert")) == 2


def test_a_task_from_its_beginning_to_its_end(client: Client, ada: User) -> None:
    make_customer(id="c1")
    sent = {"what": "Call them", "kind": "call", "due": "2030-05-11"}
    client.post("/admin/tasks/new/?customer=c1", sent)
    task = Task.objects.get()
    client.post(f"/admin/tasks/{task.pk}/", {**sent, "do": "change", "due": "2030-05-12"})
    client.post(f"/admin/tasks/{task.pk}/", {"do": "dropped"})
    client.post(f"/admin/tasks/{task.pk}/", {"do": "reopen"})
    added, moved, dropped, opened = entries(model="analytics.task")
    assert (added.action, added.subject, added.customer) == ("add", "Call them", "c1")
    assert moved.changes == {"due": ["2030-05-11", "2030-05-12"]}
    assert dropped.changes["state"] == ["Open", "Canceled"]
    assert opened.changes["state"] == ["Canceled", "Open"]


def test_a_note_and_its_deletion_keep_the_words(client: Client, ada: User) -> None:
    make_customer(id="c1")
    client.post("/admin/customer/c1/notes/", {"text": HOSTILE})
    added = newest()
    assert (added.action, added.customer, added.changes["text"]) == ("add", "c1", [None, HOSTILE])
    client.post(f"/admin/customers/note/{Note.objects.get().pk}/delete/", {"post": "yes"})
    assert (newest().action, newest().changes["text"]) == ("delete", [HOSTILE, None])


def test_logins_and_failures(client: Client) -> None:
    make_staff("Viewer", username="vera", password="a long password")
    sent = {"username": "vera", "password": "a guess", "next": "/admin/"}
    client.post("/admin/login/", sent)
    client.post("/admin/login/", {**sent, "username": "my secret pass phrase"})
    client.post("/admin/login/", {**sent, "username": "ve\0ra"})
    client.post("/admin/login/", {**sent, "password": "a long password"})
    client.post("/admin/logout/")
    failed, unknown, login, logout = entries(action__in=["login", "logout", "login_failed"])
    assert (failed.action, failed.subject, failed.actor) == ("login_failed", "vera", "")
    assert (unknown.action, unknown.subject) == ("login_failed", "no login of that name")
    assert [(entry.action, entry.actor, entry.subject) for entry in (login, logout)] == [
        ("login", "vera", "vera"),
        ("logout", "vera", "vera"),
    ]
    assert "secret" not in json.dumps(list(AuditEntry.objects.values("subject", "text", "changes")))


def test_an_upload_and_its_import(client: Client, ada: User, today_is: Callable[[date], None]) -> None:
    today_is(date(2026, 1, 31))
    data = ",".join(csv_row("customers")) + "\n" + ",".join(csv_row("customers").values()) + "\n"
    address = "/admin/customers/importrun/upload/"
    client.post(address, {"feed": "customers", "file": SimpleUploadedFile("c.csv", data.encode())})
    upload = Upload.objects.get()
    assert not entries(action="import")  # Its preview was taken back.
    sent = {"sha256": upload.sha256, "seen": upload.seen}
    assert client.post(f"{address}{upload.pk}/confirm/", sent).status_code == 302
    received, confirmed = entries(action="upload")
    loaded = entry_of("import")
    assert received.text == f"customers, {len(data)} bytes, SHA-256 {hashlib.sha256(data.encode()).hexdigest()}"
    assert confirmed.text.startswith("confirmed; loaded by run ")
    assert {entry.actor for entry in (received, confirmed, loaded)} == {"ada"}
    assert "1 rows, 1 created" in loaded.text
    undo(confirmed and Upload.objects.get().run, "ada")
    assert (newest().action, newest().actor) == ("undo", "ada")
    assert "1 deleted" in newest().text


def test_each_run_of_a_command_and_who_ran_it(tmp_path: Path) -> None:
    folder = write_feeds(tmp_path, customers=[csv_row("customers")])
    assert run("import_csvs", "--dir", folder, "--dry-run").code == 0
    assert not entries(action__in=["import", "command"])
    assert run("import_csvs", "--dir", folder).code == 0
    assert [entry.text.partition("\n")[0] for entry in entries(action="import")] == [
        "Customers: Loaded",
        "Onboarding: Loaded",
        "Engagement: Loaded",
    ]
    command = entry_of("command")
    assert (command.subject, command.actor, command.source) == (
        "import_csvs",
        trail.user_name(),
        "manage.py import_csvs",
    )
    assert command.text == f"exit code 0\ndir: {folder}"
    assert {entry.request for entry in entries(action="import")} == {command.request}
    run("undo_import", 10**6)
    assert entry_of("command") == command  # Wrong usage has done nothing.
    assert run("export_metrics", "--out", tmp_path).code == 1
    assert newest().text.startswith("exit code 1\n")


def test_the_address_of_another_database_is_a_secret(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.BACKUP_DIR = tmp_path
    monkeypatch.setattr("rsolv_cs.management.commands.copy_database._restore", lambda _file, _url: 1)
    assert run("copy_database", "postgres://somebody:secret@localhost/x").code == 1
    assert newest().subject == "copy_database"
    assert "url: hidden" in newest().text
    assert "secret" not in newest().text


def test_a_mail_to_a_customer(client: Client, ada: User, settings: Settings) -> None:
    settings.EMAIL_URL = "console:"
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    make_customer(id="c1", email="ops@example.com")
    template = MailTemplate.objects.get(situation="check_in")
    sent = {"subject": "Hello", "body": "How is it?", "template": template.pk}
    preview = client.post("/admin/customer/c1/contact/", {**sent, "action": "preview"})
    client.post("/admin/customer/c1/contact/", {**sent, "action": "send", "token": preview.context["token"]})
    claimed, sent_entry = entries(action="mail")
    assert Message.objects.get().state == "sent"
    assert (claimed.subject, claimed.customer, claimed.actor) == ("Hello", "c1", "ada")
    assert claimed.text == f"to ops@example.com, template: {template.name}"
    assert sent_entry.changes["state"] == ["Sending", "Sent"]


def test_exports_say_how_many_and_how_narrowed(client: Client, ada: User, demo_program: None) -> None:
    b"".join(client.get("/admin/export/customers/csv/?status=at_risk&columns=email"))
    first = newest()
    assert (first.action, first.subject) == ("export", "customer table")
    assert "customers as of 10 May 2025\nfilters: Status: At risk\ncolumns: Customer id, Name, E-mail" in first.text
    b"".join(client.get("/admin/export/"))
    assert newest().text == "12 customers as of 10 May 2025, and all rows of the five feeds"
    client.post("/admin/customers/customer/export/?status__exact=trial", {"format": "0", "resource": "0"})
    assert newest().subject == "customers"
    assert newest().text.endswith("row\nfilters: status__exact=trial")
    client.get("/admin/customers/quarantinedrow/download/customers/")
    assert newest().text == "0 rows\nfilters: none"

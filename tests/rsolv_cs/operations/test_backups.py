"""A backup brings every row back, on either kind of database; what is wrong is told, and nothing is half done."""

import fcntl
import hashlib
import json
import zipfile
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db import connection

from analytics.models import PolicyTrial
from customers.models import Customer, CustomerCare, Engagement, ImportRun
from rsolv_cs.management.commands.backup import in_words
from rsolv_cs.operations import backups
from tests.factories import make_customer, make_staff
from tests.support.commands import held_elsewhere, run
from tests.support.policies import make_draft

HOSTILE = '=HYPERLINK("x")\n\u202e\u0645\u0631\u062d 🚀'


def every_row() -> dict[str, list[tuple[Any, ...]]]:
    """All tables but the sessions, read by plain SQL: an account of our own, not the program's.

    Of the audit, without the entries that backups and restores leave themselves.
    """
    skipped = {"django_session", "customers_opensession", "django_migrations", "sqlite_sequence"}
    found = {}
    with connection.cursor() as cursor:
        for table in sorted(set(connection.introspection.table_names()) - skipped):
            others = (
                " WHERE NOT (action = 'command' AND subject IN ('backup', 'restore'))"
                if table == "customers_auditentry"
                else ""
            )
            cursor.execute(f'SELECT * FROM "{table}"{others}')
            found[table] = sorted(map(repr, cursor.fetchall()))
    return found


def add_a_customer_in_care() -> None:
    make_customer(id="Ünï-1", organization=HOSTILE)
    CustomerCare.objects.create(customer_id="Ünï-1", owner=make_staff(username="zoë"))
    made = {"made_at": datetime(2025, 5, 11, tzinfo=UTC), "counts": {"quiet": 1}, "cases": bytes(range(256))}
    PolicyTrial.objects.create(draft=make_draft(), date=date(2025, 4, 30), key="x", **made)
    Session.objects.create(
        session_key="key-of-a-session", session_data="x", expire_date=datetime(2030, 1, 1, tzinfo=UTC)
    )


@pytest.fixture
def backup(demo_program: None, db: None, tmp_path: Path) -> Path:
    add_a_customer_in_care()
    done = run("backup", "--out", tmp_path)
    assert done.code == 0, done.err
    [path] = tmp_path.glob("*.zip")
    return path


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (1, "1 kB"),
        (1024, "1 kB"),
        (48_771, "48 kB"),
        (2**20 - 1, "1024 kB"),
        (2**20, "1.0 MB"),
        (3 * 2**30, "3072.0 MB"),
    ],
)
def test_the_size_of_a_small_backup_is_not_nothing(size: int, words: str) -> None:
    assert in_words(size) == words


def test_restoring_brings_every_row_back(backup: Path) -> None:
    before = every_row()
    assert len(before["customers_engagement"]) > 100
    Engagement.objects.all().delete()
    Customer.objects.filter(pk="c1001").update(organization="another")
    make_staff(username="later")
    assert every_row() != before
    done = run("restore", backup, "--replace")
    assert (done.code, done.err) == (0, "")
    assert every_row() == before
    said = f"Restored {sum(map(len, before.values())):,} rows of {len(before)} tables, as they were on "
    assert done.lines[-1].startswith(said)
    # The next key is a new one.
    assert make_staff(username="new").pk not in {user.pk for user in User.objects.exclude(username="new")}
    ImportRun.objects.create(feed="events", file="events.csv", started_by="x")


def test_a_backup_has_no_session_and_is_for_its_owner_alone(backup: Path) -> None:
    with zipfile.ZipFile(backup) as archive:
        assert "key-of-a-session" not in "".join(archive.read(name).decode() for name in archive.namelist())
        manifest = json.loads(archive.read("manifest.json"))
    assert backup.stat().st_mode & 0o777 == 0o600
    assert manifest["tables"]["customers_customer"]["rows"] == Customer.objects.count() == 13


def test_a_database_with_data_is_not_overwritten_by_mistake(backup: Path) -> None:
    before = every_row()
    done = run("restore", backup)
    assert (done.code, done.err) == (
        2,
        "The database has data. Back it up, then say --replace to have it replaced.\n",
    )
    assert every_row() == before


def rewritten(path: Path, change: Callable[[str, bytes], bytes]) -> Path:
    """A copy whose members are changed."""
    other = path.with_name("other.zip")
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(other, "w") as target:
        for name in source.namelist():
            target.writestr(name, change(name, source.read(name)))
    return other


def with_another_manifest(manifest: dict[str, Any]) -> Callable[[str, bytes], bytes]:
    return lambda name, data: json.dumps(manifest).encode() if name == "manifest.json" else data


def without_a_row(name: str, data: bytes) -> bytes:
    return data.split(b"\n", 1)[1] if name == "customers_engagement.jsonl" else data


def with_a_bad_value(name: str, data: bytes) -> bytes:
    return data.replace(b"2025-05-03", b"2025-15-03") if name == "customers_customer.jsonl" else data


def lacking(backup: Path, member: str) -> Path:
    """A copy without a member."""
    other = rewritten(backup, lambda _name, data: data)
    with zipfile.ZipFile(backup) as source, zipfile.ZipFile(other, "w") as target:
        for name in source.namelist():
            if name != member:
                target.writestr(name, source.read(name))
    return other


def with_another(key: str, value: Any) -> Callable[[str, bytes], bytes]:
    def change(name: str, data: bytes) -> bytes:
        return json.dumps({**json.loads(data), key: value}).encode() if name == "manifest.json" else data

    return change


def scrambled(backup: Path) -> Path:
    """A copy with zeros in the midst of a member."""
    other = backup.with_name("scrambled.zip")
    content = bytearray(backup.read_bytes())
    with zipfile.ZipFile(backup) as source:
        start = source.getinfo("customers_engagement.jsonl").header_offset + 100
    content[start : start + 50] = bytes(50)
    other.write_bytes(content)
    return other


def test_what_is_wrong_with_a_backup_is_told_and_changes_nothing(backup: Path, tmp_path: Path) -> None:
    before = every_row()

    def refused(path: Path) -> str:
        done = run("restore", path, "--replace")
        assert done.code == 1
        assert every_row() == before
        return done.err

    assert "No such file" in refused(tmp_path / "nowhere.zip")
    (tmp_path / "text.zip").write_text("no archive")
    assert "is not a backup, or is damaged" in refused(tmp_path / "text.zip")
    cut = tmp_path / "cut.zip"
    cut.write_bytes(backup.read_bytes()[:-2000])
    assert "is not a backup, or is damaged" in refused(cut)

    assert "customers_engagement came out with other rows" in refused(rewritten(backup, without_a_row))

    assert "customers_customer is damaged" in refused(rewritten(backup, with_a_bad_value))
    assert "customers_note is damaged" in refused(lacking(backup, "customers_note.jsonl"))
    assert "is not a backup, or is damaged" in refused(lacking(backup, "manifest.json"))
    assert "is not a backup, or is damaged" in refused(rewritten(backup, with_another_manifest({"format": 1})))
    assert "customers_engagement is damaged" in refused(scrambled(backup))

    assert "has format 2, and this version reads 1" in refused(rewritten(backup, with_another("format", 2)))
    migrations = [name for name in backups.migrated() if name != "customers.0001_initial"]
    message = refused(rewritten(backup, with_another("migrations", [*migrations, "customers.9999_later"])))
    assert "it has had customers.9999_later; it has not had customers.0001_initial" in message


def test_values_that_no_database_of_ours_takes_are_told_and_change_nothing(backup: Path) -> None:
    """With a manifest that tells their hash; the same on either database."""
    before = every_row()
    first = json.loads(zipfile.ZipFile(backup).read("customers_customer.jsonl").splitlines()[0])
    columns = [field.column for field in Customer._meta.concrete_fields]

    def refused(**values: Any) -> str:
        changed = [values.get(column, value) for column, value in zip(columns, first, strict=True)]
        lines = {"customers_customer": json.dumps(changed, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"}

        def change(name: str, data: bytes) -> bytes:
            table = name.removesuffix(".jsonl")
            data += lines.get(table, b"")
            if name == "manifest.json":
                manifest = json.loads(data)
                with zipfile.ZipFile(backup) as source:
                    whole = source.read("customers_customer.jsonl") + lines["customers_customer"]
                manifest["tables"]["customers_customer"]["sha256"] = hashlib.sha256(whole).hexdigest()
                return json.dumps(manifest).encode()
            return data

        done = run("restore", rewritten(backup, change), "--replace")
        assert (done.code, len(done.err.splitlines())) == (1, 1)
        assert every_row() == before
        return done.err

    assert "customers_customer is damaged (a NUL character); take another backup." in refused(id="x", cohort="a\0b")
    assert "customers_customer is damaged (a text too long for cohort)" in refused(id="x", cohort="x" * 101)
    assert "customers_customer is damaged (a number too large for team_size)" in refused(id="x", team_size=2**31)
    assert "customers_customer is damaged (a number too large for run_id)" in refused(id="x", run_id=2**63)
    assert "customers_customer is damaged (" in refused()  # The key is there twice.


@pytest.mark.django_db
def test_only_so_many_are_kept(tmp_path: Path) -> None:
    for _ in range(3):
        assert run("backup", "--out", tmp_path, "--keep", 2).code == 0
    assert len(list(tmp_path.iterdir())) == 2
    newest = max(tmp_path.iterdir())
    done = run("backup", "--out", tmp_path, "--keep", 1)
    assert done.lines[0] == "Removed 2 older backups."
    [left] = tmp_path.iterdir()
    assert left > newest
    assert run("backup", "--out", tmp_path, "--keep", 0).code == 2


@pytest.mark.django_db
def test_what_a_killed_backup_left_goes_with_the_next_one(tmp_path: Path) -> None:
    old, new = (tmp_path / f"rsolv-backup-{name}.zip.partial" for name in ("1", "2"))
    theirs = tmp_path / "download.zip.partial"
    for path in (old, new, theirs):
        path.write_text("half")
    with new.open() as at_work:
        fcntl.flock(at_work, fcntl.LOCK_EX)
        assert run("backup", "--out", tmp_path).code == 0
        assert (old.exists(), new.exists(), theirs.exists()) == (False, True, True)
    assert run("backup", "--out", tmp_path).code == 0
    assert (new.exists(), theirs.exists()) == (False, True)


@pytest.mark.django_db
def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = run("backup", "--out", tmp_path / "file")
    assert (done.code, "Traceback" in done.err) == (1, False)
    assert "file" in done.err


def test_nothing_is_restored_or_copied_during_an_import(backup: Path) -> None:
    before = every_row()
    with held_elsewhere("import"):
        assert run("restore", backup, "--replace").code == 75
        assert run("copy_database", "sqlite:////nowhere/else.sqlite3").code == 75
    assert every_row() == before

"""All data move to another database, by processes that find it committed.

In a file of its own, since the fixture ``demo_program`` keeps a transaction open for all tests of a file.
"""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection

from customers.inbox.store import accept
from rsolv_cs.operations import backups
from tests.factories import load_demo_program
from tests.rsolv_cs.operations.test_backups import HOSTILE, add_a_customer_in_care
from tests.support.inbox import event, new_token, write_lock
from tests.support.own_databases import own, unblocked, url
from tests.support.processes import database_url, manage

__all__ = ["own", "unblocked", "url"]


@pytest.mark.full_run
@pytest.mark.django_db(transaction=True)
def test_all_moves_to_another_database_and_back(tmp_path: Path, own_database: str) -> None:
    """The copy is SQLite; from there all goes on to an empty database of the kind under test, and work continues."""
    load_demo_program()
    add_a_customer_in_care()
    here, file, room = backups.digests(), tmp_path / "copy.sqlite3", str(tmp_path / "room")
    url = database_url(tmp_path)
    if connection.vendor == "sqlite":
        # The test's own database is in memory, where no other process finds it.
        with closing(sqlite3.connect(tmp_path / "db.sqlite3")) as target:
            connection.connection.backup(target)
    done = manage(url, "copy_database", f"sqlite:///{file}", BACKUP_DIR=room)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1].startswith("The other database has the same rows.")
    with closing(sqlite3.connect(file)) as copied:
        customers = copied.execute("SELECT COUNT(*) FROM customers_customer").fetchall()
        organization = copied.execute("SELECT organization FROM customers_customer WHERE id = 'Ünï-1'").fetchall()
    assert (customers, organization) == ([(13,)], [(HOSTILE,)])
    refused = manage(url, "copy_database", f"sqlite:///{file}", BACKUP_DIR=room)
    assert refused.returncode == 2
    assert "The database has data" in refused.stderr
    done = manage(f"sqlite:///{file}", "copy_database", own_database, BACKUP_DIR=room)
    assert (done.returncode, done.stderr) == (0, "")
    assert list((tmp_path / "room").iterdir()) == []
    assert manage(own_database, "backup", "--out", tmp_path / "again").returncode == 0
    [path] = (tmp_path / "again").iterdir()
    told = backups.read_manifest(path)["tables"]
    found = {table: entry["sha256"] for table, entry in told.items()}
    # Each restore is itself an entry of the audit.
    assert found.pop("customers_auditentry") != here.pop("customers_auditentry")
    assert found == here
    # New keys go on behind the copied ones, and nothing is taken for new or changed.
    loaded = manage(own_database, "import_csvs", "--dir", settings.BASE_DIR / "fixtures", "--json", "--force")
    assert loaded.returncode == 0, loaded.stderr
    counts = [(feed["created"], feed["updated"]) for feed in json.loads(loaded.stdout)["feeds"]]
    assert counts == [(0, 0)] * 5


def test_events_that_wait_in_files_move_too(tmp_path: Path, url: str) -> None:
    if connection.vendor == "postgresql":
        pytest.skip("on PostgreSQL none waits in a file")
    token, _secret = new_token()
    with write_lock(url):
        accept([event("c1"), event("c2")], token)
    file = tmp_path / "copy.sqlite3"
    done = manage(url, "copy_database", f"sqlite:///{file}", BACKUP_DIR=str(tmp_path / "room"))
    assert (done.returncode, done.stderr) == (0, "")
    with closing(sqlite3.connect(file)) as copied:
        assert copied.execute("SELECT COUNT(*) FROM customers_inboxevent").fetchall() == [(2,)]

"""What is only tried is taken back, and keeps nobody waiting meanwhile."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client

from customers.core.dry_run import rolled_back
from customers.core.sql import is_postgres
from customers.erasure import erase
from customers.models import Customer, ImportRun, Upload
from customers.runs import undo
from tests.factories import csv_row, make_customer, make_staff, write_feed
from tests.support.loading import load
from tests.support.own_databases import own, unblocked, url
from tests.support.uploading import csv_of, own_folders, uploaded

__all__ = ["own", "own_folders", "unblocked", "url"]


def writing_elsewhere() -> Callable[[], None]:
    """What writes in a session of its own, and waits for nobody; to be called after the database was chosen."""
    name = connection.settings_dict["NAME"]

    def write() -> None:
        if is_postgres():
            other = connection.copy()
            with other.cursor() as cursor:
                cursor.execute("SET lock_timeout = '1ms'; INSERT INTO auth_group (name) VALUES ('meanwhile')")
            other.close()
        else:
            other = sqlite3.connect(name, timeout=0)
            with other:
                other.execute("INSERT INTO auth_group (name) VALUES ('meanwhile')")
            other.close()

    return write


def test_what_is_tried_is_seen_inside_and_gone_afterwards(url: str) -> None:
    make_customer(id="c1")
    name = connection.settings_dict["NAME"]
    write = writing_elsewhere()
    with rolled_back():
        make_customer(id="c2")
        Customer.objects.filter(pk="c1").update(organization="Tried")
        assert list(Customer.objects.order_by("pk").values_list("organization", flat=True)) == [
            "Tried",
            Customer.objects.get(pk="c2").organization,
        ]
        write()
    assert connection.settings_dict["NAME"] == name
    assert list(Customer.objects.values_list("pk", flat=True)) == ["c1"]
    assert Customer.objects.get().organization != "Tried"
    assert Group.objects.filter(name="meanwhile").exists()


def test_an_error_inside_leaves_the_database_as_it_was(url: str) -> None:
    name = connection.settings_dict["NAME"]
    with pytest.raises(RuntimeError), rolled_back():
        make_customer(id="c1")
        raise RuntimeError
    assert connection.settings_dict["NAME"] == name
    assert not Customer.objects.exists()


@pytest.mark.parametrize(
    ("what", "function"),
    [
        ("upload", "customers.imports.load.merge"),
        ("import", "customers.imports.load.merge"),
        ("undo", "customers.runs.undo.UndoPlan._finish"),
        ("erase", "customers.erasure.erase._remove_fixes"),
    ],
)
def test_others_write_while_it_is_tried(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, client: Client, what: str, function: str
) -> None:
    client.force_login(make_staff("Program manager"))
    load(write_feed(tmp_path, "customers", [csv_row("customers", id="c1")]).parent, "customers")
    one = ImportRun.objects.get()
    write, done = writing_elsewhere(), []
    module, _dot, name = function.rpartition(".")
    owner = undo.UndoPlan if what == "undo" else __import__(module, fromlist=[name])
    original = getattr(owner, name)

    def writes_meanwhile(*arguments: Any, **named: Any) -> Any:
        result = original(*arguments, **named)
        done.append(write())
        return result

    monkeypatch.setattr(owner, name, writes_meanwhile)
    if what == "upload":
        changed = csv_row("customers", id="c1", organization="Changed")
        assert uploaded(client, "customers", csv_of("customers", changed)).preview["updated"] == 1
        assert Upload.objects.get().preview["updated"] == 1
    elif what == "import":
        write_feed(tmp_path, "customers", [csv_row("customers", id="c1", organization="Changed")])
        assert load(tmp_path, "customers", dry_run=True)["customers"].updated == 1
    elif what == "undo":
        assert undo.preview_undo(one).deleted == 1
    else:
        assert erase.preview_erasure("c1")["customers"] == 1
    assert done == [None]
    assert Group.objects.filter(name="meanwhile").exists()
    assert Customer.objects.get().organization == csv_row("customers")["organization"]
    assert ImportRun.objects.get().pk == one.pk

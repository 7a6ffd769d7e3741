"""The audit's pages: search, export, hostile text, and who may read it."""

import csv
import hashlib
import io
import json
import zipfile
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from customers.audit import trail
from customers.audit.trail import Action
from customers.models import AuditEntry
from tests.factories import make_staff
from tests.support.audit import HOSTILE, LIST, newest
from tests.support.pages import words

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_folders")]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=globex", ["two"]),
        ("q=bob", ["two"]),
        ("q=josé", ["three"]),
        ("q=JOSE", ["three"]),
        ("action__exact=export", ["three"]),
        ("actor=bob", ["two"]),
        ("actor=nobody", []),
        ("at__year=2024&at__month=2&at__day=29", ["one"]),
        ("q=c77", ["one"]),
    ],
)
def test_it_can_be_searched_and_narrowed(client: Client, ada: User, query: str, found: list[str]) -> None:
    with trail.writable():
        AuditEntry.objects.all().delete()
    one = trail.entry(Action.ADD, "one", actor="alice", customer="c77")
    one.at = one.at.replace(year=2024, month=2, day=29)
    trail.record_all([one])
    trail.record(Action.CHANGE, "two", actor="bob", changes={"name": ("Acme", "Globex")})
    trail.record(Action.EXPORT, "three", actor="carol", detail="José")
    response = client.get(f"{LIST}?{query}")
    assert response.status_code == 200
    assert sorted(row.subject for row in response.context["cl"].result_list) == sorted(found)
    exported = client.get(f"{LIST}export/?{query}")
    assert sorted(row["what"] for row in read(exported)[0]) == sorted(found)


def read(response: Any) -> tuple[list[dict[str, str]], dict[str, Any]]:
    """The rows and the manifest of an export."""
    with zipfile.ZipFile(io.BytesIO(b"".join(response))) as archive:
        data = archive.read("audit.csv")
        manifest = json.loads(archive.read("manifest.json"))
    assert manifest["files"]["audit.csv"]["sha256"] == hashlib.sha256(data).hexdigest()
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""))), manifest


def test_the_export_is_safe_whole_and_itself_in_the_audit(client: Client, ada: User) -> None:
    trail.record(Action.EXPORT, HOSTILE, actor="=cmd", detail="-2+3")
    rows, manifest = read(client.get(f"{LIST}export/?action__exact=export"))
    assert [(row["who"], row["what"], row["details"]) for row in rows] == [("'=cmd", f"'{HOSTILE}", "'-2+3")]
    assert manifest["files"]["audit.csv"]["rows"] == 1
    assert manifest["exported_by"] == "ada"
    assert manifest["filters"] == [{"filter": "action__exact", "value": "export"}]
    assert (newest().subject, newest().text) == ("audit", "1 row\nfilters: action__exact=export")


def test_hostile_text_is_text(client: Client, ada: User) -> None:
    trail.record(Action.CHANGE, HOSTILE, actor=HOSTILE[:100], changes={HOSTILE: (HOSTILE, [HOSTILE])}, detail=HOSTILE)
    trail.record(Action.CHANGE, "a\0b\ud800", changes={"x": ("\0", "y")})
    assert (newest().subject, newest().changes) == ("a\ufffdb?", {"x": ["\ufffd", "y"]})
    entry = AuditEntry.objects.get(subject=HOSTILE)
    for page in (client.get(LIST), client.get(f"{LIST}{entry.pk}/change/")):
        assert "<script>alert(" not in page.text
        assert "&lt;script&gt;alert(" in page.text


def test_the_page_of_an_entry_shows_what_came_and_went(client: Client, ada: User) -> None:
    user = make_staff("Viewer", username="vera")
    user.groups.set(Group.objects.filter(name__in=["Viewer", "Success manager"]))
    text = words(client.get(f"{LIST}{newest().pk}/change/").text)
    assert "Field Before After groups Success manager" in text
    assert "All entries of this request" in text


def test_dates_are_as_people_read_them(client: Client, ada: User) -> None:
    noon = datetime(2026, 11, 28, 12, 30, 5, 250_000, tzinfo=UTC)
    entry = trail.entry(
        Action.CHANGE,
        "call",
        detail="due 2026-11-01",
        changes={"due": ("2026-11-28", "2026-12-01"), "done": (None, noon.isoformat()), "note": ("2026-13-40", "x")},
    )
    entry.at = noon
    trail.record_all([entry])
    page = words(client.get(f"{LIST}{newest().pk}/change/").text)
    assert (
        "due 2026-11-01 Field Before After done 28 Nov 2026, 12:30:05 due 28 Nov 2026 1 Dec 2026 note 2026-13-40 x"
        in page
    )
    assert "28 Nov 2026, 12:30:05.250 UTC" in page
    said = "due 2026-11-01 · done: – → 28 Nov 2026, 12:30:05 · due: 28 Nov 2026 → 1 Dec 2026 · note:"
    assert said in words(client.get(LIST).text)
    other = trail.entry(Action.CHANGE, "another call", changes={"due": ("2026-11-28", "2026-12-01")})
    other.text = "erased"
    trail.record_all([other])
    [row] = [one for one in client.get(LIST).text.split("<tr") if "another call" in one]
    assert "erased" in words(f"<tr{row}")
    assert "1 Dec 2026" not in words(f"<tr{row}")
    # The search and the file have them as they were written down.
    assert "due: 2026-11-28 → 2026-12-01" in AuditEntry.objects.get(subject="call").text


def test_the_list_takes_the_same_queries_however_long(client: Client, ada: User) -> None:
    counts = []
    for _ in range(2):
        trail.record_all(trail.entry(Action.ADD, f"note {number}", actor="x") for number in range(20))
        with CaptureQueriesContext(connection) as queries:
            assert client.get(LIST).status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 12


def test_the_roles_may_not_see_it(client: Client) -> None:
    client.force_login(make_staff("Program manager"))
    assert client.get(LIST).status_code == 403
    assert "Audit" not in words(client.get("/admin/").text)

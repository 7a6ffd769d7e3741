"""Uploads, runs, their undo and the quarantine in German; what a run says is stored in English."""

from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django.fixtures import Settings

from customers.models import AuditEntry, ImportRun, QuarantinedRow
from tests.factories import make_staff, write_feed
from tests.support.german import english_left, reads_german
from tests.support.loading import customer_row, load
from tests.support.pages import main_part, said, words
from tests.support.run_pages import page_of, two_nights
from tests.support.uploading import FORM, confirmed, csv_of, errors, fixed_day, own_folders, send, uploaded

__all__ = ["fixed_day", "own_folders"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("mary")]


@pytest.fixture
def mary(client: Client, settings: Settings) -> User:
    """A program manager who reads German, logged in."""
    user = make_staff("Program manager", username="mary")
    reads_german(user, settings)
    client.force_login(user)
    return user


def read(client: Client, address: str, *wanted: str) -> None:
    """A page says these words, and nothing of ours in English."""
    page = client.get(address)
    text = words(page.text)
    assert [one for one in wanted if one not in text] == []
    assert english_left(page) == []


def test_runs_and_what_undoes_them(client: Client, tmp_path: Path) -> None:
    first, second = two_nights(tmp_path)
    read(client, "/admin/customers/importrun/", "Datei hochladen", "Über die API gemeldet", "Geladen")
    text = (
        "Angelegt 1",
        "In Quarantäne 1",
        "1 Zeile",
        "gelesen",
        "Was er geändert hat",
        "Schutzregeln übergangen von",
    )
    read(client, page_of(second), "Lauf", "4 Zeilen gelesen", "Dauer", *text[:2], *text[4:])
    read(
        client,
        f"/admin/customers/importrun/{second.pk}/undo/",
        "rückgängig machen",
        "Was geschehen wird",
        "Bestätigen",
    )
    undone = client.post(f"/admin/customers/importrun/{second.pk}/undo/", follow=True)
    assert f"Lauf {second.pk} ist rückgängig gemacht: 1 gelöscht, 1 zurückgesetzt," in words(undone.text)
    undo = ImportRun.objects.latest("pk")
    assert undo.file == f"undo of run {second.pk}"
    assert "1 deleted, 1 put back" in AuditEntry.objects.filter(action="undo").latest("pk").text
    assert first.pk < second.pk < undo.pk


def test_an_upload_from_the_form_to_the_run(client: Client, tmp_path: Path) -> None:
    write_feed(tmp_path, "customers", [customer_row(1), customer_row(2)])
    load(tmp_path, "customers")
    read(client, FORM, "Feed und Datei wählen", "Hochladen und Vorschau zeigen")
    refused = send(client, "customers", b"PK\x03\x04", "customers.xlsx")
    assert errors(refused) == [
        "Die Arbeitsmappe ist beschädigt: Öffnen Sie sie in Excel und speichern Sie sie erneut, oder speichern Sie "
        "sie als CSV."
    ]
    upload = uploaded(client, "customers", csv_of("customers", customer_row(1, email="nowhere"), customer_row(3)))
    assert upload.preview["warnings"] == []
    read(client, FORM, "Warten auf eine Entscheidung")
    for kind in ("created", "missing", "quarantined"):
        read(client, f"{FORM}{upload.pk}/?rows={kind}", "Genau diese Datei laden", "Ganze Datei")
    text = words(main_part(client.get(f"{FORM}{upload.pk}/")))
    assert "1 Zeile (Kunden) würde als fehlend markiert" in text
    done = confirmed(client, upload)
    run = ImportRun.objects.latest("pk")
    assert said(done) == [f"customers.csv wurde mit Lauf {run.pk} geladen."]
    entry = AuditEntry.objects.filter(action="upload").latest("pk")
    assert f"confirmed; loaded by run {run.pk}: customers.csv" in entry.text


def test_the_quarantine_and_its_fixes(client: Client, tmp_path: Path) -> None:
    write_feed(tmp_path, "customers", [customer_row(1), customer_row(2, email="nowhere")])
    load(tmp_path, "customers")
    bad = QuarantinedRow.objects.get()
    # Why a row is there was stored in the words of then.
    assert bad.reasons == ["email: 'nowhere' is not an email address"]
    read(
        client,
        "/admin/customers/quarantinedrow/",
        "Alle angezeigten erneut einspielen",
        "Keine E-Mail-Adresse",
        "Zeile 3 korrigieren",
        "Offen (1)",
    )
    read(
        client,
        f"/admin/customers/quarantinedrow/{bad.pk}/fix/",
        "Zeile 3 von customers.csv korrigieren",
        "Speichern und einspielen",
    )
    page = client.post("/admin/customers/quarantinedrow/replay/", follow=True)
    run = ImportRun.objects.latest("pk")
    assert f"Lauf {run.pk}, customers: 0 neu, 0 geändert, 0 unverändert, 1 noch in Quarantäne." in words(page.text)
    assert run.file == "replay by mary"

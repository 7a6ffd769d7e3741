"""Text that is nothing but the old text misread is recognised, said, and quarantined unless somebody insists."""

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from customers.imports.checks.misread import is_misread
from customers.models import Customer, Fix, QuarantinedRow
from tests.customers.imports.test_corrections import as_workbook, statuses
from tests.factories import write_feed
from tests.support.corrections import as_csv, download
from tests.support.loading import customer_row, load, states
from tests.support.uploading import counts, csv_of, fixed_day, loaded, own_folders, uploaded

__all__ = ["fixed_day", "own_folders"]

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Bad Größe GmbH", "Bad GrÃ¶ÃŸe GmbH"),
        ("Förderung", "FÃ¶rderung"),
        ("Förderung", "FÃƒÂ¶rderung"),
        ("Ágnes", "Ã\x81gnes"),
        ("déjà", "dÃ©jÃ"),
        ("déjà vu", "dÃ©jÃ\u00a0 vu"),
        ("déjà vu", "dÃ©jÃ  vu"),
        ("東京", "æ\x9d±äº¬"),
        ("東京", "æ\u009d±äº¬"),
        ("naïve", "na√Øve"),
        ("€5", "â\u201a¬5"),
    ],
)
def test_a_misreading_is_known(old: str, new: str) -> None:
    assert is_misread(new, old)
    assert not is_misread(old, new)
    assert not is_misread(old, old)
    assert not is_misread(new, new)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Größe", "Grösse"),
        ("Größe", "Größen"),
        ("Gross", "Größe"),
        ("Acme", "Acme Ã¶"),
        ("Größe", "GrÃ¶ÃŸe GmbH"),
        ("Å", "Å Ã…"),
        ("Größe", ""),
        ("", "GrÃ¶ÃŸe"),
    ],
)
def test_any_other_change_is_none(old: str, new: str) -> None:
    assert not is_misread(new, old)


@given(text=st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=40))
def test_any_text_that_is_not_ascii_is_known_misread(text: str) -> None:
    wrong = text.encode().decode("latin-1")
    assert is_misread(wrong, text) == (not text.isascii() and len(wrong) > len(text))


def night(folder: Path, *rows: dict[str, str], **options: Any) -> Any:
    write_feed(folder, "customers", rows)
    return load(folder, "customers", **options)["customers"]


GOOD = customer_row(1, organization="Größe", cohort="Förderung")
WRONG = GOOD | {"organization": "GrÃ¶ÃŸe", "cohort": "FÃ¶rderung"}
WARNING = (
    "1 row has text that is nothing but the old text misread (UTF-8 taken for Windows-1252, say), such as "
    "'GrÃ¶ÃŸe' for 'Größe': {}"
)


def test_a_night_that_is_misread_is_quarantined_unless_forced(tmp_path: Path) -> None:
    night(tmp_path, GOOD, customer_row(2))
    outcome = night(tmp_path, WRONG, customer_row(2, organization="Ümläut"))
    assert states(outcome) == (0, 1, 0, 1)
    assert outcome.warnings == [WARNING.format("quarantined")]
    assert outcome.problems[0]["reasons"] == [
        "cohort: 'FÃ¶rderung' is nothing but 'Förderung' misread; was the file opened or saved as something else than "
        "UTF-8?",
        "organization: 'GrÃ¶ÃŸe' is nothing but 'Größe' misread; was the file opened or saved as something else than "
        "UTF-8?",
    ]
    assert Customer.objects.get(pk="c1").organization == "Größe"
    forced = night(tmp_path, WRONG, customer_row(2), force=True)
    assert (states(forced), forced.warnings) == ((0, 2, 0, 0), [WARNING.format("loaded all the same")])
    # The right text again is no misreading of the wrong one.
    assert states(night(tmp_path, GOOD, customer_row(2, team_size="9"))) == (0, 2, 0, 0)


def test_an_upload_says_so_and_loads_it_for_who_insists(manager: Client) -> None:
    loaded(manager, uploaded(manager, "customers", csv_of("customers", GOOD)))
    upload = uploaded(manager, "customers", csv_of("customers", WRONG))
    assert (counts(upload)["updated"], counts(upload)["quarantined"]) == (0, 1)
    page = manager.get(f"/admin/customers/importrun/upload/{upload.pk}/").text
    assert "nothing but the old text misread" in page
    assert 'name="insist"' in page
    sent = {"sha256": upload.sha256, "seen": upload.seen, "insist": "on"}
    manager.post(f"/admin/customers/importrun/upload/{upload.pk}/confirm/", sent)
    assert Customer.objects.get(pk="c1").organization == "GrÃ¶ÃŸe"


@pytest.mark.parametrize("as_file", [as_csv, as_workbook])
def test_a_corrected_download_that_was_misread_stays_in_quarantine(
    as_file: Any, tmp_path: Path, manager: Client
) -> None:
    """As in the field: Excel took the download for Windows-1252, and 12 was put into team_size."""
    bad = customer_row(3, organization="Bad Größe GmbH", cohort="Förderung", team_size="12 Leute")
    night(tmp_path, customer_row(1), bad)
    rows = download(manager)
    place = rows[0].index("team_size")
    rows[1] = [cell.encode().decode("cp1252") for cell in rows[1]]
    rows[1][place] = "12"
    upload = uploaded(manager, "customers", as_file(rows), "a.csv" if as_file is as_csv else "a.xlsx")
    run = loaded(manager, upload)
    assert (run.created, run.quarantined, Fix.objects.count(), Customer.objects.count()) == (0, 1, 0, 1)
    row = QuarantinedRow.objects.get(status="open")
    assert (row.run_id, row.cells[2], row.cells[5]) == (run.pk, "Bad Größe GmbH", "Förderung")
    assert row.reasons[0].startswith("organization: 'Bad GrÃ¶ÃŸe GmbH' is nothing but 'Bad Größe GmbH' misread")
    # Corrected as it should be, it is loaded, and remembered for the text of the night's file.
    rows = download(manager)
    rows[1][place] = "12"
    loaded(manager, uploaded(manager, "customers", as_csv(rows)))
    assert Customer.objects.get(pk="c3").organization == "Bad Größe GmbH"
    assert states(night(tmp_path, customer_row(1), bad)) == (0, 0, 2, 0)


def test_who_insists_on_a_misreading_gets_no_fix(tmp_path: Path, manager: Client) -> None:
    night(tmp_path, customer_row(1), customer_row(3, organization="Größe", team_size="x"))
    rows = download(manager)
    rows[1] = [cell.replace("Größe", "GrÃ¶ÃŸe") for cell in rows[1]]
    rows[1][rows[0].index("team_size")] = "12"
    upload = uploaded(manager, "customers", as_csv(rows))
    sent = {"sha256": upload.sha256, "seen": upload.seen, "insist": "on"}
    manager.post(f"/admin/customers/importrun/upload/{upload.pk}/confirm/", sent)
    assert (Customer.objects.get(pk="c3").organization, Fix.objects.count()) == ("GrÃ¶ÃŸe", 0)
    assert "open" not in {status for status, _run in statuses().values()}


def test_a_new_row_is_compared_with_the_one_in_quarantine(tmp_path: Path) -> None:
    night(tmp_path, customer_row(1), customer_row(3, organization="Größe", team_size="x"))
    outcome = night(tmp_path, customer_row(1), customer_row(3, organization="GrÃ¶ÃŸe", team_size="12"))
    assert (outcome.created, outcome.quarantined) == (0, 1)


def test_a_feed_without_texts_asks_nothing(tmp_path: Path) -> None:
    night(tmp_path, customer_row(1))
    text = io.StringIO()
    names = ["id", "customer_id", "date", "issues_tagged", "prs_generated", "prs_merged", "prs_rejected"]
    csv.writer(text).writerows([[*names, "support_requests"], ["e1", "c1", "2025-05-01", 1, 2, 3, 4, 5]])
    (tmp_path / "engagement.csv").write_text(text.getvalue())
    assert states(load(tmp_path, "engagement")["engagement"]) == (1, 0, 0, 0)

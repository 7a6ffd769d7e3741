"""Uploads that cannot be loaded, or only by force; and what a crash leaves."""

from pathlib import Path

import pytest
from django.test import Client

from customers.models import Customer, ImportRun
from customers.uploads.uploads import rows_of
from tests.factories import write_feed
from tests.support.loading import customer_row, load
from tests.support.pages import notices, said, section
from tests.support.uploading import FORM, confirmed, counts, csv_of, fixed_day, loaded, own_folders, uploaded

__all__ = ["fixed_day", "own_folders"]
pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (
            csv_of("engagement"),
            "line 1: the header is missing email, organization, github_username, signup_date, cohort, ",
        ),
        (b"nothing,of,this\n", "line 1: there is no header: the first line names none of the columns id, email, "),
        ("id\n".encode("utf-16"), "the file is UTF-16, not UTF-8: save it as UTF-8"),
        (b"id;email;organization\n", "line 1: the columns are separated by semicolons, not by commas"),
    ],
)
def test_a_file_that_is_wrong_as_a_whole_cannot_be_loaded(content: bytes, reason: str, manager: Client) -> None:
    upload = uploaded(manager, "customers", content)
    page = manager.get(f"{FORM}{upload.pk}/")
    assert notices(page)[0].startswith(f"Refused: {reason}")
    assert "Load" not in section(page, "decide").replace("loaded", "")
    assert said(confirmed(manager, upload, force="on")) == ["The file is refused, so nothing was loaded."]
    assert ImportRun.objects.count() == 0


def test_a_guardrail_is_shown_and_can_be_forced(tmp_path: Path, manager: Client) -> None:
    folder = tmp_path / "night"
    folder.mkdir()
    write_feed(folder, "customers", [customer_row(number) for number in range(1, 23)])
    load(folder, "customers")
    upload = uploaded(manager, "customers", csv_of("customers", customer_row(1), customer_row(2, cohort="new")))
    page = manager.get(f"{FORM}{upload.pk}/")
    reason = "the file has 2 rows, the last one had 22: more than half are gone"
    assert notices(page)[:2] == [f"Refused: {reason}", "Below is what would happen if it were loaded anyway."]
    assert "Load it anyway" in section(page, "decide")
    assert (counts(upload)["updated"], upload.preview["missing"], upload.preview["warnings"]) == (1, 20, [])
    assert said(confirmed(manager, upload)) == ["The file is refused, so nothing was loaded."]
    run = loaded(manager, upload, force="on")
    assert (run.forced_by, run.warnings) == ("mary", [f"forced by mary: {reason}"])
    assert counts(run) == counts(upload)


def test_more_than_a_tenth_bad_is_a_guardrail_too(manager: Client) -> None:
    rows = [customer_row(number) | ({"email": "x"} if number <= 3 else {}) for number in range(1, 23)]
    upload = uploaded(manager, "customers", csv_of("customers", *rows))
    assert upload.preview["reason"].startswith("3 of 22 rows would be quarantined, more than 10 %: line 2: email: ")
    assert upload.preview["forceable"]
    assert [row["line"] for row in rows_of(upload, "quarantined")] == [2, 3, 4]


def test_what_is_good_is_never_forced(manager: Client) -> None:
    upload = uploaded(manager, "customers", csv_of("customers", customer_row(1)))
    assert loaded(manager, upload, force="on").forced_by == ""


def test_warnings_are_shown(manager: Client) -> None:
    content = csv_of("customers", customer_row(1)).replace(b"id,", b"note,id,", 1).replace(b"c1,", b"x,c1,", 1)
    page = manager.get(f"{FORM}{uploaded(manager, 'customers', content).pk}/")
    assert section(page, "warnings") == "Warnings unknown columns are ignored: 'note'"


def test_a_crash_in_the_dry_run_is_told_and_leaves_nothing(manager: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_arguments: object, **_named: object) -> None:
        raise RuntimeError("out of luck")

    monkeypatch.setattr("customers.imports.load.merge", crash)
    upload = uploaded(manager, "customers", csv_of("customers", customer_row(1)))
    assert upload.preview["reason"] == "RuntimeError: out of luck"
    assert not upload.preview["forceable"]
    assert (ImportRun.objects.count(), Customer.objects.count()) == (0, 0)


def test_a_load_that_fails_keeps_the_upload(manager: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    upload = uploaded(manager, "customers", csv_of("customers", customer_row(1)))
    with monkeypatch.context() as patch:
        patch.setattr("customers.imports.load.merge", lambda *_arguments, **_named: 1 / 0)
        response = confirmed(manager, upload)
    assert said(response) == ["customers.csv was not loaded; the upload is kept: ZeroDivisionError: division by zero"]
    loaded(manager, upload)

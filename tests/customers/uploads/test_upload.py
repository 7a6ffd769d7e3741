"""Uploads: what is confirmed is what was previewed, by whom it was previewed, and nothing else is ever loaded."""

import os
import re
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest
from django.conf import settings as project
from django.test import Client

from customers.archive import files as archive
from customers.models import Customer, Fix, ImportRun, QuarantinedRow, RowChange, Upload
from tests.factories import make_staff, write_feed
from tests.support.commands import held_elsewhere, run
from tests.support.loading import customer_row, feed_tables, load
from tests.support.pages import notices, said, section
from tests.support.storage import upload_folder_on_disk, upload_on_disk
from tests.support.uploading import (
    FORM,
    confirmed,
    counts,
    csv_of,
    files,
    fixed_day,
    loaded,
    own_folders,
    send,
    table,
    uploaded,
)

__all__ = ["fixed_day", "own_folders"]
pytestmark = pytest.mark.django_db

HOSTILE = '<script>alert("x")</script>'


def assert_each_row_is_shown(manager: Client, upload: Upload) -> None:
    """The page has the counts, what is not loaded yet, and each row as it would become."""
    page = manager.get(f"{FORM}{upload.pk}/")
    assert "Created 1 Updated 1 Unchanged 1 Quarantined 1" in section(page, "counts")
    assert notices(page) == [
        "Nothing is loaded yet.",
        "2 rows of customers would be marked as missing , because the file lacks them and is taken for the full "
        "list. Which ones",
    ]
    assert table(manager, upload, "updated") == [
        "c2 line 3 organization Example Ltd Two & Co",
        "team_size 12",
    ]
    assert "<del>Example Ltd</del>" in manager.get(f"{FORM}{upload.pk}/?rows=updated").text
    assert table(manager, upload, "created") == [
        f"4 c5 someone@c5.example {HOSTILE} example-dev 2025-05-01 VIP SaaS 12 active"
    ]
    assert HOSTILE not in manager.get(f"{FORM}{upload.pk}/?rows=created").text
    assert table(manager, upload, "quarantined") == [
        "5 email: 'nowhere' is not an email address team_size: 'many' is not a whole number (digits only) "
        "c6,nowhere,Example Ltd,example-dev,2025-05-01,VIP,SaaS,many,active"
    ]
    assert table(manager, upload, "missing") == ["c3 Example Ltd", "c4 Example Ltd"]


def test_preview_then_load(tmp_path: Path, manager: Client) -> None:
    folder = tmp_path / "night"
    folder.mkdir()
    write_feed(folder, "customers", [customer_row(1), customer_row(2), customer_row(3), customer_row(4)])
    load(folder, "customers")
    before = feed_tables()
    content = csv_of(
        "customers",
        customer_row(1),
        customer_row(2, organization="Two & Co", team_size=""),
        customer_row(5, organization=HOSTILE),
        customer_row(6, team_size="many") | {"email": "nowhere"},
    )
    upload = uploaded(manager, "customers", content, "März <b>.csv")
    assert (feed_tables(), ImportRun.objects.count(), QuarantinedRow.objects.count()) == (before, 1, 0)
    assert RowChange.objects.count() == Fix.objects.count() == 0
    assert counts(upload) == {
        "rows": 4, "created": 1, "updated": 1, "unchanged": 1, "quarantined": 1, "retried": 0,
    }  # fmt: skip
    assert_each_row_is_shown(manager, upload)
    run = loaded(manager, upload)
    assert counts(run) == counts(upload)
    assert (run.started_by, run.forced_by, run.file, run.sha256) == ("mary", "", "März <b>.csv", upload.sha256)
    assert (run.scope, run.size) == ("whole", len(content))
    assert set(Customer.objects.filter(missing_since=run).values_list("pk", flat=True)) == {"c3", "c4"}
    assert Customer.objects.get(pk="c2").organization == "Two & Co"
    download = manager.get(f"/admin/customers/importrun/{run.pk}/file/")
    assert b"".join(download) == content
    assert files() == []


def test_a_download_of_the_run_page_is_the_uploaded_file(manager: Client) -> None:
    content = csv_of("customers", customer_row(1))
    run = loaded(manager, uploaded(manager, "customers", content, "my customers.csv"))
    assert archive.find(run)
    response = manager.get(f"/admin/customers/importrun/{run.pk}/change/")
    assert "my customers.csv" in section(response, "file")
    assert Upload.objects.get().run == run


def test_nothing_is_loaded_that_is_cancelled(manager: Client) -> None:
    upload = uploaded(manager, "customers", csv_of("customers", customer_row(1)))
    response = manager.post(f"{FORM}{upload.pk}/cancel/", follow=True)
    assert said(response) == ["customers.csv was removed; nothing of it was loaded."]
    assert (Upload.objects.count(), Customer.objects.count(), ImportRun.objects.count(), files()) == (0, 0, 0, [])
    assert said(manager.post(f"{FORM}{upload.pk}/cancel/", follow=True)) == ["It is gone already."]
    assert said(confirmed(manager, upload)) == [
        "The upload is no longer there: it was cancelled, or is older than a day. Upload it again."
    ]
    assert manager.get(f"{FORM}{upload.pk}/").status_code == 404


def test_the_second_of_two_confirmations_leads_to_the_run(manager: Client) -> None:
    upload = uploaded(manager, "customers", csv_of("customers", customer_row(1)))
    run = loaded(manager, upload)
    response = confirmed(manager, upload)
    assert said(response)[0] == f"customers.csv was loaded already, by run {run.pk}."
    assert response.redirect_chain[-1][0] == f"/admin/customers/importrun/{run.pk}/change/"
    assert ImportRun.objects.count() == 1
    manager.post(f"{FORM}{upload.pk}/cancel/")
    assert Upload.objects.count() == 1


def test_another_file_than_the_previewed_one_is_never_loaded(manager: Client) -> None:
    upload = uploaded(manager, "customers", csv_of("customers", customer_row(1)))
    assert said(confirmed(manager, upload, sha256="0" * 64)) == [
        "What you confirmed is another file than this one: look at the preview again."
    ]
    path = upload_on_disk(upload)
    path.write_bytes(csv_of("customers", customer_row(2)))
    gone = "The stored file is no longer the one that was uploaded: cancel this, and upload it again."
    assert said(confirmed(manager, upload)) == [gone]
    path.unlink()
    assert said(confirmed(manager, upload)) == [gone]
    assert ImportRun.objects.count() == 0


def test_data_that_changed_since_ask_for_another_look(tmp_path: Path, manager: Client) -> None:
    upload = uploaded(manager, "customers", csv_of("customers", customer_row(1)))
    folder = tmp_path / "night"
    folder.mkdir()
    write_feed(folder, "customers", [customer_row(1), customer_row(2)])
    load(folder, "customers")
    assert said(confirmed(manager, upload)) == [
        "The data have changed since the preview. This is the new one: look at it again."
    ]
    assert ImportRun.objects.count() == 1
    upload.refresh_from_db()
    assert (counts(upload)["created"], counts(upload)["unchanged"], upload.preview["missing"]) == (0, 1, 1)
    assert counts(loaded(manager, upload)) == counts(upload)


def test_a_preview_that_somebody_else_made_since_is_not_confirmed_unseen(manager: Client) -> None:
    looked_at = uploaded(manager, "customers", csv_of("customers", customer_row(1)))
    Fix.objects.create(feed="customers", raw="x", sha256="1", cells=["x"] * 9)
    other = Client()
    other.force_login(make_staff("Program manager"))
    other.post(f"{FORM}{looked_at.pk}/preview/")
    assert said(confirmed(manager, looked_at)) == [
        "Somebody has made a new preview since. This is it: look at it again."
    ]
    assert ImportRun.objects.count() == 0
    loaded(manager, Upload.objects.get())


@pytest.mark.parametrize("change", ["fix", "day"])
def test_a_new_fix_or_another_day_asks_for_another_look(
    change: str, manager: Client, today_is: Callable[[date], None]
) -> None:
    upload = uploaded(manager, "customers", csv_of("customers", customer_row(1)))
    if change == "fix":
        Fix.objects.create(feed="customers", raw="x", sha256="1", cells=["x"] * 9)
    else:
        today_is(date(2026, 2, 1))
    assert said(confirmed(manager, upload))[0].startswith("The data have changed since the preview.")
    loaded(manager, Upload.objects.get())


def test_a_refused_run_changes_no_data(tmp_path: Path, manager: Client) -> None:
    upload = uploaded(manager, "customers", csv_of("customers", customer_row(1)))
    folder = tmp_path / "night"
    folder.mkdir()
    (folder / "customers.csv").write_bytes(b"")
    assert load(folder, "customers")["customers"].status == "refused"
    loaded(manager, upload)


def test_while_an_import_runs_the_upload_is_kept(manager: Client) -> None:
    busy = "An import is running; the upload is kept: try again when it has ended."
    with held_elsewhere("import"):
        response = send(manager, "customers", csv_of("customers", customer_row(1)))
        upload = Upload.objects.get()
        assert said(response) == [busy]
        assert notices(response) == ["There is no preview yet. Nothing is loaded."]
        assert said(manager.post(f"{FORM}{upload.pk}/preview/", follow=True)) == [busy]
        assert said(manager.post(f"{FORM}{upload.pk}/cancel/", follow=True)) == [busy]
        assert said(confirmed(manager, upload)) == [busy]
    manager.post(f"{FORM}{upload.pk}/preview/")
    upload.refresh_from_db()
    loaded(manager, upload)


def test_two_people_have_an_upload_each(manager: Client) -> None:
    first = uploaded(manager, "customers", csv_of("customers", customer_row(1)))
    other = Client()
    other.force_login(make_staff("Administrator", username="ada"))
    second = uploaded(other, "customers", csv_of("customers", customer_row(1), customer_row(2)))
    listed = section(other.get(FORM), "waiting")
    assert re.findall(r"customers.csv Customers (\w+)", listed) == ["ada", "mary"]
    assert loaded(manager, first).started_by == "mary"
    assert said(confirmed(other, second))[0].startswith("The data have changed")
    second.refresh_from_db()
    assert (loaded(other, second).started_by, Customer.objects.count()) == ("ada", 2)


def test_what_nobody_decides_on_is_removed_after_a_day(tmp_path: Path, manager: Client) -> None:
    old = uploaded(manager, "customers", csv_of("customers", customer_row(1)))
    Upload.objects.update(uploaded_at=old.uploaded_at - timedelta(days=1, minutes=1))
    folder = upload_folder_on_disk(old)
    os.utime(folder, (0, 0))
    ours = Path(project.UPLOAD_DIR) / "notes.txt"
    ours.write_text("not an upload")
    os.utime(ours, (0, 0))
    new = uploaded(manager, "customers", csv_of("customers", customer_row(1)))
    assert [upload.pk for upload in Upload.objects.all()] == [new.pk]
    assert (folder.exists(), ours.exists(), upload_on_disk(new).exists()) == (False, True, True)
    Upload.objects.update(uploaded_at=old.uploaded_at - timedelta(days=2))
    os.utime(upload_folder_on_disk(new), (0, 0))
    assert run("import_csvs", "--dir", write_feed(tmp_path, "customers").parent, "--feed", "customers").code == 0
    assert (Upload.objects.count(), upload_folder_on_disk(new).exists()) == (0, False)


def test_nobody_else_on_the_machine_can_read_an_upload(manager: Client) -> None:
    upload = uploaded(manager, "customers", csv_of("customers", customer_row(1)))
    folder = upload_folder_on_disk(upload)
    assert folder.stat().st_mode & 0o077 == 0
    assert upload_on_disk(upload).stat().st_mode & 0o777 == 0o600

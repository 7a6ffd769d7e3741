"""Uploads: what the preview says is what the confirmed run does, and nothing else is ever loaded."""

import os
import re
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest
from django.conf import settings as project
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from hypothesis import given, settings
from hypothesis import strategies as st

from customers.archive import files as archive
from customers.models import Customer, Engagement, Fix, ImportRun, Onboarding, QuarantinedRow, RowChange, Upload
from customers.uploads import store
from customers.uploads.preview import KINDS
from customers.uploads.uploads import rows_of
from tests.factories import make_customer, make_onboarding, make_staff, write_feed
from tests.support.commands import held_elsewhere, run
from tests.support.loading import customer_row, engagement_on, feed_tables, load, onboarding_row
from tests.support.pages import links, main_part, notices, said, section, words
from tests.support.selection import examples_of_a_push
from tests.support.uploading import (
    FORM,
    confirmed,
    counts,
    csv_of,
    errors,
    fixed_day,
    loaded,
    own_folders,
    send,
    uploaded,
)

__all__ = ["fixed_day", "own_folders"]

pytestmark = pytest.mark.django_db

HOSTILE = '<script>alert("x")</script>'


@pytest.fixture
def manager(client: Client) -> Client:
    client.force_login(make_staff("Program manager", username="mary"))
    return client


def table(client: Client, upload: Upload, kind: str, page: int = 1) -> list[str]:
    """The words of each row of the preview's table."""
    response = client.get(f"{FORM}{upload.pk}/?rows={kind}&page={page}")
    [found] = re.findall(r'class="rsolv-table.*?</thead>(.*?)</table>', main_part(response), re.DOTALL)
    return [words(row) for row in re.findall(r"<tr>.*?</tr>", found, re.DOTALL)]


def files() -> list[str]:
    return [path.name for path in Path(project.UPLOAD_DIR).rglob("*") if path.is_file()]


# --- The way ------------------------------------------------------------------------------------------------


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
        "5 email: 'nowhere' is not an e-mail address team_size: 'many' is not a whole number (digits only) "
        "c6,nowhere,Example Ltd,example-dev,2025-05-01,VIP,SaaS,many,active"
    ]
    assert table(manager, upload, "missing") == ["c3 Example Ltd", "c4 Example Ltd"]

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
    path = store.upload_path(upload)
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
    folder = store.upload_folder(old)
    os.utime(folder, (0, 0))
    ours = Path(project.UPLOAD_DIR) / "notes.txt"
    ours.write_text("not an upload")
    os.utime(ours, (0, 0))
    new = uploaded(manager, "customers", csv_of("customers", customer_row(1)))
    assert [upload.pk for upload in Upload.objects.all()] == [new.pk]
    assert (folder.exists(), ours.exists(), store.upload_path(new).exists()) == (False, True, True)
    Upload.objects.update(uploaded_at=old.uploaded_at - timedelta(days=2))
    os.utime(store.upload_folder(new), (0, 0))
    assert run("import_csvs", "--dir", write_feed(tmp_path, "customers").parent, "--feed", "customers").code == 0
    assert (Upload.objects.count(), store.upload_folder(new).exists()) == (0, False)


def test_nobody_else_on_the_machine_can_read_an_upload(manager: Client) -> None:
    upload = uploaded(manager, "customers", csv_of("customers", customer_row(1)))
    folder = store.upload_folder(upload)
    assert folder.stat().st_mode & 0o077 == 0
    assert store.upload_path(upload).stat().st_mode & 0o777 == 0o600


# --- Refusals -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (csv_of("engagement"), "line 1: the header lacks email, organization, github_username, signup_date, cohort, "),
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


# --- Many rows, long cells --------------------------------------------------------------------------------------


def test_many_rows_have_pages_with_the_same_few_queries(manager: Client) -> None:
    rows = [customer_row(number) for number in range(1, 5_001)]
    upload = uploaded(manager, "customers", csv_of("customers", *rows))
    asked = []
    for page in (1, 2, 100):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            shown = table(manager, upload, "created", page)
        asked.append(len(queries))
        assert [row.split()[1] for row in shown] == [f"c{n}" for n in range(page * 50 - 49, page * 50 + 1)]
    assert len(set(asked)) == 1
    response = manager.get(f"{FORM}{upload.pk}/?page=100")
    assert "4,951–5,000 of 5,000" in section(response, "changes")
    assert links(response, "Previous") == ["?page=99#changes"]
    assert manager.get(f"{FORM}{upload.pk}/?rows=rubbish&page=rubbish").status_code == 200


def test_long_cells_are_cut_where_they_begin_to_differ(manager: Client) -> None:
    customer = make_customer(id="c1")
    make_onboarding(customer, id="o1", notes="n" * 1_000 + "old")
    upload = uploaded(
        manager, "onboarding", csv_of("onboarding", onboarding_row("o1", "c1", notes="n" * 1_000 + "new" + "x" * 500))
    )
    [row] = rows_of(upload, "updated")
    [(before, after)] = [(old, new) for name, old, new in row["cells"] if name == "notes"]
    assert before == "…" + "n" * 40 + "old"
    assert after == "…" + "n" * 40 + "new" + "x" * 257 + "… (243 more characters)"


def test_a_preview_whose_files_are_gone_shows_its_counts(manager: Client) -> None:
    upload = uploaded(manager, "customers", csv_of("customers", customer_row(1)))
    store.remove_folder(store.upload_folder(upload))
    page = manager.get(f"{FORM}{upload.pk}/?rows=created")
    assert "Created 1" in section(page, "counts")
    assert 'id="changes"' not in page.text


def test_a_preview_that_cannot_be_stored_is_told(manager: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("customers.uploads.uploads.write_rows", full)
        response = send(manager, "customers", csv_of("customers", customer_row(1)))
        assert said(response) == ["The preview cannot be stored: No space left on device. Tell the operator."]
        patch.setattr("customers.uploads.store.new_folder", full)
        assert errors(send(manager, "customers", csv_of("customers", customer_row(1)))) == [
            "The file cannot be stored here: No space left on device. Tell the operator."
        ]
    assert (ImportRun.objects.count(), Upload.objects.get().preview) == (0, {})


def test_what_came_out_of_quarantine_and_was_changed_at_once_is_updated(tmp_path: Path, manager: Client) -> None:
    folder = tmp_path / "night"
    folder.mkdir()
    write_feed(folder, "onboarding", [onboarding_row("o5", "c1"), onboarding_row("o7", "c2")])
    load(folder, "onboarding")
    make_customer(id="c1")
    make_customer(id="c2")
    content = csv_of("onboarding", onboarding_row("o6", "c1"), onboarding_row("o7", "c2", notes="new"))
    upload = uploaded(manager, "onboarding", content)
    assert (counts(upload)["retried"], counts(upload)["created"], counts(upload)["updated"]) == (2, 0, 2)
    assert [row["key"] for row in rows_of(upload, "updated")] == ["o6", "o7"]
    assert "Retried 2" in section(manager.get(f"{FORM}{upload.pk}/"), "counts")
    assert counts(loaded(manager, upload)) == counts(upload)


def test_a_row_that_another_id_replaces_is_shown_with_what_it_was(manager: Client) -> None:
    make_onboarding(make_customer(id="c1"), id="o1", notes="old")
    upload = uploaded(manager, "onboarding", csv_of("onboarding", onboarding_row("o2", "c1", notes="new")))
    [row] = rows_of(upload, "updated")
    assert (counts(upload)["updated"], row["key"], row["line"]) == (1, "o2", 2)
    assert ["id", "o1", "o2"] in row["cells"]
    assert ["notes", "old", "new"] in row["cells"]


def test_only_the_form_is_asked_for_by_an_address(manager: Client) -> None:
    upload = uploaded(manager, "customers", csv_of("customers", customer_row(1)))
    for step in ("confirm", "cancel", "preview"):
        response = manager.get(f"{FORM}{upload.pk}/{step}/")
        assert (response.status_code, response.url) == (302, f"{FORM}{upload.pk}/")
    upload.refresh_from_db()
    assert (upload.run, Customer.objects.count()) == (None, 0)
    assert f'href="{FORM}"' in manager.get("/admin/customers/importrun/").text
    assert FORM not in manager.get("/admin/customers/quarantinedrow/").text
    loaded(
        manager, uploaded(manager, "customers", csv_of("customers", customer_row(1), customer_row(2, status="lost")))
    )
    assert f'href="{FORM}?feed=customers"' in manager.get("/admin/customers/quarantinedrow/").text


@pytest.mark.parametrize("role", ["Viewer", "Success manager"])
def test_who_may_not_upload_is_not_offered_it(role: str, client: Client) -> None:
    client.force_login(make_staff(role))
    assert FORM not in client.get("/admin/customers/importrun/").text
    assert FORM not in client.get("/admin/customers/quarantinedrow/").text
    assert send(client, "customers", csv_of("customers", customer_row(1))).status_code == 403
    assert (Upload.objects.count(), files()) == (0, [])


# --- The preview is the truth ---------------------------------------------------------------------------------------

KEYS = st.sampled_from(["1", "2", "3", "4", "-"])
ROWS = {
    "customers": st.builds(
        lambda key, cohort: customer_row(0, cohort=cohort) | {"id": f"c{key}" if key != "-" else key},
        KEYS,
        st.sampled_from(["VIP", "Beta", "x" * 101]),
    ),
    "onboarding": st.builds(
        lambda key, customer, blocker: onboarding_row(f"o{key}", f"c{customer}", blocker_type=blocker),
        KEYS,
        KEYS,
        st.sampled_from(["", "legal"]),
    ),
    "engagement": st.builds(
        lambda key, customer, day: engagement_on(day) | {"id": f"e{key}", "customer_id": f"c{customer}"},
        KEYS,
        KEYS,
        st.sampled_from(["2025-05-01", "2025-05-02", "soon"]),
    ),
}


def by_states(run: ImportRun, upload_rows: dict[str, list]) -> None:
    """The rows of a preview are those of the run."""
    model = {"customers": Customer, "onboarding": Onboarding, "engagement": Engagement}[run.feed]
    written = {(row.pk, row.line) for row in model.objects.filter(run=run.pk)}
    shown = {(row["key"], row["line"]) for kind in ("created", "updated") for row in upload_rows[kind]}
    assert shown == written
    assert len(upload_rows["created"]) == run.created
    assert len(upload_rows["updated"]) == run.updated
    bad = list(run.quarantined_rows.order_by("line").values("line", "raw", "reasons"))
    assert upload_rows["quarantined"] == bad
    if run.feed != "engagement":
        gone = model.objects.filter(missing_since=run).order_by("pk").values_list("pk", flat=True)
        assert [row["key"] for row in upload_rows["missing"]] == list(gone)


@pytest.mark.parametrize("feed", ROWS)
@given(data=st.data())
@settings(max_examples=examples_of_a_push(15))
def test_what_the_preview_says_is_what_the_run_does(
    feed: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with transaction.atomic():
        folder = tmp_path_factory.mktemp("night")
        night = {name: data.draw(st.lists(ROWS[name], max_size=5)) for name in ROWS}
        for name, rows in night.items():
            write_feed(folder, name, rows)
        load(folder)
        client = Client()
        client.force_login(make_staff("Program manager"))
        upload = uploaded(client, feed, csv_of(feed, *data.draw(st.lists(ROWS[feed], max_size=6))))
        shown = {kind: list(rows_of(upload, kind)) for kind in KINDS}
        run = loaded(client, upload)
        assert counts(run) == counts(upload)
        assert upload.preview["missing"] == len(shown["missing"])
        by_states(run, shown)
        transaction.set_rollback(True)

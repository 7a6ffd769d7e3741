"""The preview of an upload: every row, however many or long, as the run will make it."""

from pathlib import Path

import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from hypothesis import given, settings
from hypothesis import strategies as st

from customers.models import Customer, Engagement, ImportRun, Onboarding, Upload
from customers.uploads import store
from customers.uploads.preview import KINDS
from customers.uploads.uploads import rows_of
from tests.factories import make_customer, make_onboarding, make_staff, write_feed
from tests.support.loading import customer_row, engagement_on, load, onboarding_row
from tests.support.pages import links, said, section
from tests.support.selection import examples_of_a_push
from tests.support.uploading import (
    FORM,
    counts,
    csv_of,
    errors,
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
    store.remove_folder(upload.folder)
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

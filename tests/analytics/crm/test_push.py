"""Pushes to HubSpot and into a file: sums, hashes, modes, refusals, undo, and what is never sent."""

import hashlib
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as project

from analytics.crm.begin import NotPushable
from analytics.crm.changed_rows import ChangedRows, file_of
from analytics.crm.interface import CrmRow
from analytics.crm.pushing import push_to, resume_push, undo_push
from analytics.models import Destination, Push, PushedCustomer, PushRow, Snapshot
from customers.erasure.erase import erase, preview_erasure
from customers.jobs.lock import LockHeld
from customers.models import AuditEntry, Customer, CustomerCare
from tests.support.commands import held_elsewhere
from tests.support.crm import OVERWRITTEN, counts, make_destination, make_hubspot, make_scored, score
from tests.support.hubspot import FakeHubSpot
from tests.support.storage import on_disk

pytestmark = pytest.mark.django_db


@pytest.fixture
def there(hubspot: FakeHubSpot, monkeypatch: pytest.MonkeyPatch) -> Destination:
    return make_hubspot(hubspot, monkeypatch)


def fields(**modes: str) -> dict[str, Any]:
    return {name: {"name": f"rsolv_{name}", "mode": mode} for name, mode in modes.items()}


def test_a_push_sends_what_differs_and_the_next_one_nothing(there: Destination, hubspot: FakeHubSpot) -> None:
    make_scored(3)
    hubspot.give("c3", domain="three.example", name="Three")
    push = push_to(there, "ada")
    assert (push.state, push.reason, counts(push)) == ("done", "", {"new": 3})
    assert hubspot.companies["c1"] == {"rsolv_customer_id": "c1", "rsolv_score": "75", "rsolv_status": "Healthy"}
    assert hubspot.companies["c3"]["name"] == "Three"
    assert dict(push.rows.values_list("customer", "state")) == {"c1": "created", "c2": "created", "c3": "updated"}
    assert counts(push_to(there, "ada")) == {"unchanged": 3}
    score("c2", 40)
    third = push_to(there, "ada")
    assert counts(third) == {"changed": 1, "unchanged": 2}
    row = third.rows.get()
    assert (row.before["rsolv_score"], row.after["rsolv_score"]) == ("75", "40")
    assert hubspot.companies["c2"]["rsolv_score"] == "40"
    assert hubspot.upserts == [["c1", "c2", "c3"], ["c2"]]


def test_what_is_pushed_is_in_the_audit_and_names_no_credentials(there: Destination) -> None:
    make_scored(1)
    push = push_to(there, "ada")
    texts = list(AuditEntry.objects.filter(model="analytics.push", key=push.pk).values_list("text", flat=True))
    assert texts == [
        "1 new, 0 changed, 0 unchanged, 0 refused and 0 held back of 1 customer",
        "as of 10 May 2025: 1 customer to be sent",
    ]


def test_do_not_sync_and_erased_customers_are_held_back(there: Destination, hubspot: FakeHubSpot) -> None:
    make_scored(4)
    CustomerCare.objects.create(customer_id="c2", do_not_sync=True)
    erase("c3", "ada")
    push = push_to(there, "ada")
    assert counts(push) == {"new": 2, "held_back": 2}
    assert (push.not_synced, push.erased, hubspot.written) == (1, 1, ["c1", "c4"])


def test_who_is_switched_off_or_erased_on_the_way_is_not_sent(there: Destination, hubspot: FakeHubSpot) -> None:
    make_scored(3)
    hubspot.status = 403
    push = push_to(there, "ada")
    assert (push.state, counts(push)) == ("unfinished", {"waiting": 3})
    CustomerCare.objects.create(customer_id="c2", do_not_sync=True)
    erase("c3", "ada")
    hubspot.status = 0
    assert counts(resume_push(push)) == {"new": 1, "held_back": 2}
    assert hubspot.written == ["c1"]


def test_who_is_held_back_after_it_was_perhaps_sent_is_in_doubt(
    there: Destination, hubspot: FakeHubSpot, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_scored(2)
    push_to(there, "ada")
    score("c1", 40)
    hubspot.faults.extend(["gone"] * 4)
    push = push_to(there, "ada")
    assert (push.state, hubspot.companies["c1"]["rsolv_score"]) == ("unfinished", "40")
    care = CustomerCare.objects.create(customer_id="c1", do_not_sync=True)
    assert counts(resume_push(push)) == {"unchanged": 1, "held_back": 1}
    assert push.rows.get().words.endswith("has perhaps arrived.")
    score("c1", 75)
    care.do_not_sync = False
    care.save()
    # What was last recorded is what is scored again, and yet it is sent.
    assert counts(push_to(there, "ada")) == {"unchanged": 1, "changed": 1}
    assert hubspot.companies["c1"]["rsolv_score"] == "75"


def test_a_refused_row_has_the_words_of_hubspot_and_is_tried_again(there: Destination, hubspot: FakeHubSpot) -> None:
    make_scored(3)
    hubspot.refuse = lambda properties: "Score is too high" if properties["rsolv_customer_id"] == "c2" else ""
    push = push_to(there, "ada")
    assert (push.state, counts(push)) == ("done", {"new": 2, "refused": 1})
    assert push.rows.get(state="refused").words == "Score is too high"
    assert counts(push_to(there, "ada")) == {"unchanged": 2, "refused": 1}
    hubspot.refuse = lambda properties: ""
    assert counts(push_to(there, "ada")) == {"unchanged": 2, "new": 1}


def test_undo_pushes_the_previous_values(there: Destination, hubspot: FakeHubSpot) -> None:
    make_scored(3)
    push_to(there, "ada")
    score("c1", 10)
    score("c2", 20)
    second = push_to(there, "ada")
    score("c2", 30)
    push_to(there, "ada")
    undo = undo_push(second, "ada")
    assert (undo.undoes, counts(undo)) == (second, {"changed": 1, "unchanged": 1})
    assert [hubspot.companies[key]["rsolv_score"] for key in ("c1", "c2", "c3")] == ["75", "30", "75"]
    for again in (second, undo):
        with pytest.raises(NotPushable):
            undo_push(again, "ada")
    assert counts(push_to(there, "ada")) == {"changed": 1, "unchanged": 2}
    assert hubspot.companies["c1"]["rsolv_score"] == "10"


def test_undo_of_new_ones_empties_our_fields_and_deletes_nothing(there: Destination, hubspot: FakeHubSpot) -> None:
    make_scored(1)
    undo_push(push_to(there, "ada"), "ada")
    assert hubspot.companies == {"c1": {"rsolv_customer_id": "c1", "rsolv_score": "", "rsolv_status": ""}}


def test_the_modes_of_fields(hubspot: FakeHubSpot, monkeypatch: pytest.MonkeyPatch) -> None:
    modes = fields(score="overwrite", status="fill_new", stage="fill_empty", trend="fill_empty")
    there = make_hubspot(hubspot, monkeypatch, fields=modes)
    make_scored(2)
    hubspot.give("c2", rsolv_stage="Theirs")
    push_to(there, "ada")
    made, met = hubspot.companies["c1"], hubspot.companies["c2"]
    assert (made["rsolv_status"], made["rsolv_stage"], made["rsolv_trend"]) == ("Healthy", "Onboarding", "Stable")
    assert ("rsolv_status" in met, met["rsolv_stage"], met["rsolv_trend"]) == (False, "Theirs", "Stable")
    reads = hubspot.reads
    Snapshot.objects.update(status="at_risk", stage="regular_usage", trend="declining")
    assert counts(push_to(there, "ada")) == {"unchanged": 2}
    Snapshot.objects.update(score=1)
    assert counts(push_to(there, "ada")) == {"changed": 2}
    assert hubspot.companies["c1"] == {**made, "rsolv_score": "1"}
    assert hubspot.companies["c2"] == {**met, "rsolv_score": "1"}
    assert hubspot.reads == reads


def test_a_field_that_is_filled_when_there_is_something_to_fill(
    hubspot: FakeHubSpot, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = make_hubspot(hubspot, monkeypatch, fields=fields(score="overwrite", blocker="fill_empty"))
    make_scored(2)
    push_to(there, "ada")
    Snapshot.objects.update(blocker_type="firewall")
    hubspot.companies["c2"]["rsolv_blocker"] = "Theirs"
    push = push_to(there, "ada")
    assert counts(push) == {"changed": 2}
    assert [hubspot.companies[key]["rsolv_blocker"] for key in ("c1", "c2")] == ["firewall", "Theirs"]
    assert push.rows.get(customer="c2").after["rsolv_blocker"] is None
    undo_push(push, "ada")
    assert [hubspot.companies[key]["rsolv_blocker"] for key in ("c1", "c2")] == ["", "Theirs"]


@pytest.mark.parametrize("status", [401, 403])
def test_a_push_that_cannot_go_on_says_what_to_do(
    there: Destination, hubspot: FakeHubSpot, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    make_scored(1)
    if status == 401:
        monkeypatch.setenv("CRM_HUBSPOT_TOKEN", "another")
    else:
        hubspot.status = status
    push = push_to(there, "ada")
    assert (push.state, counts(push)) == ("unfinished", {"waiting": 1})
    assert "CRM_HUBSPOT_TOKEN" in push.reason
    assert "another" not in push.reason


def test_a_login_in_netrc_does_not_replace_the_token(
    there: Destination, hubspot: FakeHubSpot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_text("default login somebody password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    make_scored(1)
    assert counts(push_to(there, "ada")) == {"new": 1}


def test_without_credentials_or_properties_nothing_is_sent(
    there: Destination, hubspot: FakeHubSpot, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_scored(1)
    del hubspot.properties["rsolv_score"]
    hubspot.properties["rsolv_customer_id"] = False
    push = push_to(there, "ada")
    assert push.reason == (
        "HubSpot has no company property rsolv_score. "
        "The property rsolv_customer_id does not require unique values, so it cannot match."
    )
    monkeypatch.delenv("CRM_HUBSPOT_TOKEN")
    assert "no CRM_HUBSPOT_TOKEN" in resume_push(push).reason
    assert hubspot.written == []


def test_an_unfinished_push_is_finished_first_and_given_up_when_its_fields_changed(
    there: Destination, hubspot: FakeHubSpot
) -> None:
    make_scored(2)
    hubspot.status = 403
    first = push_to(there, "ada")
    score("c1", 10)
    hubspot.status = 0
    second = push_to(there, "ada")
    first.refresh_from_db()
    assert (first.state, counts(first), counts(second)) == ("done", {"new": 2}, {"changed": 1, "unchanged": 1})
    hubspot.status = 403
    score("c1", 20)
    third = push_to(there, "ada")
    hubspot.status = 0
    there.fields = {"score": OVERWRITTEN["score"]}
    there.save()
    fourth = push_to(there, "ada")
    third.refresh_from_db()
    assert (third.state, counts(third), counts(fourth)) == (
        "abandoned",
        {"waiting": 1, "unchanged": 1},
        {"changed": 2},
    )


def test_two_at_once_and_a_destination_that_is_off(there: Destination, hubspot: FakeHubSpot) -> None:
    make_scored(1)
    with held_elsewhere(f"crm-{there.pk}"), pytest.raises(LockHeld):
        push_to(there, "ada")
    Destination.objects.update(enabled=False)
    with pytest.raises(NotPushable, match="is off"):
        push_to(there, "ada")
    assert hubspot.written == []


def test_foreign_fields_are_never_written(there: Destination, hubspot: FakeHubSpot) -> None:
    make_scored(1)
    Destination.objects.update(fields={"score": {"name": "name", "mode": "overwrite"}})
    push = push_to(there, "ada")
    assert push.reason == "Not sent: name does not begin with rsolv_."
    assert hubspot.written == []


def test_a_file_has_the_changed_rows_and_a_manifest(tmp_path: Path, settings: Any) -> None:
    settings.EXPORT_DIR = tmp_path / "exports"
    there = make_destination()
    make_scored(2)
    push_to(there, "ada")
    score("c2", 40)
    push = push_to(there, "ada")
    assert counts(push) == {"changed": 1, "unchanged": 1}
    with zipfile.ZipFile(on_disk(file_of(push))) as archive:
        manifest = json.loads(archive.read("manifest.json"))
        content = archive.read("changed_rows.csv")
    assert content.decode() == "rsolv_customer_id,rsolv_score,rsolv_status\r\nc2,40,Healthy\r\n"
    assert (manifest["as_of"], manifest["customers"], manifest["unchanged"]) == ("2025-05-10", 2, 1)
    assert manifest["files"] == {"changed_rows.csv": {"rows": 1, "sha256": hashlib.sha256(content).hexdigest()}}
    assert {path.suffix for path in on_disk(file_of(push)).parent.iterdir()} == {".zip"}


def test_an_erasure_takes_the_customer_out_of_the_files(tmp_path: Path, settings: Any) -> None:
    settings.EXPORT_DIR, settings.ARCHIVE_DIR = tmp_path / "exports", tmp_path / "archive"
    there = make_destination()
    make_scored(3)
    push = push_to(there, "ada")
    score("c3", 40)
    other = push_to(there, "ada")
    before = on_disk(file_of(other)).read_bytes()
    foreign = on_disk(file_of(push)).with_name("rsolv_changed_rows_of_somebody.zip")
    foreign.write_bytes(b"no archive")
    with zipfile.ZipFile(on_disk(file_of(push))) as archive:
        whole = archive.read("changed_rows.csv").decode()
    preview_erasure("c2")
    with zipfile.ZipFile(on_disk(file_of(push))) as archive:
        assert archive.read("changed_rows.csv").decode() == whole
    erasure = erase("c2", "ada")
    assert erasure.counts["archived files redacted"] == 1
    with zipfile.ZipFile(on_disk(file_of(push))) as archive:
        content, manifest = archive.read("changed_rows.csv"), json.loads(archive.read("manifest.json"))
    assert content.decode() == whole.replace("c2,75,Healthy\r\n", "")
    assert manifest["files"] == {"changed_rows.csv": {"rows": 2, "sha256": hashlib.sha256(content).hexdigest()}}
    assert (manifest["erased"], manifest["customers"]) == (1, 3)
    assert (on_disk(file_of(other)).read_bytes(), foreign.read_bytes()) == (before, b"no archive")
    erase("c3", "ada")
    with zipfile.ZipFile(on_disk(file_of(push))) as archive:
        assert json.loads(archive.read("manifest.json"))["erased"] == 2


def test_who_is_erased_while_a_file_is_written_is_not_in_it(
    tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.EXPORT_DIR = tmp_path / "exports"
    make_scored(2)
    write = ChangedRows._write

    def erased_meanwhile(self: ChangedRows, rows: list[CrmRow]) -> None:
        if Customer.objects.filter(pk="c1").exists():
            erase("c1", "ada")
        write(self, rows)

    monkeypatch.setattr(ChangedRows, "_write", erased_meanwhile)
    push = push_to(make_destination(), "ada")
    with zipfile.ZipFile(on_disk(file_of(push))) as archive:
        assert b"c1" not in archive.read("changed_rows.csv")
    assert counts(push) == {"new": 1, "held_back": 1}


def test_a_folder_that_cannot_be_written_stops_the_push(tmp_path: Path, settings: Any) -> None:
    settings.EXPORT_DIR = tmp_path / "file"
    (tmp_path / "file").write_text("")
    make_scored(1)
    push = push_to(make_destination(), "ada")
    assert (push.state, counts(push)) == ("unfinished", {"waiting": 1})
    assert push.reason.startswith(f"{tmp_path / 'file'} cannot be written")


def test_nothing_is_pushed_before_anything_is_scored() -> None:
    with pytest.raises(NotPushable, match="No date is scored yet"):
        push_to(make_destination(), "ada")
    assert not Push.objects.exists()


def test_an_erased_customer_leaves_nothing_here(there: Destination) -> None:
    make_scored(2)
    push = push_to(there, "ada")
    erase("c1", "ada")
    assert set(PushRow.objects.values_list("customer", flat=True)) == {"c2"}
    assert set(PushedCustomer.objects.values_list("customer", flat=True)) == {"c2"}
    assert (counts(push), Customer.objects.count(), project.DEBUG) == ({"new": 2}, 1, False)

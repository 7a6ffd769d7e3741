"""A customer whose key changed in the source: noticed, and said."""

import json
from pathlib import Path

import pytest
from django.test import Client

from analytics.models import Night
from analytics.outreach.sending import why_closed
from customers.erasure.erase import erase
from customers.models import AuditEntry, Customer, CustomerCare, ImportRun, KeyChange
from customers.runs.undo import undo
from tests.factories import csv_row, write_feed, write_feeds
from tests.support.commands import run
from tests.support.field_nights import deliver, drop, on_28_november
from tests.support.key_changes import RENAMED, after, decide, named
from tests.support.loading import customer_row, load, onboarding_row
from tests.support.pages import section, words

__all__ = ["drop", "on_28_november"]
pytestmark = pytest.mark.django_db

IN_THE_NIGHT = (
    "3 of 3 feeds loaded: 1 created, 3 updated, 1 unchanged, 0 quarantined; 1 newly missing from customers.csv. "
    "Keys that seem to have changed: customer c1 → customer A-1."
)


def test_the_runs_name_both_keys(pair: KeyChange, manager: Client) -> None:
    moved = "moved from customer c1, who is missing from customers.csv, to customer A-1: a key seems to have changed"
    warnings = {one.feed: one.warnings for one in ImportRun.objects.order_by("pk")[3:]}
    assert warnings == {
        "customers": [
            "a key seems to have changed: customer A-1 is new, with the email address and organisation of customer "
            "c1, who is missing from the feed"
        ],
        "onboarding": [f"1 row {moved}"],
        "engagement": [f"2 rows {moved}"],
    }
    assert (pair.former_id, pair.customer_id, pair.state) == ("c1", "A-1", "open")
    assert pair.because == "the same email address and organisation, and 3 rows of other feeds moved"
    page = manager.get(f"/admin/customers/importrun/{pair.run_id}/change/")
    assert "customer A-1 is new, with the email address" in section(page, "warnings")
    assert "c1 (Acme)" in words(manager.get("/admin/customers/keychange/").text)


def test_the_night_names_them(drop: Path, manager: Client) -> None:
    for night in ("night1", "night2"):
        deliver(drop, RENAMED / night)
        ran = run("nightly")
        assert ran.code == 0
    assert IN_THE_NIGHT in ran.lines
    assert manager.get("/admin/analytics/night/").context["cl"].result_list[0].steps[0]["message"] == IN_THE_NIGHT


def test_json_has_the_pairs_last(drop: Path) -> None:
    deliver(drop, RENAMED / "night1")
    run("import_csvs")
    deliver(drop, RENAMED / "night2")
    for dry, expected in ((["--dry-run"], 0), ([], 1)):
        feeds = json.loads(run("import_csvs", "--json", *dry).out)["feeds"]
        assert [(list(one)[-1], one["key_changes"]) for one in feeds] == [
            ("key_changes", [{"former": "c1", "customer": "A-1"}]),
            ("key_changes", []),
            ("key_changes", []),
        ]
        assert KeyChange.objects.count() == expected
    # The same night once more tells nothing new.
    feeds = json.loads(run("import_csvs", "--json").out)["feeds"]
    assert [(one["key_changes"], one["warnings"], one["missing"]) for one in feeds] == [([], [], 0)] * 3


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        (named("x"), ["c1 → x"]),
        (named("x", "OPS@Acme.Example", " ACME "), ["c1 → x"]),
        (named("x", organization="Acme Europe"), []),
        (named("x", email="new@acme.example"), []),
    ],
    ids=["alike", "case and spaces", "another organisation", "another address"],
)
def test_address_and_organisation_tell(tmp_path: Path, new: dict[str, str], expected: list[str]) -> None:
    assert after(tmp_path, [named("c1"), customer_row(2)], [new, customer_row(2)]) == expected


def test_who_was_there_before_is_no_new_key(tmp_path: Path) -> None:
    assert after(tmp_path, [named("c1"), named("c2")], [named("c2")]) == []


def test_one_who_vanished_earlier_is_known_still(tmp_path: Path) -> None:
    assert after(tmp_path, [named("c1"), customer_row(2)], [customer_row(2)]) == []
    write_feed(tmp_path, "customers", [customer_row(2), named("x")])
    outcome = load(tmp_path, "customers")["customers"]
    assert outcome.key_changes == [{"former": "c1", "customer": "x"}]


def test_several_candidates_are_all_named(tmp_path: Path) -> None:
    assert after(tmp_path, [named("c1"), named("c2")], [named("x"), named("y")]) == [
        *("c1 → x", "c1 → y", "c2 → x", "c2 → y")
    ]


def test_a_new_key_out_of_quarantine_is_noticed(tmp_path: Path) -> None:
    bad = named("x") | {"team_size": "many"}
    assert after(tmp_path, [named("c1"), customer_row(2)], [bad, customer_row(2)]) == []
    write_feed(tmp_path, "customers", [customer_row(2), named("x")])
    assert load(tmp_path, "customers")["customers"].key_changes == [{"former": "c1", "customer": "x"}]


def test_rows_that_moved_tell_where_the_address_is_another(tmp_path: Path) -> None:
    steps = onboarding_row("o1", "c1")
    calls = csv_row("engagement", id="e1", customer_id="c1")
    write_feeds(tmp_path, customers=[named("c1"), customer_row(2)], onboarding=[steps], engagement=[calls])
    load(tmp_path)
    people = [named("x", email="other@acme.example"), customer_row(2)]
    moved = {"customer_id": "x"}
    write_feeds(tmp_path, customers=people, onboarding=[steps | moved], engagement=[calls | moved])
    told = load(tmp_path)
    assert [one.key_changes for one in told.values()] == [[], [{"former": "c1", "customer": "x"}], []]
    pair = KeyChange.objects.get()
    assert (pair.same_address, pair.moved_rows) == (False, 2)
    # “Do not contact” holds at once, though the address is another one.
    CustomerCare.objects.create(customer_id="c1", do_not_contact=True)
    assert why_closed(Customer.objects.get(pk="x")) == (
        "Acme (c1), who is missing from the feed, looks like the same customer, and is marked “do not contact”."
    )


def test_rows_that_move_between_customers_who_are_there_tell_nothing(tmp_path: Path) -> None:
    calls = csv_row("engagement", id="e1", customer_id="c1")
    write_feeds(tmp_path, customers=[customer_row(1), customer_row(2)], engagement=[calls])
    load(tmp_path)
    write_feed(tmp_path, "engagement", [calls | {"customer_id": "c2"}])
    assert load(tmp_path, "engagement")["engagement"].warnings == []
    assert not KeyChange.objects.exists()


def test_an_erased_customer_is_no_candidate(pair: KeyChange, drop: Path) -> None:
    erase("c1", "ada")
    assert not KeyChange.objects.exists()
    rows = (RENAMED / "night2" / "customers.csv").read_text().replace("A-1", "A-2")
    (drop / "customers.csv").write_text(rows)
    load(drop, "customers")
    assert [str(one) for one in KeyChange.objects.all()] == ["customer A-1 → customer A-2"]


def test_a_number_as_an_id_is_erased_from_what_was_said(drop: Path, manager: Client) -> None:
    for night in ("night1", "night2"):
        deliver(drop, RENAMED / night)
        for path in drop.iterdir():
            path.write_text(path.read_text().replace("c1,", "1001,").replace("A-1,", "2002,"))
        assert run("nightly").code == 0
    decide(manager, KeyChange.objects.get(), "join")
    erase("1001", "ada")
    said = [text for one in ImportRun.objects.all() for text in one.warnings]
    said += [step["message"] for night in Night.objects.all() for step in night.steps]
    said += [f"{entry.subject} {entry.text}" for entry in AuditEntry.objects.all()]
    assert [text for text in said if "1001" in text] == []
    assert any("(erased)" in text for text in said)


def test_the_undo_of_the_import_forgets_what_was_noticed(drop: Path) -> None:
    deliver(drop, RENAMED / "night1")
    load(drop)
    deliver(drop, RENAMED / "night2")
    load(drop)
    for loaded in ImportRun.objects.accepted().order_by("-pk")[:3]:
        assert undo(loaded, "test").status == "loaded"
    assert not KeyChange.objects.exists()
    assert sorted(Customer.objects.values_list("pk", flat=True)) == ["c1", "c2"]

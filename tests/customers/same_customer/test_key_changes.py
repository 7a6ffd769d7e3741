"""A customer whose key changed in the source: noticed, said, and joined by a person, with a way back."""

import json
import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from analytics.models import Alert, Deferral, Message, Night, PortfolioDay, Snapshot, Task
from analytics.outreach.sending import why_closed
from customers.erasure.erase import erase
from customers.imports.key_changes import pairs_of
from customers.models import (
    AuditEntry,
    Customer,
    CustomerCare,
    ImportRun,
    KeyChange,
    Note,
    StepSighting,
)
from customers.runs.undo import undo
from customers.same_customer import join
from tests.factories import csv_row, make_alert, make_message, make_staff, write_feed, write_feeds
from tests.support.commands import held_elsewhere, run
from tests.support.field_nights import NIGHTS, deliver, drop, on_28_november
from tests.support.loading import customer_row, load, onboarding_row
from tests.support.pages import main_part, notices, section, words

__all__ = ["drop", "on_28_november"]

pytestmark = pytest.mark.django_db

RENAMED = NIGHTS / "renamed_id"
"""In the second night c1 is called A-1: the same address, organisation, onboarding and engagement."""
IN_THE_NIGHT = (
    "3 of 3 feeds loaded: 1 created, 3 updated, 1 unchanged, 0 quarantined; 1 newly missing from customers.csv. "
    "Keys that seem to have changed: customer c1 → customer A-1."
)


def load_night(drop: Path, night: str) -> None:
    """Import and score, without the alerts of a night."""
    deliver(drop, RENAMED / night)
    assert (run("import_csvs").code, run("score").code) == (0, 0)


@pytest.fixture
def sofia() -> User:
    return make_staff("Success manager", username="sofia", first_name="Sofia", email="sofia@rsolv.example")


@pytest.fixture
def pair(drop: Path, sofia: User) -> KeyChange:
    """The first night with all that staff keep of c1; then the second one."""
    load_night(drop, "night1")
    c1 = Customer.objects.get(pk="c1")
    CustomerCare.objects.create(customer=c1, owner=sofia, notes="Prefers calls", do_not_contact=True)
    Note.objects.create(customer=c1, author="Sofia", text="Met them in May")
    Task.objects.create(customer=c1, what="Call", due="2026-12-01", owner=sofia, created_by="sofia")
    make_message(c1, subject="Hello")
    make_alert(c1, text="Blocked")
    Deferral.objects.create(customer=c1, until="2030-01-01", created_by="sofia")
    load_night(drop, "night2")
    return KeyChange.objects.get()


@pytest.fixture
def manager(client: Client) -> Client:
    client.force_login(make_staff("Program manager", username="mary"))
    return client


def decide_page(pair: KeyChange) -> str:
    return f"/admin/customers/keychange/{pair.pk}/decide/"


def decide(client: Client, pair: KeyChange, what: str) -> list[str]:
    """Send the page, and return what is said."""
    page = client.post(decide_page(pair), {"decide": what}, follow=True)
    assert page.status_code == 200
    return [str(message) for message in page.context["messages"]]


def said_of(client: Client, key: str) -> list[str]:
    """The notices on a customer's page."""
    return [re.sub(r" ([,:;.])", r"\1", text) for text in notices(client.get(f"/admin/customer/{key}/"))]


def kept(key: str) -> dict[str, Any]:
    """All that staff keep of a customer, and its history."""
    care = CustomerCare.objects.filter(pk=key).first()
    return {
        "care": care and (care.owner_id, care.notes, care.do_not_contact),
        **{
            model.__name__: sorted(model.objects.filter(customer=key).values_list("pk", flat=True))
            for model in (Note, Task, Message, Alert, Deferral)
        },
        "steps": sorted(StepSighting.objects.filter(customer=key).values_list("step", "seen_on", "at_first_import")),
        "dates": sorted(Snapshot.objects.filter(customer=key).values_list("date", "score")),
    }


# --- Noticed ----------------------------------------------------------------------------------------------------


def test_the_runs_name_both_keys(pair: KeyChange, manager: Client) -> None:
    moved = "moved from customer c1, who is missing from customers.csv, to customer A-1: a key seems to have changed"
    warnings = {one.feed: one.warnings for one in ImportRun.objects.order_by("pk")[3:]}
    assert warnings == {
        "customers": [
            "a key seems to have changed: customer A-1 is new, with the e-mail address and organisation of customer "
            "c1, who is missing from the feed"
        ],
        "onboarding": [f"1 row {moved}"],
        "engagement": [f"2 rows {moved}"],
    }
    assert (pair.former_id, pair.customer_id, pair.state) == ("c1", "A-1", "open")
    assert pair.because == "the same e-mail address and organisation, and 3 rows of other feeds moved"
    page = manager.get(f"/admin/customers/importrun/{pair.run_id}/change/")
    assert "customer A-1 is new, with the e-mail address" in section(page, "warnings")
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


def after(tmp_path: Path, before: list[dict[str, str]], then: list[dict[str, str]]) -> list[str]:
    """Load some customers, then others; the pairs that are noticed."""
    write_feed(tmp_path, "customers", before)
    load(tmp_path, "customers")
    write_feed(tmp_path, "customers", then)
    load(tmp_path, "customers")
    return sorted(f"{pair.former_id} → {pair.customer_id}" for pair in KeyChange.objects.all())


def named(key: str, email: str = "ops@acme.example", organization: str = "Acme") -> dict[str, str]:
    return csv_row("customers", id=key, email=email, organization=organization)


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


# --- Said -------------------------------------------------------------------------------------------------------


def test_either_page_says_so_and_only_some_may_decide(pair: KeyChange, manager: Client, sofia: User) -> None:
    day = f"{pair.former.missing_since.started_at:%-d %b %Y}"
    because = "the same e-mail address and organisation, and 3 rows of other feeds moved"
    new, old = (
        f"This looks like the same customer as c1, who vanished from the feed on {day}: {because}.",
        f"This looks like the same customer as A-1, who is in the feed: {because}. This one vanished on {day}.",
    )
    for key, text in (("A-1", new), ("c1", old)):
        assert f"{text} This is the same customer…" in said_of(manager, key)
    client = Client()
    client.force_login(sofia)
    assert new in said_of(client, "A-1")
    assert client.get(decide_page(pair)).status_code == 403


def test_nobody_writes_to_the_new_key_before_it_is_decided(pair: KeyChange) -> None:
    assert why_closed(pair.customer)
    CustomerCare.objects.filter(pk="c1").update(do_not_contact=False)
    assert why_closed(pair.customer) == ""


# --- Joined -----------------------------------------------------------------------------------------------------


def test_the_page_lists_what_would_move_and_moves_nothing(pair: KeyChange, manager: Client) -> None:
    before = kept("c1"), kept("A-1")
    page = manager.get(decide_page(pair))
    assert section(page, "carried") == (
        "What would go over to A-1 Owner Sofia Internal notes 13 characters “Do not contact” yes Notes 1 "
        "Dated steps 3 Tasks 1 E-mails 1 Alerts 1 Snoozes and dismissals 1 Dates to be scored again 1"
    )
    assert (kept("c1"), kept("A-1")) == before
    assert KeyChange.objects.get().state == "open"


def test_joined_everything_is_with_the_new_key(pair: KeyChange, manager: Client, sofia: User) -> None:
    before = kept("c1")
    assert len(decide(manager, pair, "join")) == 1
    new, old = kept("A-1"), kept("c1")
    assert new["care"] == (sofia.pk, "Prefers calls", True)
    assert old["care"] == (None, "", True)
    for kind in ("Note", "Task", "Message", "Alert", "Deferral", "steps"):
        assert (new[kind], old[kind]) == (before[kind], []), kind
    entries = AuditEntry.objects.filter(model="customers.keychange")
    assert sorted(entries.values_list("customer", "subject", "actor")) == [
        ("A-1", "customer c1 → customer A-1", "mary"),
        ("c1", "customer c1 → customer A-1", "mary"),
    ]
    # A second click changes nothing.
    decide(manager, pair, "join")
    assert (kept("A-1"), kept("c1")) == (new, old)
    assert entries.count() == 2
    day = f"{AuditEntry.objects.latest('pk').at:%-d %b %Y}"
    assert f"Goes on as A-1; mary said so on {day}. What staff keep is there. What moved" in said_of(manager, "c1")
    assert f"Was c1 in the feed before; mary said so on {day}. What moved" in said_of(manager, "A-1")


def test_of_two_that_stand_the_new_keys_is_kept_and_the_other_stands_again(
    pair: KeyChange, manager: Client, sofia: User
) -> None:
    [former] = Deferral.objects.all()
    mine = Deferral.objects.create(customer_id="A-1", reason="other", created_by="sofia")
    decide(manager, pair, "join")
    assert [one.pk for one in Deferral.objects.standing()] == [mine.pk]
    assert kept("A-1")["Deferral"] == [former.pk, mine.pk]
    decide(manager, pair, "undo")
    assert {one.customer_id: one.pk for one in Deferral.objects.standing()} == {"c1": former.pk, "A-1": mine.pk}


def test_the_history_goes_on_and_the_portfolio_counts_the_customer_once(drop: Path, manager: Client) -> None:
    deliver(drop, RENAMED / "night1")
    assert run("nightly").code == 0
    history = sorted(Snapshot.objects.filter(customer="c1").values_list("date", "score"))
    assert history
    deliver(drop, RENAMED / "night2")
    for name in ("customers", "onboarding", "engagement"):
        path = drop / f"{name}.csv"
        path.write_text(path.read_text())
    with (drop / "engagement.csv").open("a") as file:
        file.write("e3,A-1,2026-11-28,1,0,0,0,0\n")
    assert run("nightly").code == 0
    newest = PortfolioDay.objects.first()
    assert (newest.date, newest.total) == (date(2026, 11, 28), 3)
    pair = KeyChange.objects.get()
    decide(manager, pair, "join")
    assert sorted(Snapshot.objects.filter(customer="A-1").values_list("date", "score"))[:-1] == history
    run("score")
    assert PortfolioDay.objects.first().total == 2
    assert not Snapshot.objects.filter(customer="c1").exists()
    decide(manager, pair, "undo")
    run("score")
    assert PortfolioDay.objects.first().total == 3
    assert sorted(Snapshot.objects.filter(customer="c1").values_list("date", "score"))[:-1] == history


def test_undone_everything_is_as_it_was(pair: KeyChange, manager: Client) -> None:
    before = kept("c1"), kept("A-1")
    decide(manager, pair, "join")
    assert decide(manager, pair, "undo") == ["Undone: what had moved is with c1 again."]
    run("score")
    assert (kept("c1"), kept("A-1")) == before
    assert KeyChange.objects.get().state == "open"
    decide(manager, pair, "undo")
    assert (kept("c1"), kept("A-1")) == before


def test_an_undo_says_what_it_cannot_put_back(pair: KeyChange, manager: Client) -> None:
    decide(manager, pair, "join")
    CustomerCare.objects.filter(pk="A-1").update(notes="Prefers mails now")
    Note.objects.filter(customer="A-1").delete()
    said = decide(manager, pair, "undo")
    assert said[1:] == [
        "Internal notes of customer A-1: changed since, and stays.",
        "1 of 1 notes are no longer there.",
    ]
    assert CustomerCare.objects.get(pk="A-1").notes == "Prefers mails now"
    assert CustomerCare.objects.get(pk="c1").notes == "Prefers calls"


def test_what_the_new_key_has_is_kept(pair: KeyChange, manager: Client) -> None:
    olga = make_staff("Success manager", username="olga", first_name="Olga")
    CustomerCare.objects.create(customer=pair.customer, owner=olga, notes="New notes")
    Task.objects.create(customer=pair.customer, what="Call", due="2026-12-01", created_by="olga")
    make_alert(pair.customer, text="Blocked too")
    decide(manager, pair, "join")
    assert kept("A-1")["care"] == (olga.pk, "New notes\n\nPrefers calls", True)
    assert Task.objects.filter(customer="c1").count() == 1
    ended = Alert.objects.get(text="Blocked")
    assert (ended.customer_id, ended.ending) == ("c1", "withdrawn")
    stays = section(manager.get(decide_page(pair)), "stays")
    assert "The owner stays Olga; Sofia had customer c1." in stays
    assert "1 open task that A-1 has already." in stays
    decide(manager, pair, "undo")
    assert kept("A-1")["care"] == (olga.pk, "New notes", False)
    assert Alert.objects.open().filter(customer="c1").count() == 1


def test_two_customers_are_said_to_be_two(pair: KeyChange, manager: Client) -> None:
    before = kept("c1"), kept("A-1")
    decide(manager, pair, "apart")
    assert (kept("c1"), kept("A-1")) == before
    assert not any("same customer" in text for text in said_of(manager, "A-1"))
    # It can be thought better of.
    decide(manager, pair, "join")
    assert KeyChange.objects.get().state == "joined"


def test_a_former_key_that_comes_back_is_said(pair: KeyChange, manager: Client, drop: Path) -> None:
    decide(manager, pair, "join")
    both = (RENAMED / "night2" / "customers.csv").read_text() + "c1,ops@acme.example,Acme,,2026-06-01,,,,active\n"
    (drop / "customers.csv").write_text(both)
    outcome = load(drop, "customers")["customers"]
    assert outcome.warnings == ["customer c1 is in the feed, but was said to go on as customer A-1"]
    assert "But c1 is in the feed again." in " ".join(said_of(manager, "A-1"))
    run("score")
    assert PortfolioDay.objects.first().total == 3


def test_nothing_moves_where_it_cannot(pair: KeyChange, manager: Client) -> None:
    Customer.objects.filter(pk="c1").update(missing_since=None)
    assert "c1 is in the feed again, so these are two customers." in words(main_part(manager.get(decide_page(pair))))
    page = manager.post(decide_page(pair), {"decide": "join"}, follow=True)
    assert [str(one) for one in page.context["messages"]] == ["c1 is in the feed again, so these are two customers."]
    assert KeyChange.objects.get().state == "open"


def test_one_former_key_is_joined_once(tmp_path: Path) -> None:
    after(tmp_path, [named("c1"), customer_row(2)], [named("x"), named("y"), customer_row(2)])
    first, second = KeyChange.objects.order_by("customer")
    join.join(first.pk, "ann")
    with pytest.raises(join.NotJoinable, match="c1 is joined to x already"):
        join.join(second.pk, "ann")
    assert pairs_of(second.customer) == []
    assert pairs_of(first.former) == [KeyChange.objects.get(pk=first.pk)]


def test_while_an_import_runs_nothing_is_decided(pair: KeyChange, manager: Client) -> None:
    with held_elsewhere("import"):
        assert decide(manager, pair, "join") == ["An import or a scoring is running; try again when it has ended."]
    assert KeyChange.objects.get().state == "open"


def test_the_undo_of_the_import_keeps_a_customer_who_was_joined(pair: KeyChange, manager: Client) -> None:
    decide(manager, pair, "join")
    for loaded in ImportRun.objects.accepted().order_by("-pk")[:3]:
        undone = undo(loaded, "test")
    assert [text.partition(":")[0] for text in undone.warnings] == ["1 customer row left"]
    assert Customer.objects.filter(pk="A-1").exists()

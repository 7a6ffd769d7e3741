"""Two keys of one customer are joined by a person, or said to be two, with a way back."""

import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.test import Client
from django.utils import timezone
from django.utils.translation import override

from analytics.models import (
    Alert,
    Contact,
    Deferral,
    Forecast,
    ForecastCase,
    Message,
    PolicyTrial,
    PortfolioDay,
    Snapshot,
    Task,
    WebhookEvent,
)
from analytics.outreach.sending import why_closed
from customers.imports.key_changes import pairs_of
from customers.models import AuditEntry, Customer, CustomerCare, ImportRun, KeyChange, Note, StepSighting
from customers.runs.undo import undo
from customers.same_customer import join
from tests.factories import make_alert, make_forecast_case, make_message, make_staff
from tests.support.commands import held_elsewhere, run
from tests.support.field_nights import deliver, drop, on_28_november
from tests.support.key_changes import RENAMED, after, decide, decide_page, named
from tests.support.loading import customer_row, load
from tests.support.pages import main_part, notices, section, words
from tests.support.policies import make_draft
from tests.support.webhook_events import listen, told

__all__ = ["drop", "on_28_november"]
pytestmark = pytest.mark.django_db


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
            for model in (Note, Task, Message, Alert, Deferral, Contact, WebhookEvent)
        },
        "steps": sorted(StepSighting.objects.filter(customer=key).values_list("step", "seen_on", "at_first_import")),
        "dates": sorted(Snapshot.objects.filter(customer=key).values_list("date", "score")),
    }


# --- Said -------------------------------------------------------------------------------------------------------


def test_either_page_says_so_and_only_some_may_decide(pair: KeyChange, manager: Client, sofia: User) -> None:
    day = f"{pair.former.missing_since.started_at:%-d %b %Y}"
    because = "the same email address and organisation, and 3 rows of other feeds moved"
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


def test_an_email_that_waits_goes_on_to_the_new_key_and_is_sent(pair: KeyChange, sofia: User) -> None:
    CustomerCare.objects.filter(pk="c1").update(do_not_contact=False)
    due = {"state": "scheduled", "send_at": timezone.now(), "recipient": pair.former.email, "reply_to": sofia.email}
    message = make_message(pair.former, sofia, **due)
    join.join(pair.pk, "Sofia")
    assert run("send_scheduled").lines == ["Scheduled emails: 1 sent, 0 not sent, 0 left to the next run."]
    message.refresh_from_db()
    assert (message.customer_id, message.state, [one.to for one in mail.outbox]) == (
        "A-1",
        "sent",
        [["ops@acme.example"]],
    )


# --- Joined -----------------------------------------------------------------------------------------------------


def test_the_page_lists_what_would_move_and_moves_nothing(pair: KeyChange, manager: Client) -> None:
    before = kept("c1"), kept("A-1")
    page = manager.get(decide_page(pair))
    assert section(page, "carried") == (
        "What would go over to A-1 Owner Sofia Internal notes 13 characters “Do not contact” yes Notes 1 "
        "Dated steps 3 Tasks 1 Emails 1 Contacts 1 Webhook events 1 Alerts 1 "
        "Snoozes and dismissals 1 Dates to be scored again 1"
    )
    assert (kept("c1"), kept("A-1")) == before
    assert KeyChange.objects.get().state == "open"


def test_an_alert_that_both_have_is_told_as_closed_once_they_are_joined(pair: KeyChange, manager: Client) -> None:
    make_alert(pair.customer, text="Blocked")
    listen()
    manager.get(decide_page(pair))
    assert told() == [told("customer.at_risk")[0]], "the event of before"
    decide(manager, pair, "join")
    assert told("alert.closed") == [("alert.closed", "c1", "open", "withdrawn")]
    assert told("customer.at_risk") == [("customer.at_risk", "A-1", "healthy", "at_risk")]


def test_joined_everything_is_with_the_new_key(pair: KeyChange, manager: Client, sofia: User) -> None:
    before = kept("c1")
    assert len(decide(manager, pair, "join")) == 1
    new, old = kept("A-1"), kept("c1")
    assert new["care"] == (sofia.pk, "Prefers calls", True)
    assert old["care"] == (None, "", True)
    for kind in ("Note", "Task", "Message", "Alert", "Deferral", "Contact", "WebhookEvent", "steps"):
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
    forecasts = [Forecast.objects.create(customer_id="c1", date=day, quiet=123) for day, _score in history]
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
    assert Forecast.objects.filter(customer="A-1").count() == len(forecasts)
    run("score")
    assert PortfolioDay.objects.first().total == 2
    assert not Snapshot.objects.filter(customer="c1").exists()
    decide(manager, pair, "undo")
    run("score")
    assert PortfolioDay.objects.first().total == 3
    assert sorted(Snapshot.objects.filter(customer="c1").values_list("date", "score"))[:-1] == history
    assert Forecast.objects.filter(customer="c1").count() == len(forecasts)


def test_the_cases_of_back_tests_go_along_where_the_new_key_has_none(pair: KeyChange, manager: Client) -> None:
    both, alone = date(2026, 9, 30), date(2026, 8, 31)
    for key, day in (("c1", both), ("c1", alone), ("A-1", both)):
        make_forecast_case(Customer.objects.get(pk=key), date=day)
    make_forecast_case(pair.former, date=both, target="first_pr")
    before = cases()
    decide(manager, pair, "join")
    assert cases() == {
        ("A-1", both, "quiet"),
        ("A-1", alone, "quiet"),
        ("A-1", both, "first_pr"),
        ("c1", both, "quiet"),
    }
    assert decide(manager, pair, "undo") == ["Undone: what had moved is with c1 again."]
    assert cases() == before


def test_the_back_tests_of_drafts_are_made_anew(pair: KeyChange, manager: Client) -> None:
    draft = make_draft()
    for act in ("join", "undo"):
        PolicyTrial.objects.create(
            draft=draft, date=date(2026, 9, 30), key="x", made_at=timezone.now(), counts={}, cases=b""
        )
        decide(manager, pair, act)
        assert not PolicyTrial.objects.exists(), act


def cases() -> set[tuple[Any, ...]]:
    return {*ForecastCase.objects.values_list("customer_id", "date", "target")}


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


@pytest.mark.parametrize(("has", "joined"), [("", "de"), ("fr", "fr")])
def test_the_language_goes_over_where_the_new_key_has_none(
    pair: KeyChange, manager: Client, has: str, joined: str
) -> None:
    CustomerCare.objects.filter(pk="c1").update(language="de")
    if has:
        CustomerCare.objects.create(customer=pair.customer, language=has)
    carried = section(manager.get(decide_page(pair)), "carried")
    assert ("Language of emails German" in carried) == (not has)
    decide(manager, pair, "join")
    assert CustomerCare.objects.get(pk="A-1").language == joined
    decide(manager, pair, "undo")
    assert CustomerCare.objects.get(pk="c1").language == "de"
    assert list(CustomerCare.objects.filter(pk="A-1").values_list("language", flat=True)) == [has] * bool(has)


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
    assert ended.ending_text == "The same customer as A-1, who has this alert"
    with override("de"):
        assert ended.ending_words == "Derselbe Kunde wie A-1, der diese Warnung hat"
    stays = section(manager.get(decide_page(pair)), "stays")
    assert "The owner stays Olga; Sofia had customer c1." in stays
    assert "1 open task that A-1 has already." in stays
    decide(manager, pair, "undo")
    assert kept("A-1")["care"] == (olga.pk, "New notes", False)
    again = Alert.objects.open().get(customer="c1")
    assert (again.ending, again.ending_text, again.ending_said) == ("", "", None)


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

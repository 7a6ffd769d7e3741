"""What alerts say: English is stored with what it is made of, and each reader has it in their language."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest
from django.utils.translation import override
from pytest_django.fixtures import Settings

from analytics.alerts import rules
from analytics.alerts.evaluate import evaluate
from analytics.alerts.kinds import CUSTOMER_KINDS
from analytics.models import Alert, AlertRule, PortfolioDay, Snapshot
from analytics.models.alerts import ended_by, told_by
from analytics.nights import feed_words
from analytics.wording import blocked_for
from customers.models import Customer
from tests.factories import (
    make_alert,
    make_customer,
    make_day,
    make_engagement,
    make_run,
    make_snapshot,
)
from tests.support.alerts import DAY, facts
from tests.support.webhook_events import listen


def on(days: int) -> date:
    return DAY + timedelta(days=days)


def in_german(alert: Alert) -> tuple[str, str]:
    """What a German reads of it: what it says, and how it ended."""
    with override("de"):
        return alert.words, alert.ending_words


# --- Each kind ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "overrides", "german"),
    [
        ("at_risk", {"status": "at_risk", "score": 45}, "Gefährdet mit einem Score von 45"),
        (
            "inactive",
            {"status": "inactive", "last_active": on(-14)},
            "Keine Aktivität seit 14 Tagen, seit 26. April 2025",
        ),
        (
            "inactive",
            {"status": "inactive", "last_active": None},
            "Keine Aktivität in 40 Tagen seit der Registrierung",
        ),
        (
            "inactive",
            {"status": "inactive", "contract_status": "churned", "was_not_inactive": True},
            "Vertragsstand: Abgewandert",
        ),
        ("fell", {"highest": 76}, "Score in 7 Tagen um 1 Punkt gefallen, von 76 auf 75"),
        ("fell", {"highest": 80}, "Score in 7 Tagen um 5 Punkte gefallen, von 80 auf 75"),
        (
            "blocked",
            {"blocked_since": on(-1), "last_unblocked": on(-2), "blocker": "sso"},
            "Blockiert seit 1 Tag: SSO",
        ),
        ("blocked", {"blocked_since": on(-5), "blocker": "sso"}, "Blockiert seit mindestens 5 Tagen: SSO"),
        ("no_first_pr", {"has_first_pr": False}, "Kein erster PR 40 Tage nach der Registrierung"),
        ("likely_quiet", {"quiet": 812}, "Verstummt wahrscheinlich: 81\N{NO-BREAK SPACE}%"),
    ],
)
def test_each_kind_says_in_german_what_is_stored_in_english(
    kind: str, overrides: dict[str, object], german: str
) -> None:
    rule = AlertRule(kind=kind, threshold=1, recovery=3)
    with override("de"):
        decision = rules.decide(CUSTOMER_KINDS[kind], rule, facts(**overrides))
        assert decision.text == german
        assert decision.said
        alert = Alert(**told_by(decision.said))
        assert alert.words == german
    assert alert.words == alert.text == decision.text != german


@pytest.mark.parametrize(
    ("kind", "overrides", "german"),
    [
        ("at_risk", {}, "Gesund mit einem Score von 75"),
        ("inactive", {}, "Aktiv am 10. Mai 2025, Gesund"),
        ("fell", {"highest": 75}, "Fällt nicht mehr, mit einem Score von 75"),
        ("blocked", {}, "Nicht mehr blockiert"),
        ("blocked", {"onboarded": True}, "Eingeführt"),
        ("no_first_pr", {}, "Erster PR erzeugt"),
        ("at_risk", {"contract_status": "paused"}, "Vertragsstand: Pausiert"),
    ],
)
def test_how_it_ended_is_said_in_german(kind: str, overrides: dict[str, object], german: str) -> None:
    opened = Alert(pk=7, opened_on=on(-5))
    rule = AlertRule(kind=kind, threshold=1, recovery=3)
    decision = rules.decide(CUSTOMER_KINDS[kind], rule, facts(open=opened, recovery_days=3, **overrides))
    assert decision.said
    alert = Alert(**ended_by(decision.said))
    assert in_german(alert)[1] == german
    assert alert.ending_words == alert.ending_text == decision.text


@pytest.mark.parametrize(("days", "english", "german"), [(1, "1 day ago", "1 Tag"), (5, "5 days ago", "5 Tagen")])
def test_a_feed_is_late_by_one_day_or_more(days: int, english: str, german: str) -> None:
    alert = Alert(**told_by(feed_words.file_late.of(file="x.csv", day=on(-1), days=days)))
    assert alert.text == f"x.csv was last loaded on 9 May 2025, {english}."
    assert in_german(alert)[0] == f"x.csv wurde zuletzt am 9. Mai 2025 geladen, vor {german}."


def test_no_part_of_it_breaks_the_line_or_turns_it_around() -> None:
    said = blocked_for.of(days=5, blocker="SSO\r\nBcc: x\u202e", at_least=False)
    alert = Alert(**told_by(said))
    assert (alert.text, in_german(alert)[0]) == (
        "Blocked for 5 days: SSO Bcc: x",
        "Blockiert seit 5 Tagen: SSO Bcc: x",
    )


def test_a_refused_feed_and_what_waits_for_it() -> None:
    moment = datetime(2025, 5, 10, 2, 30, tzinfo=UTC)
    ended = feed_words.file_ended.of(file="engagement.csv", status="refused", moment=moment)
    refused = feed_words.file_not_loaded.of(ended=ended, reason="it is empty")
    alert = Alert(**told_by(feed_words.paused_beside.of(problem=refused)))
    assert in_german(alert)[0] == (
        "engagement.csv wurde am 10. Mai 2025, 02:30 abgelehnt: it is empty. "
        "Warnungen, die aus der Nutzung berechnet werden, ruhen, bis sie da ist."
    )


# --- What is stored -----------------------------------------------------------------------------------------------


def night(days: int, customer: Customer, **overrides: object) -> None:
    """A date is scored with this of the customer, and evaluated by somebody who reads German."""
    for feed in ("customers", "onboarding", "engagement"):
        moment = datetime(2025, 5, 10, 2, 30, tzinfo=UTC) + timedelta(days=days)
        make_run(feed=feed, file=f"{feed}.csv", started_at=moment)
    if not PortfolioDay.objects.filter(date=on(days)).exists():
        make_day(date=on(days))
        make_engagement(customer, on(days), issues_tagged=1)
    Snapshot.objects.filter(date=on(days), customer=customer).delete()
    make_snapshot(customer, date=on(days), first_pr_generated=True, **overrides)
    with override("de"):
        evaluate()


@pytest.mark.django_db
def test_what_grows_worse_and_ends_says_so_in_both_languages(today_is: Callable[[date], None]) -> None:
    AlertRule.objects.exclude(kind="at_risk").update(active=False)
    AlertRule.objects.update(recovery=1)
    customer, said = make_customer(signup_date=on(-60)), []
    for days, (status, score) in enumerate([("at_risk", 45), ("at_risk", 40), ("needs_attention", 57)]):
        today_is(on(days))
        night(days, customer, status=status, score=score)
        alert = Alert.objects.get()
        said.append((alert.text, alert.ending_text, *in_german(alert)))
    assert said == [
        ("At risk with a score of 45", "", "Gefährdet mit einem Score von 45", ""),
        ("At risk with a score of 40", "", "Gefährdet mit einem Score von 40", ""),
        (
            "At risk with a score of 40",
            "Needs attention with a score of 57",
            "Gefährdet mit einem Score von 40",
            "Braucht Aufmerksamkeit mit einem Score von 57",
        ),
    ]
    assert alert.said == {"say": "at_risk_with", "of": {"score": 40}}


@pytest.mark.django_db
def test_a_managers_own_words_stay_and_what_is_around_them_is_german(
    today_is: Callable[[date], None], settings: Settings
) -> None:
    settings.OFFERED_LANGUAGES = ["en", "de"]
    AlertRule.objects.update(active=False)
    rule = AlertRule.objects.create(kind="custom", name="Low {score}", query="score_max=40&status=at_risk", recovery=1)
    today_is(DAY)
    customer = make_customer(signup_date=on(-60))
    night(0, customer, status="at_risk", score=40)
    alert = Alert.objects.get()
    assert alert.text == "Low {score} (Status: At risk; Score to: 40), At risk with a score of 40"
    assert in_german(alert)[0] == "Low {score} (Status: Gefährdet; Score bis: 40), Gefährdet mit einem Score von 40"
    rule.delete()
    alert.refresh_from_db()
    assert (alert.ending_text, in_german(alert)[1]) == ("The rule was deleted", "Die Regel wurde gelöscht")


@pytest.mark.django_db
def test_a_rule_that_is_turned_off_ends_its_alerts_in_both_languages(today_is: Callable[[date], None]) -> None:
    today_is(DAY)
    make_alert(make_customer(signup_date=on(-60)))
    AlertRule.objects.update(active=False)
    evaluate()
    alert = Alert.objects.get()
    assert (alert.ending_text, in_german(alert)[1]) == ("The rule was turned off", "Die Regel wurde ausgeschaltet")


@pytest.mark.django_db
def test_an_open_alert_of_before_gets_what_its_words_are_made_of(today_is: Callable[[date], None]) -> None:
    """Those of feeds are said anew each night; nobody guesses what those of customers were made of."""
    today_is(DAY)
    listen(name="Slack", enabled=False, off_because="It said 410.")
    evaluate()
    Alert.objects.update(said=None)
    make_alert(text="At risk with a score of 45")
    AlertRule.objects.filter(kind="at_risk").update(recovery=30)
    evaluate()
    webhook, customer = Alert.objects.order_by("pk")
    assert in_german(webhook)[0] == "Der Webhook „Slack“ ist aus. It said 410."
    assert (customer.said, in_german(customer)[0]) == (None, "At risk with a score of 45")

"""The pure rules of alerts: the edges of each, hysteresis, and when an alert is worse."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from analytics.alerts import rules
from analytics.alerts.inputs import AlertInputs
from analytics.alerts.kinds import CUSTOMER_KINDS, FEED_KINDS, KINDS, recovered_from_fall
from analytics.alerts.rules import Decision, Transition
from analytics.models import Alert, AlertRule
from tests.support.alerts import DAY, facts

Kind = AlertRule.Kind


def before(days: int) -> date:
    return DAY - timedelta(days=days)


def rule(kind: str, threshold: int | None, recovery: int) -> AlertRule:
    return AlertRule(kind=kind, threshold=threshold, recovery=recovery)


def decide(of: AlertRule, inputs: AlertInputs) -> Decision:
    return rules.decide(CUSTOMER_KINDS[of.kind], of, inputs)


OPENED = before(5)


def book(opened_on: date = OPENED, value: int | None = None, acknowledged: bool = False) -> Alert:
    acknowledged_at = datetime(2025, 5, 9, tzinfo=UTC) if acknowledged else None
    return Alert(pk=7, opened_on=opened_on, value=value, acknowledged_at=acknowledged_at)


# --- What raises an alert -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "threshold", "overrides", "text"),
    [
        ("at_risk", None, {"status": "at_risk", "score": 45}, "At risk with a score of 45"),
        (
            "inactive",
            None,
            {"status": "inactive", "last_active": before(14)},
            "No activity for 14 days, since 26 Apr 2025",
        ),
        (
            "inactive",
            None,
            {"status": "inactive", "last_active": None},
            "No activity in the 40 days since signup",
        ),
        ("fell", 15, {"highest": 90}, "Score fell by 15 points in 7 days, from 90 to 75"),
        ("fell", 1, {"highest": 76}, "Score fell by 1 point in 7 days, from 76 to 75"),
        (
            "blocked",
            3,
            {"blocked_since": before(3), "last_unblocked": before(4), "blocker": "sso"},
            "Blocked for 3 days: SSO",
        ),
        ("no_first_pr", 14, {"has_first_pr": False, "signup_date": before(14)}, "No first PR 14 days after signup"),
    ],
)
def test_at_the_threshold_an_alert_is_raised(
    kind: str, threshold: int | None, overrides: dict[str, Any], text: str
) -> None:
    decision = decide(rule(kind, threshold, 3), facts(**overrides))
    assert (decision.transition, decision.text) == (Transition.RAISE, text)


@pytest.mark.parametrize(
    ("kind", "threshold", "overrides"),
    [
        ("at_risk", None, {"status": "needs_attention", "score": 50}),
        ("at_risk", None, {"status": "inactive", "score": 10}),
        ("inactive", None, {"status": "at_risk", "last_active": before(13)}),
        ("fell", 15, {"highest": 89}),
        ("fell", 15, {"highest": None}),
        ("fell", 15, {"highest": 60}),
        ("blocked", 3, {"blocked_since": before(2)}),
        ("blocked", 3, {"blocked_since": None}),
        ("no_first_pr", 14, {"has_first_pr": False, "signup_date": before(13)}),
        ("no_first_pr", 14, {"has_first_pr": True, "signup_date": before(30)}),
    ],
)
def test_short_of_it_none_is(kind: str, threshold: int | None, overrides: dict[str, Any]) -> None:
    assert decide(rule(kind, threshold, 3), facts(**overrides)).transition == Transition.NOTHING


def test_where_history_begins_with_the_block_it_is_at_least_so_long() -> None:
    blocked = facts(signup_date=before(90), blocked_since=before(59), blocker="sso")
    assert decide(rule("blocked", 3, 3), blocked).text == "Blocked for at least 59 days: SSO"


@pytest.mark.parametrize(
    ("days", "transition"), [(0, Transition.NOTHING), (6, Transition.NOTHING), (7, Transition.RAISE)]
)
def test_a_new_customer_has_seven_quiet_days(days: int, transition: Transition) -> None:
    """The signup date is the first of them, so the eighth day is the first that counts."""
    assert decide(rule("at_risk", None, 3), facts(status="at_risk", signup_date=before(days))).transition == transition
    blocked = facts(signup_date=before(days), blocked_since=before(days))
    assert decide(rule("blocked", 0, 3), blocked).transition == transition


def test_the_end_of_a_contract_is_news_for_a_fortnight_and_raises_nothing_else() -> None:
    gone = {"contract_status": "churned", "status": "inactive"}
    decision = decide(rule("inactive", None, 1), facts(**gone, was_not_inactive=True))
    assert (decision.transition, decision.text, decision.value) == (
        Transition.RAISE,
        "Account status: churned",
        None,
    )
    assert decide(rule("inactive", None, 1), facts(**gone)).transition == Transition.NOTHING
    resumed = facts(status="inactive", last_active=before(2))
    assert decide(rule("inactive", None, 1), resumed).text == "Inactive by account status"
    for kind in ("fell", "blocked", "no_first_pr"):
        silent = facts(**gone, was_not_inactive=True, highest=99, blocked_since=before(9), has_first_pr=False)
        assert decide(rule(kind, 3, 1), silent).transition == Transition.NOTHING


# --- What closes it -----------------------------------------------------------------------------------------------


def test_a_score_that_flaps_raises_one_alert() -> None:
    """Ten dates about the threshold: at risk on the first, third, sixth and seventh; well for good from the eighth."""
    scores = [45, 52, 48, 51, 53, 49, 44, 55, 56, 57]
    well = [score >= 50 for score in scores]
    opened: date | None = None
    told = []
    for place, score in enumerate(scores):
        day = before(9 - place)
        recent = well[max(0, place - 2) : place + 1]
        known = book(opened, 45) if opened else None
        status = "needs_attention" if well[place] else "at_risk"
        decision = decide(
            rule("at_risk", None, 3), facts(day=day, score=score, status=status, recovery_days=sum(recent), open=known)
        )
        if decision.transition != Transition.NOTHING:
            told.append((place, decision.transition, decision.ending))
        if decision.transition == Transition.RAISE:
            opened = day
        elif decision.transition == Transition.CLOSE:
            opened = None
    assert told == [(0, Transition.RAISE, ""), (9, Transition.CLOSE, Alert.Ending.RECOVERED)]


@pytest.mark.parametrize(("well", "transition"), [(2, Transition.NOTHING), (3, Transition.CLOSE)])
def test_it_closes_after_so_many_dates_that_are_well(well: int, transition: Transition) -> None:
    decision = decide(rule("at_risk", None, 3), facts(recovery_days=well, open=book()))
    assert (decision.transition, decision.text) == (
        transition,
        "Healthy with a score of 75" if transition == Transition.CLOSE else "",
    )


@pytest.mark.parametrize(
    ("kind", "overrides", "text"),
    [
        ("inactive", {}, "Active on 10 May 2025, healthy"),
        ("fell", {"highest": 80}, "No longer falling, with a score of 75"),
        ("blocked", {}, "No longer blocked"),
        ("blocked", {"onboarded": True}, "Onboarded"),
        ("no_first_pr", {}, "First PR generated"),
    ],
)
def test_it_says_how_it_ended(kind: str, overrides: dict[str, Any], text: str) -> None:
    decision = decide(rule(kind, 15, 1), facts(**overrides, recovery_days=1, open=book()))
    assert (decision.transition, decision.text, decision.ending) == (Transition.CLOSE, text, Alert.Ending.RECOVERED)


def test_what_was_raised_on_this_very_date_and_does_not_hold_any_more_is_taken_back() -> None:
    decision = decide(rule("at_risk", None, 3), facts(recovery_days=1, open=book(opened_on=DAY)))
    assert (decision.transition, decision.ending) == (Transition.CLOSE, Alert.Ending.WITHDRAWN)
    assert decision.text == "Withdrawn: the data for 10 May 2025 changed"
    assert (
        decide(rule("at_risk", None, 3), facts(status="at_risk", open=book(opened_on=DAY))).transition
        == Transition.NOTHING
    )


def test_a_contract_that_ends_ends_the_alerts_but_its_own() -> None:
    gone = {"contract_status": "paused", "status": "inactive", "highest": 99}
    for kind in ("at_risk", "fell", "blocked", "no_first_pr"):
        decision = decide(rule(kind, 3, 1), facts(**gone, open=book()))
        assert (decision.transition, decision.ending, decision.text) == (
            Transition.CLOSE,
            "ended",
            "Account status: paused",
        )
    assert decide(rule("inactive", None, 1), facts(**gone, open=book())).transition == Transition.NOTHING
    assert (
        decide(rule("inactive", None, 1), facts(**gone, open=book(acknowledged=True))).transition == Transition.CLOSE
    )


def test_a_customer_at_risk_who_becomes_inactive_has_not_recovered() -> None:
    assert (
        decide(rule("at_risk", None, 1), facts(status="inactive", recovery_days=0, open=book())).transition
        == Transition.NOTHING
    )


@pytest.mark.parametrize(
    ("scores", "well"),
    [
        ({0: (61, 1), 3: (75, 1)}, True),
        ({0: (60, 1), 3: (75, 1)}, False),
        ({0: (60, 1), 7: (75, 1)}, False),
        ({0: (60, 1), 8: (75, 1)}, True),
        ({0: (60, 2), 3: (75, 1)}, True),
        ({0: (60, 1)}, True),
        ({1: (60, 1)}, False),
    ],
)
def test_what_is_well_after_a_fall(scores: dict[int, tuple[int, int]], well: bool) -> None:
    """By 15 points against the highest of the seven days before, scored by the same policy."""
    assert recovered_from_fall({before(days): one for days, one in scores.items()}, DAY, 15) is well


# --- What is worse ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "old", "new", "worse"),
    [
        ("at_risk", 45, 41, False),
        ("at_risk", 45, 40, True),
        ("fell", 15, 19, False),
        ("fell", 15, 20, True),
        ("blocked", 3, 5, False),
        ("blocked", 3, 6, True),
        ("blocked", 0, 1, False),
        ("blocked", 0, 2, True),
        ("inactive", 14, 27, False),
        ("inactive", 14, 28, True),
        ("no_first_pr", 14, 28, True),
        ("feed", None, 5, False),
        ("feed", 3, None, False),
    ],
)
def test_worse(kind: str, old: int | None, new: int | None, worse: bool) -> None:
    assert KINDS[kind].is_worse(old, new) is worse


def test_what_is_worse_has_new_words_and_a_new_value() -> None:
    decision = decide(rule("at_risk", None, 3), facts(status="at_risk", score=38, open=book(value=45)))
    assert (decision.transition, decision.text, decision.value) == (
        Transition.WORSEN,
        "At risk with a score of 38",
        38,
    )


# --- Likely to go quiet -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("quiet", "transition"),
    [(495, Transition.RAISE), (494, Transition.NOTHING), (None, Transition.NOTHING)],
)
def test_who_is_likely_to_go_quiet(quiet: int | None, transition: Transition) -> None:
    """By the percent that is shown: 49.5 is shown as 50."""
    decision = decide(rule("likely_quiet", None, 3), facts(quiet=quiet))
    assert decision.transition == transition
    if transition == Transition.RAISE:
        assert (decision.text, decision.value) == ("Likely to go quiet: 50%", 50)


@pytest.mark.parametrize(("quiet", "transition"), [(694, Transition.NOTHING), (695, Transition.WORSEN)])
def test_it_is_worse_with_20_percent_more(quiet: int, transition: Transition) -> None:
    again = decide(rule("likely_quiet", None, 3), facts(quiet=quiet, open=book(value=50)))
    assert again.transition == transition


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ({"quiet": 344}, "Unclear: 34%"),
        ({"quiet": 80}, "Unlikely to go quiet: 8%"),
        ({"quiet": None}, "No longer forecast, as there was no activity for 90 days"),
        ({"quiet": 900, "contract_status": "churned"}, "Account status: churned"),
    ],
)
def test_how_it_ends(overrides: dict[str, Any], words: str) -> None:
    decision = decide(rule("likely_quiet", None, 3), facts(**overrides, open=book(value=50), recovery_days=3))
    assert (decision.transition, decision.text) == (Transition.CLOSE, words)


def test_each_kind_is_declared_once() -> None:
    assert {*KINDS, Kind.OWN} == set(Kind.values)
    assert not set(CUSTOMER_KINDS) & set(FEED_KINDS)


def test_the_kinds_with_an_n_need_a_threshold() -> None:
    needing = [kind.value for kind in Kind if kind.needs_threshold]
    assert needing == ["fell", "blocked", "no_first_pr", "vanished", "quarantined"]


def test_a_feed_is_no_customer() -> None:
    assert "feed" not in CUSTOMER_KINDS

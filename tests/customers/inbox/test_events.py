"""Each event is judged by itself: what is accepted of it, and every reason against it."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from customers.inbox.events import TYPES, read_event
from customers.models import InboxEvent
from tests.support.inbox import RECEIVED, event
from tests.support.selection import examples_of_a_push

TYPES_IN_WORDS = (
    "onboarding_step_welcome_email_sent, onboarding_step_account_created, onboarding_step_github_action_installed, "
    "onboarding_step_first_issue_tagged, onboarding_step_first_pr_generated, issue_resolution, support_request, "
    "pr_merged, pr_rejected"
)


def read(entry: Any) -> InboxEvent:
    return read_event(entry, 3, RECEIVED)


@pytest.mark.parametrize(
    "entry",
    [
        {
            "customer_id": "c1001",
            "event_type": "onboarding_step_first_issue_tagged",
            "metadata": {"step": "first_issue_tagged"},
        },
        {
            "customer_id": "c1001",
            "event_type": "issue_resolution",
            "metadata": {
                "issue_url": "https://github.com/o/r/issues/1",
                "pr_url": None,
                "success": True,
                "duration_ms": 5321,
            },
        },
    ],
)
def test_what_the_action_posts_is_an_event(entry: dict[str, Any]) -> None:
    found = read(entry)
    assert (found.state, found.reason, found.position) == ("waiting", "", 3)
    assert (found.customer_key, found.event_type) == ("c1001", entry["event_type"])
    assert (found.metadata, found.event_id, found.occurred_at) == (entry["metadata"], "", RECEIVED)


def test_it_may_have_an_id_and_a_time_with_a_zone() -> None:
    found = read(event(event_id="run-7/é", occurred_at="2026-11-29T13:30:00.25+01:00"))
    assert found.state == "waiting"
    assert found.event_id == "run-7/é"
    assert found.occurred_at == datetime(2026, 11, 29, 12, 30, 0, 250_000, tzinfo=UTC)
    assert read(event(occurred_at="2026-11-29T12:30:00Z")).occurred_at == datetime(2026, 11, 29, 12, 30, tzinfo=UTC)


def test_null_is_as_if_it_were_not_there() -> None:
    found = read({**event(), "event_id": None, "occurred_at": None, "metadata": None})
    assert (found.state, found.event_id, found.occurred_at, found.metadata) == ("waiting", "", RECEIVED, {})


@pytest.mark.parametrize("event_type", TYPES)
def test_every_type_is_accepted(event_type: str) -> None:
    assert read(event(event_type=event_type)).state == "waiting"


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (7, "row: is not an object"),
        ({**event(), "customer_id": None}, "customer_id: is required"),
        ({**event(), "customer_id": 1001}, "customer_id: must be an id, in quotes"),
        (
            event("c 1"),
            "customer_id: 'c 1' is not an id: 1 to 64 ASCII letters, digits, '.', '_', ':' or '-', "
            "the first a letter or digit",
        ),
        (event(event_type="page_view"), f"event_type: 'page_view' is not one of {TYPES_IN_WORDS}"),
        (event(event_type=""), "event_type: must be one of the types, in quotes"),
        (event(event_id=7), "event_id: must be a text, in quotes"),
        (event(event_id="x" * 201), "event_id: is longer than 200 characters"),
        (event(event_id="a\0b"), "event_id: has a character that cannot be printed"),
        (event(event_id="\ud800"), "event_id: has a character that cannot be printed"),
        (event(occurred_at="29 Nov"), "occurred_at: must be a time as 2026-11-29T16:30:00+01:00"),
        (event(occurred_at=1_700_000_000), "occurred_at: must be a time as 2026-11-29T16:30:00+01:00"),
        (
            event(occurred_at="2026-11-29T12:30:00"),
            "occurred_at: must have a zone, as 2026-11-29T16:30:00+01:00 has",
        ),
        (event(occurred_at="2026-11-29T16:05:01Z"), "occurred_at: is in the future"),
        (event(occurred_at="9999-12-31T23:59:59-12:00"), "occurred_at: is in the future"),
        (event(occurred_at="1999-12-31T12:00:00Z"), "occurred_at: is before 2000"),
        (event(metadata=[]), "metadata: must be an object"),
        (event(metadata={"a": "\0"}), "metadata: has a character that cannot be stored"),
        (event(metadata={"\udfff": 1}), "metadata: has a character that cannot be stored"),
        (event(metadata={"a": [float("inf")]}), "metadata: has a number that is too large"),
        (event(metadata={"a": "x" * 10_000}), "metadata: is longer than 10,000 characters"),
        (event(metadata={"a": json.loads("[" * 20 + "]" * 20)}), "metadata: is nested more than 20 deep"),
    ],
)
def test_what_is_not_acceptable_has_a_reason(entry: Any, reason: str) -> None:
    found = read(entry)
    assert (found.state, found.reason, found.metadata) == ("invalid", reason, {})


def test_the_clock_of_the_product_may_be_five_minutes_ahead() -> None:
    at = RECEIVED + timedelta(minutes=5)
    assert read(event(occurred_at=at.isoformat())).state == "waiting"


def test_every_reason_is_given_and_what_is_valid_stays_to_be_found() -> None:
    found = read({"customer_id": "c1", "event_type": "issue_resolution", "event_id": "", "metadata": 1})
    assert found.reason == "event_id: must be a text, in quotes; metadata: must be an object"
    assert (found.customer_key, found.event_type, found.event_id) == ("c1", "issue_resolution", "")


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
_TIMES = st.datetimes(timezones=st.timezones()).map(datetime.isoformat) | st.text()


@settings(max_examples=examples_of_a_push(400))
@given(
    entry=st.fixed_dictionaries(
        {},
        optional={
            "customer_id": st.just("c1") | _VALUES,
            "event_type": st.sampled_from(TYPES) | _VALUES,
            "event_id": st.text(max_size=300) | _VALUES,
            "occurred_at": _TIMES | _VALUES,
            "metadata": _VALUES,
        },
    )
)
def test_any_object_is_judged_and_what_waits_can_be_stored(entry: dict[str, Any]) -> None:
    found = read(entry)
    if found.state == "waiting":
        assert found.customer_key
        assert found.event_type in TYPES
        assert found.occurred_at <= RECEIVED + timedelta(minutes=5)
        stored = json.dumps(found.metadata, ensure_ascii=False, allow_nan=False)
        assert "\0" not in (stored + found.event_id)
        (stored + found.event_id).encode()
    else:
        assert found.reason

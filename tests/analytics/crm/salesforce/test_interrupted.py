"""Whatever Salesforce or the network does: no row is lost, and none is written twice."""

from contextlib import nullcontext
from itertools import islice
from typing import Any

import pytest

from analytics.crm.interface import CrmUnavailable, RowOutcome, RowResult
from tests.support.salesforce import KEY, FakeSalesforce, KeptState, adapter, row

ROWS = [row(f"c{n}", Score=str(n)) for n in range(6)]
KEYS = [each.key for each in ROWS]
STEPS = [
    "POST /services/oauth2/token",
    "POST /services/data/v67.0/jobs/ingest",
    "PUT",
    "PATCH",
    "GET /services/data/v67.0/jobs/ingest",
    "successfulResults",
    "failedResults",
]
LIMIT = [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "TotalRequests Limit exceeded."}]


@pytest.fixture(autouse=True)
def accounts(server: FakeSalesforce) -> None:
    for key in KEYS:
        server.org.add({KEY: key})
    server.org.locked = {"c5"}
    server.polls = 3


def written_once(server: FakeSalesforce) -> None:
    assert sorted(server.org.writes) == KEYS[:5]


@pytest.mark.parametrize("where", STEPS)
@pytest.mark.parametrize(
    "how",
    [
        {"how": "die before"},
        {"how": "die after"},
        {"how": "silent before"},
        {"how": "silent after"},
        {"status": 500},
        {"status": 503, "body": b"<h1>Down for maintenance</h1>"},
        {"status": 429, "headers": {"Retry-After": "0"}},
        {"status": 429, "headers": {"Retry-After": "Sun, 29 Nov 2026 20:00:00 GMT"}},
    ],
    ids=lambda how: " ".join(str(value) for value in how.values() if not isinstance(value, bytes)),
)
def test_what_goes_wrong_once_is_overcome(server: FakeSalesforce, where: str, how: dict[str, Any]) -> None:
    server.trouble(where, **how)

    results = list(adapter(server).push(ROWS, KeptState()))

    assert sorted(each.key for each in results) == KEYS
    assert [each.key for each in results if each.outcome != RowOutcome.UPDATED] == ["c5"]
    written_once(server)


@pytest.mark.parametrize("where", STEPS)
@pytest.mark.parametrize("how", ["die before", "die after"])
def test_a_push_that_stopped_anywhere_is_continued_by_the_next(server: FakeSalesforce, where: str, how: str) -> None:
    server.trouble(where, how=how, times=1_000)
    state = KeptState()
    recorded: dict[str, RowResult] = {}

    # Where a job was closed without an answer to it, the job itself says so.
    ended = (
        nullcontext()
        if (where, how) == ("PATCH", "die after")
        else pytest.raises(CrmUnavailable, match="Resume the push later")
    )
    with ended:
        recorded.update((each.key, each) for each in adapter(server).push(ROWS, state))
    server.troubles.clear()
    left = [each for each in ROWS if each.key not in recorded]
    recorded.update((each.key, each) for each in adapter(server).push(left, state))

    assert sorted(recorded) == KEYS
    assert recorded["c5"].outcome == RowOutcome.REFUSED
    written_once(server)


def test_a_closed_job_is_asked_and_not_sent_again(server: FakeSalesforce) -> None:
    state = KeptState()
    server.polls = 1_000
    with pytest.raises(CrmUnavailable, match="still at work on job 750000000000001AAA"):
        list(adapter(server, job=0.1).push(ROWS, state))
    server.polls = 0

    results = list(adapter(server).push(ROWS, state))

    assert sorted(each.key for each in results) == KEYS
    assert list(server.jobs) == ["750000000000001AAA"]
    written_once(server)


def test_a_process_that_ended_between_two_results_has_the_others_from_the_job(server: FakeSalesforce) -> None:
    state = KeptState()
    recorded = [each.key for each in islice(adapter(server).push(ROWS, state), 2)]

    results = list(adapter(server).push([each for each in ROWS if each.key not in recorded], state))

    assert sorted(recorded + [each.key for each in results]) == KEYS
    written_once(server)


def test_a_row_that_was_edited_meanwhile_is_sent_again(server: FakeSalesforce) -> None:
    state = KeptState()
    list(adapter(server).push(ROWS[:2], state))

    list(adapter(server).push([ROWS[0], row("c1", Score="99")], state))

    assert server.org.writes == ["c0", "c1", "c1"]
    assert server.org.accounts[1]["RSOLV_Score__c"] == 99.0


def test_a_job_that_salesforce_has_no_more_is_sent_anew(server: FakeSalesforce) -> None:
    state = KeptState()
    state.save({"jobs": ["750000000000777AAA"]})

    assert len(list(adapter(server).push(ROWS, state))) == 6
    written_once(server)


@pytest.mark.parametrize(
    ("ends", "told", "words"),
    [
        ("Failed", "ApiBatchItems Limit exceeded.", "left 2 rows unprocessed: ApiBatchItems Limit exceeded."),
        ("Aborted", "", "left 2 rows unprocessed: somebody aborted it there"),
    ],
)
def test_a_job_that_ends_early_keeps_what_it_has_done(
    server: FakeSalesforce, ends: str, told: str, words: str
) -> None:
    server.processes, server.ends, server.ends_with = 4, ends, told
    state = KeptState()
    results: list[RowResult] = []

    with pytest.raises(CrmUnavailable, match=words):
        results.extend(iter(adapter(server).push(ROWS, state)))
    push = adapter(server).push(ROWS, state)
    server.processes, server.ends, server.ends_with = None, "JobComplete", ""
    continued = list(push)

    assert sorted(each.key for each in continued) == KEYS
    written_once(server)


def test_rows_that_no_result_file_names_are_unknown(server: FakeSalesforce) -> None:
    server.processes, server.ends, server.ends_with = 4, "Failed", "Too slow."
    results: list[RowResult] = []

    with pytest.raises(CrmUnavailable):
        for each in adapter(server).push(ROWS, KeptState()):
            results.append(each)

    assert [(each.key, each.words) for each in results if each.outcome == RowOutcome.UNKNOWN] == [
        ("c4", "Too slow."),
        ("c5", "Too slow."),
    ]


def test_an_old_token_is_renewed_once(server: FakeSalesforce) -> None:
    client = adapter(server)
    list(client.push(ROWS[:1], KeptState()))
    server.tokens.clear()

    assert len(list(client.push(ROWS[1:2], KeptState()))) == 1
    assert server.issued == 2


def test_a_token_that_is_refused_twice_stops_the_push(server: FakeSalesforce) -> None:
    server.trouble(
        "POST /services/data", status=401, body=[{"errorCode": "INVALID_SESSION_ID", "message": "No"}], times=9
    )

    with pytest.raises(CrmUnavailable, match="refuses its own token: No"):
        list(adapter(server).push(ROWS, KeptState()))
    assert server.asked("/services/oauth2/token") == 2


@pytest.mark.parametrize("where", STEPS[1:])
def test_a_used_up_limit_stops_at_once(server: FakeSalesforce, where: str) -> None:
    server.trouble(where, status=403, body=LIMIT, times=99)

    with pytest.raises(CrmUnavailable, match="limit of requests a day is used up"):
        list(adapter(server).push(ROWS, KeptState()))
    assert server.asked(where) <= 1 + (where == STEPS[4])


def test_an_hours_wait_that_is_asked_for_ends_the_push_which_is_resumed(server: FakeSalesforce) -> None:
    server.trouble("POST /services/data", status=429, headers={"Retry-After": "3600"})
    state = KeptState()
    with pytest.raises(CrmUnavailable, match="takes no more calls for now: it is asked too often"):
        list(adapter(server).push(ROWS, state))
    assert len(list(adapter(server).push(ROWS, state))) == 6

"""Whatever goes wrong, and however often a push is continued: Salesforce has what the results say, once."""

from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.crm.interface import CrmUnavailable, RowOutcome, RowResult
from tests.support.salesforce import KEY, FakeSalesforce, KeptState, Trouble, adapter, row, salesforce
from tests.support.selection import examples_of_a_push

KEYS = [f"c{number}" for number in range(6)]
REQUESTS = ["token", "POST /services/data", "PUT", "PATCH", "GET /services/data", "successfulResults", "failedResults"]
TROUBLES = st.builds(
    Trouble,
    where=st.sampled_from(REQUESTS),
    how=st.sampled_from(["die before", "die after", "answer"]),
    status=st.sampled_from([400, 401, 403, 404, 429, 500, 503]),
    body=st.just([{"errorCode": "NOT_NOW", "message": "Not now"}]),
    times=st.integers(1, 4),
    skip=st.integers(0, 3),
)


def push_until_done(server: FakeSalesforce, taken: list[int]) -> dict[str, RowResult]:
    """Push, and continue as often as it is stopped; ``taken`` is how many results each process lives to record."""
    state, recorded = KeptState(), dict[str, RowResult]()
    for lives in [*taken, *[len(KEYS)] * 40]:
        left = [row(key, Score=str(number)) for number, key in enumerate(KEYS) if key not in recorded]
        try:
            for _, result in zip(range(lives), adapter(server, pauses=(0.01,)).push(left, state), strict=False):
                if result.outcome != RowOutcome.UNKNOWN:
                    recorded[result.key] = result
        except CrmUnavailable:
            continue
        if len(recorded) == len(KEYS):
            break
    return recorded


@settings(max_examples=examples_of_a_push(60), deadline=None)
@given(
    troubles=st.lists(TROUBLES, max_size=4),
    taken=st.lists(st.integers(0, 5), max_size=3),
    locked=st.sets(st.sampled_from(KEYS), max_size=2),
    known=st.sets(st.sampled_from(KEYS)),
    processed=st.none() | st.integers(0, 5),
)
def test_salesforce_has_what_the_results_say(
    troubles: list[Trouble], taken: list[int], locked: set[str], known: set[str], processed: int | None
) -> None:
    with salesforce(names_new_accounts=True, locked=locked) as server:
        for key in sorted(known):
            server.org.add({KEY: key})
        server.troubles = [Trouble(**vars(each)) for each in troubles]
        if processed is not None:
            server.first_ends(processed)

        recorded = push_until_done(server, taken)

        written = {key: KEYS.index(key) for key in KEYS if key not in locked}
        scores = {str(each[KEY]): each.get("RSOLV_Score__c") for each in server.org.accounts}
        assert sorted(recorded) == KEYS
        assert {key: score for key, score in scores.items() if score is not None} == written
        assert sorted(server.org.writes) == sorted(written)
        outcomes = {key: each.outcome for key, each in recorded.items()}
        assert outcomes == {
            key: RowOutcome.REFUSED if key in locked else RowOutcome.UPDATED if key in known else RowOutcome.CREATED
            for key in KEYS
        }

"""Rows become accounts by jobs of Bulk API 2.0, and each row has what became of it."""

import csv
import io

import pytest

from analytics.crm.interface import CrmRow, CrmUnavailable, RowOutcome, RowResult
from analytics.crm.salesforce import adapter as adapters
from tests.support.salesforce import KEY, FakeSalesforce, KeptState, adapter, row

SCORE, OWNER, STATUS = "RSOLV_Score__c", "RSOLV_Owner__c", "RSOLV_Status__c"


def test_accounts_are_updated_in_one_job(server: FakeSalesforce) -> None:
    server.org.add({KEY: "c1", SCORE: 40.0, "Phone": "030"})
    server.org.add({KEY: "c2"})

    results = list(adapter(server).push([row("c1", Score="45", Owner="Ann, A."), row("c2", Score="7")], KeptState()))

    assert results == [RowResult("c1", RowOutcome.UPDATED), RowResult("c2", RowOutcome.UPDATED)]
    first, second = server.org.accounts
    assert (first[SCORE], first[OWNER], first["Phone"]) == (45.0, "Ann, A.", "030")
    assert second[SCORE] == 7.0
    assert len(server.jobs) == 1


def test_a_new_account_needs_a_name_that_we_never_write(server: FakeSalesforce) -> None:
    [result] = adapter(server).push([row("c9", Score="45")], KeptState())

    assert result.outcome == RowOutcome.REFUSED
    assert result.words == "REQUIRED_FIELD_MISSING:Required fields are missing: [Name]:Name"
    assert server.org.accounts == []


def test_a_new_account_is_created_where_a_flow_names_it(server: FakeSalesforce) -> None:
    server.org.names_new_accounts = True

    assert list(adapter(server).push([row("c9", Score="45")], KeptState())) == [RowResult("c9", RowOutcome.CREATED)]
    assert server.org.accounts[0][KEY] == "c9"


def test_an_empty_text_empties_the_field_and_a_missing_one_leaves_it(server: FakeSalesforce) -> None:
    server.org.add({KEY: "c1", OWNER: "Ann", STATUS: "Healthy"})

    list(adapter(server).push([row("c1", Owner="")], KeptState()))

    assert (server.org.accounts[0][OWNER], server.org.accounts[0][STATUS]) == (None, "Healthy")


def test_a_refused_row_has_the_words_of_salesforce_and_the_others_are_written(server: FakeSalesforce) -> None:
    for key in ("c1", "c2", "c3"):
        server.org.add({KEY: key})
    server.org.locked = {"c2"}
    server.org.validation = lambda record: "Scores over 100 are wrong" if record.get(SCORE) == 101.0 else ""

    results = list(
        adapter(server).push([row(k, Score=s) for k, s in [("c1", "1"), ("c2", "2"), ("c3", "101")]], KeptState())
    )

    assert {each.key: (each.outcome, each.words) for each in results} == {
        "c1": (RowOutcome.UPDATED, ""),
        "c2": (RowOutcome.REFUSED, "UNABLE_TO_LOCK_ROW:unable to obtain exclusive access to this record"),
        "c3": (RowOutcome.REFUSED, "FIELD_CUSTOM_VALIDATION_EXCEPTION:Scores over 100 are wrong"),
    }


def test_two_keys_that_differ_in_case_are_refused_there(server: FakeSalesforce) -> None:
    server.org.names_new_accounts = True

    results = list(adapter(server).push([row("c1"), row("C1")], KeptState()))

    assert [each.outcome for each in results] == [RowOutcome.REFUSED, RowOutcome.REFUSED]
    assert "Duplicate external id specified" in results[0].words


def test_hostile_texts_arrive_as_they_are(server: FakeSalesforce) -> None:
    hostile = "He said \"no\", '=1+1'\r\nthen\rleft; ünïcode \N{SNOWMAN}"
    server.org.add({KEY: "c1"})

    [result] = adapter(server).push([row("c1", Blocker=hostile)], KeptState())

    assert result.outcome == RowOutcome.UPDATED
    assert server.org.accounts[0]["RSOLV_Blocker__c"] == hostile.replace("\r\n", "\n").replace("\r", "\n")


def test_a_field_that_is_not_ours_is_never_sent(server: FakeSalesforce) -> None:
    foreign = CrmRow("c1", "c1", {"Name": "Mine"})

    with pytest.raises(ValueError, match="Name"):
        list(adapter(server).push([foreign], KeptState()))

    assert not any(job.upload for job in server.jobs.values())


def test_the_header_has_our_fields_alone(server: FakeSalesforce) -> None:
    list(adapter(server, ours={KEY, SCORE, OWNER}).push([row("c1", Score="1")], KeptState()))

    [job] = server.jobs.values()
    assert next(csv.reader(io.StringIO((job.upload or b"").decode()))) == [KEY, OWNER, SCORE]


@pytest.mark.parametrize(("limit", "value"), [("MOST_ROWS", 2), ("MOST_BYTES", 46)])
def test_more_than_one_job_takes_is_sent_in_several(
    server: FakeSalesforce, monkeypatch: pytest.MonkeyPatch, limit: str, value: int
) -> None:
    monkeypatch.setattr(adapters, limit, value)
    server.org.names_new_accounts = True
    state = KeptState()

    results = list(adapter(server, ours={SCORE}).push([row(f"c{n}", Score=str(n)) for n in range(5)], state))

    assert [each.key for each in results] == ["c0", "c1", "c2", "c3", "c4"]
    assert [len(job.rows) - 1 for job in server.jobs.values()] == [2, 2, 1]
    assert state.kept == {"jobs": list(server.jobs)}
    assert all(len(job.upload or b"") <= 46 for job in server.jobs.values())


def test_nothing_to_push_asks_nothing(server: FakeSalesforce) -> None:
    assert list(adapter(server).push([], KeptState())) == []
    assert server.requests == []


def test_a_field_that_is_missing_there_stops_the_push_with_its_name(server: FakeSalesforce) -> None:
    push = adapter(server, ours={KEY, SCORE, "RSOLV_Gone__c"}).push([row("c1", Score="1")], KeptState())

    assert next(push) == RowResult("c1", RowOutcome.UNKNOWN, "InvalidBatch : Field name not found : RSOLV_Gone__c")
    with pytest.raises(CrmUnavailable, match=r"left 1 row unprocessed: .*RSOLV_Gone__c\. Mend that, then resume"):
        next(push)


def test_names_that_the_organisation_spells_in_other_capitals_are_the_same_fields(server: FakeSalesforce) -> None:
    server.org.add({KEY: "c1", SCORE: 40.0})
    state = KeptState()
    client = adapter(server, prefix="rsolv_", match_key=KEY.lower(), ours={"rsolv_score__c"})
    sent = CrmRow("c1", "c1", {"rsolv_score__c": "45"})

    assert client.check() == []
    assert client.read(["c1"], ["rsolv_score__c"]) == {"c1": {"rsolv_score__c": "40"}}
    for _ in range(2):
        assert list(client.push([sent], state)) == [RowResult("c1", RowOutcome.UPDATED)]
    assert (server.org.accounts[0][SCORE], server.org.writes) == (45.0, ["c1"])

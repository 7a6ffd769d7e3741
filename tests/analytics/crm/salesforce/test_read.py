"""What accounts have is read by SOQL: any key, in as many requests as it takes."""

from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.crm.interface import CrmUnavailable
from analytics.crm.salesforce import query
from analytics.crm.salesforce.query import literal
from tests.support.salesforce import KEY, FakeSalesforce, adapter
from tests.support.salesforce_answers import read_literals
from tests.support.selection import examples_of_a_push

SCORE, OWNER, ACTIVE = "RSOLV_Score__c", "RSOLV_Owner__c", "RSOLV_Last_Active__c"


def test_fields_are_texts_as_they_would_be_sent(server: FakeSalesforce) -> None:
    server.org.add({KEY: "c1", SCORE: 45.0, OWNER: None, ACTIVE: "2026-11-28"})
    server.org.add({KEY: "c2", SCORE: 0.25, OWNER: "Ann"})
    server.org.add({KEY: "c3", SCORE: 1.0})

    assert adapter(server).read(["c1", "c2", "c9"], [SCORE, OWNER, ACTIVE]) == {
        "c1": {SCORE: "45", OWNER: "", ACTIVE: "2026-11-28"},
        "c2": {SCORE: "0.25", OWNER: "Ann", ACTIVE: ""},
    }


def test_a_key_is_found_in_another_case_as_an_upsert_finds_it(server: FakeSalesforce) -> None:
    server.org.add({KEY: "C1", SCORE: 1.0})

    assert adapter(server).read(["c1"], [SCORE]) == {"c1": {SCORE: "1"}}


@pytest.mark.parametrize(
    "key", ["O'Brien", "back\\slash", "') OR Name != '", "line\nend", 'two "quotes"', "50%+1&q=2", "ü"]
)
def test_a_hostile_key_is_a_key_and_nothing_else(server: FakeSalesforce, key: str) -> None:
    server.org.add({KEY: key, SCORE: 1.0})
    server.org.add({KEY: "other", SCORE: 2.0})

    assert adapter(server).read([key], [SCORE]) == {key: {SCORE: "1"}}


@settings(max_examples=examples_of_a_push(200))
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1), min_size=1, max_size=5))
def test_salesforce_reads_the_texts_that_literals_were_made_of(texts: list[str]) -> None:
    assert read_literals(",".join(literal(text) for text in texts)) == texts


def test_many_keys_are_asked_in_addresses_that_salesforce_takes(server: FakeSalesforce) -> None:
    keys = [f"customer-{number:06d}" for number in range(3_000)]
    for key in keys[::10]:
        server.org.add({KEY: key, SCORE: 1.0})
    server.page_size = 7

    assert list(adapter(server).read(keys, [SCORE])) == keys[::10]
    assert max(len(quote(each)) for each in server.requests) < query.MOST_OF_ADDRESS + 200


def test_no_keys_ask_nothing(server: FakeSalesforce) -> None:
    assert adapter(server).read([], [SCORE]) == {}
    assert server.requests == []


def test_a_connection_that_dies_between_pages_is_asked_again(server: FakeSalesforce) -> None:
    for number in range(5):
        server.org.add({KEY: f"c{number}", SCORE: float(number)})
    server.page_size = 2
    server.trouble("/query/01g", how="die before")

    assert len(adapter(server).read([f"c{number}" for number in range(5)], [SCORE])) == 5


def test_an_unknown_field_is_named(server: FakeSalesforce) -> None:
    with pytest.raises(CrmUnavailable, match="No such column 'RSOLV_Gone__c' on entity 'Account'"):
        adapter(server).read(["c1"], ["RSOLV_Gone__c"])


def test_no_name_of_a_field_becomes_part_of_a_query(server: FakeSalesforce) -> None:
    with pytest.raises(ValueError, match="is no name of a field"):
        adapter(server).read(["c1"], ["Name FROM User WHERE Id != ''--"])
    assert server.asked("query") == 0

"""Pushes to Salesforce: the sums, refusals, modes, undo, what stops one, and whatever happens."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.crm.begin import NotPushable
from analytics.crm.pushing import push_to, resume_push, undo_push
from analytics.models import Destination, Push, Snapshot
from customers.core.dry_run import rolled_back
from customers.erasure.erase import erase
from customers.models import CustomerCare
from tests.support.crm import counts, make_scored, score
from tests.support.salesforce import KEY, FakeSalesforce, salesforce
from tests.support.salesforce_pushes import QUICK, account, make_salesforce, salesforce_agrees
from tests.support.selection import examples_of_a_push

pytestmark = pytest.mark.django_db
SCORE, STATUS = "RSOLV_Score__c", "RSOLV_Status__c"


@pytest.fixture
def server() -> Iterator[FakeSalesforce]:
    with salesforce() as server:
        yield server


@pytest.fixture
def there(server: FakeSalesforce, monkeypatch: pytest.MonkeyPatch) -> Destination:
    return make_salesforce(server, monkeypatch)


def test_a_push_sends_what_differs_and_the_next_one_nothing(there: Destination, server: FakeSalesforce) -> None:
    make_scored(3)
    server.org.add({KEY: "c3", "Name": "Three", "Phone": "030"})

    push = push_to(there, "ada")

    assert (push.state, push.reason, counts(push)) == ("done", "", {"new": 3})
    assert account(server, "c1") == {KEY: "c1", SCORE: "75", STATUS: "Healthy"}
    assert (server.org.accounts[0]["Name"], server.org.accounts[0]["Phone"]) == ("Three", "030")
    assert dict(push.rows.values_list("customer", "state")) == {"c1": "created", "c2": "created", "c3": "updated"}
    jobs = len(server.jobs)
    assert (counts(push_to(there, "ada")), len(server.jobs)) == ({"unchanged": 3}, jobs)
    score("c2", 40)
    assert counts(push_to(there, "ada")) == {"changed": 1, "unchanged": 2}
    assert (account(server, "c2")[SCORE], server.org.writes) == ("40", ["c1", "c2", "c3", "c2"])


def test_a_refused_row_has_the_words_of_salesforce_and_is_tried_again(
    there: Destination, server: FakeSalesforce
) -> None:
    make_scored(3)
    server.org.locked = {"c2"}

    push = push_to(there, "ada")

    assert (push.state, counts(push)) == ("done", {"new": 2, "refused": 1})
    words = "UNABLE_TO_LOCK_ROW:unable to obtain exclusive access to this record"
    assert push.rows.get(state="refused").words == words
    assert counts(push_to(there, "ada")) == {"unchanged": 2, "refused": 1}
    server.org.locked = set()
    assert counts(push_to(there, "ada")) == {"unchanged": 2, "new": 1}


def test_a_customer_without_an_account_is_refused_where_nobody_names_it(
    there: Destination, server: FakeSalesforce
) -> None:
    server.org.names_new_accounts = False
    make_scored(2)
    server.org.add({KEY: "c1"})

    push = push_to(there, "ada")

    assert counts(push) == {"new": 1, "refused": 1}
    assert "Required fields are missing: [Name]" in push.rows.get(state="refused").words


def test_undo_pushes_the_previous_values_and_deletes_nothing(there: Destination, server: FakeSalesforce) -> None:
    make_scored(2)
    first = push_to(there, "ada")
    score("c1", 10)
    second = push_to(there, "ada")

    assert counts(undo_push(second, "ada")) == {"changed": 1}
    assert account(server, "c1")[SCORE] == "75"
    salesforce_agrees(server)
    undo_push(first, "ada")
    assert account(server, "c2") == {KEY: "c2"}
    assert len(server.org.accounts) == 2


def test_the_modes_of_fields(server: FakeSalesforce, monkeypatch: pytest.MonkeyPatch) -> None:
    modes = {"score": "overwrite", "status": "fill_new", "stage": "fill_empty", "trend": "fill_empty"}
    there = make_salesforce(server, monkeypatch, **modes)
    make_scored(2)
    server.org.add({KEY: "c2", "RSOLV_Stage__c": "Theirs"})

    push_to(there, "ada")

    made = {KEY: "c1", SCORE: "75", STATUS: "Healthy", "RSOLV_Stage__c": "Onboarding", "RSOLV_Trend__c": "Stable"}
    met = {KEY: "c2", SCORE: "75", "RSOLV_Stage__c": "Theirs", "RSOLV_Trend__c": "Stable"}
    assert (account(server, "c1"), account(server, "c2")) == (made, met)
    Snapshot.objects.update(score=1, status="at_risk", stage="regular_usage", trend="declining")
    assert counts(push_to(there, "ada")) == {"changed": 2}
    assert (account(server, "c1"), account(server, "c2")) == ({**made, SCORE: "1"}, {**met, SCORE: "1"})


def test_do_not_sync_and_erased_customers_are_never_sent(there: Destination, server: FakeSalesforce) -> None:
    make_scored(4)
    CustomerCare.objects.create(customer_id="c2", do_not_sync=True)
    erase("c3", "ada")

    assert counts(push_to(there, "ada")) == {"new": 2, "held_back": 2}
    assert server.org.writes == ["c1", "c4"]
    assert not any(b"c2" in (job.upload or b"") or b"c3" in (job.upload or b"") for job in server.jobs.values())


def test_a_push_that_cannot_go_on_says_what_to_do_and_no_secret(
    there: Destination, server: FakeSalesforce, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_scored(1)
    monkeypatch.setenv("CRM_SALESFORCE_CLIENT_SECRET", "another-secret")

    push = push_to(there, "ada")

    assert (push.state, counts(push)) == ("unfinished", {"waiting": 1})
    assert "gives no token: invalid client credentials" in push.reason
    assert "another-secret" not in push.reason
    monkeypatch.delenv("CRM_SALESFORCE_CLIENT_SECRET")
    assert "no CRM_SALESFORCE_CLIENT_SECRET" in resume_push(push).reason


def test_missing_fields_are_named_before_anything_is_sent(there: Destination, server: FakeSalesforce) -> None:
    make_scored(1)
    server.org.fields = [each for each in server.org.fields if each.name != SCORE]

    push = push_to(there, "ada")

    assert push.reason == "Account has no field RSOLV_Score__c that the app’s user may see."
    assert server.jobs == {}


def test_foreign_fields_are_never_written(there: Destination, server: FakeSalesforce) -> None:
    make_scored(1)
    Destination.objects.update(fields={"score": {"name": "Name", "mode": "overwrite"}})

    push = push_to(there, "ada")

    assert push.reason == "Not sent: Name does not begin with RSOLV_."
    assert server.jobs == {}


def test_a_job_that_failed_on_the_way_is_continued(there: Destination, server: FakeSalesforce) -> None:
    make_scored(5)
    server.first_ends(2)

    push = push_to(there, "ada")

    assert (push.state, counts(push)) == ("unfinished", {"new": 2, "waiting": 3})
    assert "left 3 rows unprocessed: Limit exceeded." in push.reason
    assert counts(resume_push(push)) == {"new": 5}
    assert server.org.writes == ["c1", "c2", "c3", "c4", "c5"]


def test_a_page_waits_no_longer_than_it_may_and_the_next_asks_the_job(
    there: Destination, server: FakeSalesforce, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_scored(2)
    server.polls = 1_000

    push = push_to(there, "ada", seconds=0.3)

    assert (push.state, counts(push)) == ("unfinished", {"waiting": 2})
    assert push.reason == ""
    monkeypatch.setattr("analytics.crm.connect.Patience", lambda **how: replace(QUICK, **{"job": 0.1, **how}))
    push = resume_push(push)
    assert "still at work on job 750000000000001AAA. Resume the push later: it is not sent twice." in push.reason
    server.polls = 0
    assert counts(resume_push(push, seconds=5)) == {"new": 2}
    assert (len(server.jobs), server.org.writes) == (1, ["c1", "c2"])


TROUBLES = ["token", "POST /services/data", "PUT", "PATCH", "GET /services/data/v67.0/jobs", "successfulResults"]


@given(data=st.data())
@settings(max_examples=examples_of_a_push(30), deadline=None)
def test_whatever_happens_salesforce_has_what_we_say(data: st.DataObject) -> None:
    with salesforce() as server, pytest.MonkeyPatch.context() as monkeypatch, rolled_back():
        there = make_salesforce(server, monkeypatch)
        keys = [one.pk for one in make_scored(4)]
        for _step in range(data.draw(st.integers(1, 8))):
            act = data.draw(
                st.sampled_from(["score", "score", "push", "push", "trouble", "fail", "undo", "lock", "sync"])
            )
            key = data.draw(st.sampled_from(keys))
            if act == "score":
                score(key, data.draw(st.integers(0, 3)))
            elif act == "trouble":
                how = data.draw(st.sampled_from(["die before", "die after", "answer"]))
                server.trouble(data.draw(st.sampled_from(TROUBLES)), how=how, times=data.draw(st.integers(1, 4)))
            elif act == "fail":
                server.first_ends(data.draw(st.integers(0, 3)))
            elif act == "lock":
                server.org.locked ^= {key}
            elif act == "sync":
                CustomerCare.objects.update_or_create(customer_id=key, defaults={"do_not_sync": True})
            elif act == "push":
                push_to(there, "ada")
            elif done := Push.objects.filter(undoes=None).first():
                with suppress(NotPushable):
                    undo_push(done, "ada")
        server.troubles.clear()
        end_all(there, server)


def end_all(there: Destination, server: FakeSalesforce) -> None:
    """Push until nothing is left; by then the sums hold, and a further push sends nothing."""
    server.org.locked = set()
    for _ in range(3):
        push_to(there, "ada")
    for push in Push.objects.all():
        counts(push)
    written = len(server.org.writes)
    assert set(counts(push_to(there, "ada"))) <= {"unchanged", "held_back"}
    assert len(server.org.writes) == written
    salesforce_agrees(server)

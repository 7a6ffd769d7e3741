"""What HubSpot does wrong: no customer is lost, and what is there is what we say."""

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.crm.begin import NotPushable
from analytics.crm.pushing import push_to, resume_push, undo_push
from analytics.models import Push, Snapshot
from customers.core.dry_run import rolled_back
from customers.models import CustomerCare
from tests.support.crm import agrees, counts, make_hubspot, make_scored, score
from tests.support.hubspot import FakeHubSpot, fake_hubspot
from tests.support.selection import examples_of_a_push

FAULTS = ["429", "500", "409", "cut", "gone", "lost", "html", "silent"]


@pytest.mark.django_db
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_costs_no_customer(hubspot: FakeHubSpot, monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    there = make_hubspot(hubspot, monkeypatch)
    make_scored(5)
    hubspot.faults.append(fault)
    push = push_to(there, "ada")
    assert (push.state, counts(push), push.reason) == ("done", {"new": 5}, "")
    agrees(hubspot)


@pytest.mark.django_db
@pytest.mark.parametrize("fault", [*FAULTS, "429 daily"])
def test_what_does_not_end_stops_the_push_which_is_resumed(
    hubspot: FakeHubSpot, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    there = make_hubspot(hubspot, monkeypatch)
    make_scored(3)
    if fault == "409":
        hubspot.faults.extend([fault] * 5)
        assert counts(push_to(there, "ada")) == {"refused": 3}
        return
    hubspot.faults.extend([fault] * 20)
    push = push_to(there, "ada")
    assert (push.state, counts(push)) == ("unfinished", {"waiting": 3})
    assert "Resume the push later." in push.reason
    hubspot.faults.clear()
    assert counts(resume_push(push)) == {"new": 3}
    agrees(hubspot)


@pytest.mark.django_db
def test_an_answer_that_does_not_come_in_time_is_asked_for_again(
    hubspot: FakeHubSpot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analytics.crm.hubspot.http.TIMEOUT", (1.0, 0.3))
    there = make_hubspot(hubspot, monkeypatch)
    make_scored(2)
    hubspot.faults.append("slow")
    assert counts(push_to(there, "ada")) == {"new": 2}
    agrees(hubspot)


@pytest.mark.django_db
def test_a_hundred_a_call_and_no_key_twice(hubspot: FakeHubSpot, monkeypatch: pytest.MonkeyPatch) -> None:
    there = make_hubspot(hubspot, monkeypatch)
    make_scored(150)
    twin = Snapshot.objects.get(customer="c1").customer
    twin.pk, twin.organization = "C1", "Twin"
    twin.save(force_insert=True)
    Snapshot.objects.filter(customer="c2").update(customer=twin)
    assert counts(push_to(there, "ada")) == {"new": 150}
    assert sorted(map(len, hubspot.upserts)) == [1, 50, 99]
    agrees(hubspot)


@pytest.mark.django_db
@given(data=st.data())
@settings(max_examples=examples_of_a_push(30))
def test_whatever_happens_hubspot_has_what_we_say(data: st.DataObject) -> None:
    with fake_hubspot() as hubspot, pytest.MonkeyPatch.context() as monkeypatch, rolled_back():
        there = make_hubspot(hubspot, monkeypatch)
        keys = [one.pk for one in make_scored(4)]
        for _step in range(data.draw(st.integers(1, 8))):
            act = data.draw(st.sampled_from(["score", "score", "push", "push", "fault", "undo", "refuse", "sync"]))
            key = data.draw(st.sampled_from(keys))
            if act == "score":
                score(key, data.draw(st.integers(0, 3)))
            elif act == "fault":
                hubspot.faults.extend(data.draw(st.lists(st.sampled_from(FAULTS), max_size=6)))
            elif act == "refuse":
                hubspot.refuse = lambda properties, key=key: "No" if properties["rsolv_customer_id"] == key else ""
            elif act == "sync":
                CustomerCare.objects.update_or_create(customer_id=key, defaults={"do_not_sync": True})
            elif act == "push":
                push_to(there, "ada")
            elif done := Push.objects.filter(undoes=None).first():
                with suppress(NotPushable):
                    undo_push(done, "ada")
        hubspot.faults.clear()
        push_to(there, "ada")
        agrees(hubspot)
        for push in Push.objects.all():
            counts(push)
        hubspot.refuse = lambda properties: ""
        push_to(there, "ada")
        written = len(hubspot.written)
        assert set(counts(push_to(there, "ada"))) <= {"unchanged", "held_back"}
        assert (len(hubspot.written), hubspot.violations) == (written, [])

"""Playbooks of two customers who are the same: each runs once, and all goes back when the join is undone."""

from datetime import date

import pytest

from analytics.models import PlaybookRun
from analytics.receivers.joined import carry_over, put_back
from customers.models import KeyChange
from tests.factories import make_customer, make_run
from tests.support.playbooks import make_playbook, task

pytestmark = pytest.mark.django_db
DAY = date(2025, 5, 12)


@pytest.fixture
def pair() -> KeyChange:
    """A customer who vanished, c1, and the one who seems to be the same, c2."""
    return KeyChange.objects.create(former=make_customer(id="c1"), customer=make_customer(id="c2"), run=make_run())


def started(customer: str, name: str, **overrides: object) -> PlaybookRun:
    playbook = PlaybookRun.playbook.field.related_model.objects.filter(name=name).first()
    values = {"customer_id": customer, "day": DAY, "started_on": DAY, **overrides}
    return PlaybookRun.objects.create(playbook=playbook or make_playbook(task(), name=name), **values)


def stored() -> list[tuple[object, ...]]:
    return list(PlaybookRun.objects.order_by("pk").values_list("pk", "customer", "state", "left_on", "ended_why"))


def joined(pair: KeyChange) -> None:
    pair.carried = carry_over(pair)
    pair.save()


def test_runs_move_and_those_of_both_run_once(pair: KeyChange) -> None:
    alone, twice = started("c1", "Alone"), started("c1", "Twice")
    ours = started("c2", "Twice")
    held = started("c1", "Held", state="passed")
    started("c2", "Held", state="done")
    before = stored()
    joined(pair)
    assert set(PlaybookRun.objects.values_list("customer", flat=True)) == {"c2"}
    for run in (alone, twice, ours, held):
        run.refresh_from_db()
    assert [one.state for one in (alone, twice, ours, held)] == ["running", "ended", "running", "passed"]
    assert twice.ended_why == "It runs already for the same customer’s new id"
    assert alone.left_on is None and twice.left_on and held.left_on
    assert put_back(pair) == []
    assert stored() == before


def test_what_the_former_key_has_got_since_is_not_started_twice(pair: KeyChange) -> None:
    run = started("c1", "Rescue")
    joined(pair)
    newer = started("c1", "Rescue")
    assert put_back(pair) == ["1 of 1 playbooks stay, or are no longer there"]
    for one in (run, newer):
        one.refresh_from_db()
    assert (run.customer_id, newer.customer_id) == ("c2", "c1")

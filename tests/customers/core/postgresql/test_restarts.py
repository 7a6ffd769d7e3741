"""A pooler that is killed under the pages, the sockets and an import, and is there again a moment later."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings

from customers.models import ImportRun, Note
from tests.factories import csv_row, load_demo_program, make_customer, make_staff
from tests.support.at_work import Moment, Person, at_work, wait_until_more_is_written, wrong
from tests.support.faults import run_import, small_feeds, statuses
from tests.support.live import cookies_of, serving
from tests.support.loading import load, states
from tests.support.pooled import skip_without_pooler, surroundings, through
from tests.support.pooler import Pooler, pooler

PEOPLE = 6


@pytest.fixture
def own_pooler(url: str) -> Iterator[Pooler]:
    """A pooler before the test's own database."""
    skip_without_pooler()
    with pooler(url) as found:
        yield found


def killed(one: Pooler, for_seconds: float) -> Moment:
    """Kill the pooler, and start it again after a while; from when until when it was being killed."""
    began = time.monotonic()
    one.kill()
    ended = time.monotonic()
    time.sleep(for_seconds)
    one.start()
    return began, ended


def test_a_restart_costs_the_requests_in_flight_alone(own_pooler: Pooler, ready: dict[str, str]) -> None:
    load_demo_program()
    team = []
    for number in range(PEOPLE):
        customer = make_customer(id=f"restart{number}")
        team.append((cookies_of(make_staff("Success manager")), customer.pk))
    with serving(
        own_pooler.url, **surroundings(SECRET_KEY=settings.SECRET_KEY, STATIC_DIR=ready["STATIC_DIR"])
    ) as site:
        people = [Person(site.port, *one) for one in team]
        with site.socket(team[0][0]) as socket, at_work(people):
            moments = []
            for for_seconds in (0, 1, 3):
                wait_until_more_is_written(people)
                moments.append(killed(own_pooler, for_seconds))
            wait_until_more_is_written(people)
            # The process of the sockets goes on, too.
            told = socket.recv(timeout=10)
    assert told
    assert wrong(people, moments) == []
    written = [text for one in people for text in one.written]
    assert sorted(Note.objects.filter(text__in=written).values_list("text", flat=True)) == sorted(written)


def test_an_import_loses_the_feed_under_which_it_was_killed_alone(own_pooler: Pooler, tmp_path: Path) -> None:
    folder = small_feeds(tmp_path, engagement=10, events=[csv_row("events", customer_id="c1")])
    moments: list[Moment] = []

    def kill_under_onboarding(path: Path) -> Callable[[int], object]:
        if path.name != "onboarding.csv":
            return lambda count: None
        return lambda count: moments or moments.append(killed(own_pooler, 1))

    with through(own_pooler):
        outcomes = run_import(folder, progress=kill_under_onboarding)
        assert statuses(outcomes) == ["loaded", "failed", "loaded", "loaded"]
        assert ImportRun.objects.get(pk=outcomes[1].run).reason == outcomes[1].reason
        again = load(folder)
    assert [states(outcome) for outcome in again.values()] == [(0, 0, 2, 0), (0, 0, 0, 0), (0, 0, 10, 0), (0, 0, 1, 0)]

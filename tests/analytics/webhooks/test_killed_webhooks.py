"""A deliverer that is killed anywhere loses no event: each arrives, with its one id.

Each test has a database of its own, which real processes use too.
"""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from django.conf import settings as project
from django.utils import timezone

from analytics.models import WebhookDelivery, WebhookEndpoint, WebhookEvent
from analytics.webhooks import signing
from tests.support.databases import create_database, drop_database, name_in
from tests.support.own_databases import COMMIT, SECONDS, database, own, signalled, unblocked, wait_until_alone
from tests.support.processes import environment, manage
from tests.support.webhook_events import listen, make_event
from tests.support.webhook_receiver import Receiver, receiving, wait_until_read

__all__ = ["own", "unblocked"]

EVENTS = 10
DELIVER, HAND_OUT, WORKERS = "analytics.webhooks.deliver", "analytics.webhooks.hand_out", "analytics.webhooks.workers"
SENDER, CONNECTIONS = "analytics.webhooks.sender", "analytics.webhooks.connections"
ALLOWED = {"WEBHOOK_INSECURE": "1", "WEBHOOK_PRIVATE": "1", "SECRET_KEY": "", "DEBUG": "1"}
POINTS: list[tuple[str, int]] = [
    ("analytics.management.commands.deliver:deliver_events", 1),
    (f"{DELIVER}:hand_out", 1),
    (f"{HAND_OUT}:deliveries_of", 1),
    (f"{DELIVER}:secrets_of", 1),
    (f"{DELIVER}:outbox.claim", 1),
    (f"{DELIVER}:outbox.claim", 5),
    (f"{DELIVER}:body_of", 1),
    (f"{DELIVER}:Workers.take", 1),
    (f"{DELIVER}:Workers.take", 2),
    (f"{WORKERS}:send", 1),
    (f"{WORKERS}:send", 7),
    (f"{WORKERS}:send", 20),
    (f"{SENDER}:read_url", 2),
    (f"{CONNECTIONS}:_connected", 1),
    (f"{SENDER}:_beginning", 1),
    (f"{SENDER}:_beginning", 9),
    (f"{DELIVER}:_Delivering._record", 1),
    (f"{DELIVER}:attempt_of", 1),
    (f"{DELIVER}:attempt_of", 6),
    (f"{DELIVER}:outbox.record", 1),
    (f"{DELIVER}:outbox.record", 6),
    (f"{DELIVER}:Workers.close", 1),
    (COMMIT, 1),
    (COMMIT, 2),
    (COMMIT, 3),
    (COMMIT, 4),
]


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    """A receiver for all tests."""
    with receiving() as found:
        yield found


@pytest.fixture(scope="module")
def waiting(
    unblocked: None, django_db_setup: str, tmp_path_factory: pytest.TempPathFactory, receiver: Receiver
) -> Iterator[str]:
    """A database with events that wait for two endpoints."""
    name = name_in(tmp_path_factory.mktemp("waiting"))
    create_database(name, django_db_setup)
    with database(name):
        for path in ("one", "two"):
            listen(url=f"{receiver.url}/{path}")
        for _event in range(EVENTS):
            make_event()
    yield name
    drop_database(name)


@pytest.mark.parametrize(("function", "nth"), POINTS)
def test_every_event_arrives_at_each_endpoint_after_a_kill(
    waiting: str, receiver: Receiver, own: Callable[[str], str], function: str, nth: int
) -> None:
    receiver.received.clear()
    url = own(waiting)
    with signalled(url, "SIGKILL", function, nth, "deliver", **ALLOWED) as process:
        process.communicate(timeout=SECONDS)
    assert process.returncode == -signal.SIGKILL, function
    wait_until_alone()
    wait_until_read(receiver)
    before = list(receiver.uids)
    # Two minutes go by, after which what the dead process claimed is nobody's.
    WebhookDelivery.objects.filter(state="claimed").update(claimed_at=timezone.now() - timedelta(minutes=3))
    done = manage(url, "deliver", **ALLOWED)
    assert (done.returncode, done.stderr) == (0, "")
    expected = sorted(WebhookEvent.objects.values_list("uid", flat=True))
    assert len(expected) == EVENTS
    for path in ("/hook/one", "/hook/two"):
        assert sorted({one.uid for one in receiver.received if one.path == path}) == expected
    assert set(WebhookDelivery.objects.values_list("state", flat=True)) == {"sent"}
    # Only what had left before the kill may come a second time.
    assert len(receiver.received) <= 2 * EVENTS + len(before)
    secrets = [signing.secret_of(kept) for kept in WebhookEndpoint.objects.values_list("secret", flat=True)]
    for one in receiver.received:
        one.verified(secrets[0] if one.path.endswith("one") else secrets[1])
    assert manage(url, "deliver", **ALLOWED).stdout == ""


def test_two_deliverers_at_once_send_nothing_twice(
    waiting: str, receiver: Receiver, own: Callable[[str], str]
) -> None:
    receiver.received.clear()
    url = own(waiting)
    for _event in range(90):
        make_event()
    command = [sys.executable, "manage.py", "deliver"]
    both = [
        subprocess.Popen(
            command, cwd=project.BASE_DIR, env=environment(url, **ALLOWED), stdout=subprocess.PIPE, text=True
        )
        for _number in range(2)
    ]
    said = [process.communicate(timeout=SECONDS)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    uids = sorted(WebhookEvent.objects.values_list("uid", flat=True))
    for path in ("/hook/one", "/hook/two"):
        assert sorted(one.uid for one in receiver.received if one.path == path) == uids
    assert set(WebhookDelivery.objects.values_list("state", "tries")) == {("sent", 1)}

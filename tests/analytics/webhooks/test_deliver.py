"""Events on their way to endpoints: to whom, how often, and what comes of each."""

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from email.utils import format_datetime
from functools import partial

import pytest
from django.utils import timezone

from analytics.models import EventKind, WebhookAttempt, WebhookDelivery, WebhookEndpoint, WebhookEvent
from analytics.webhooks import deliver as delivering
from analytics.webhooks import signing
from analytics.webhooks.deliver import DeliveryRun, deliver_events, has_work
from analytics.webhooks.endpoints import BOTH_VALID, rotate
from analytics.webhooks.hand_out import AT_ONCE
from analytics.webhooks.retries import DELAYS, JITTER, MOST_TRIES
from analytics.webhooks.sender import Sender
from customers.models import AuditEntry, CustomerCare
from tests.factories import make_customer, make_staff
from tests.support.commands import run
from tests.support.webhook_events import listen, make_event
from tests.support.webhook_receiver import Receiver, answering, one_by_one, receiving

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("here")]
Later = Callable[[timedelta], None]


def delivered(seconds: float = 20) -> DeliveryRun:
    """A run of the deliverer."""
    return deliver_events(seconds, partial(Sender, 2.0))


def states() -> list[tuple[str, int]]:
    """The deliveries with their attempts, in their order."""
    return list(WebhookDelivery.objects.order_by("pk").values_list("state", "tries"))


def test_an_event_arrives_with_its_id_and_a_signature_that_the_library_verifies(receiver: Receiver) -> None:
    endpoint = listen(url=receiver.url)
    event = make_event(make_customer(id="c1", organization="Müller & Söhne"))
    done = delivered()
    assert (done.sent, done.again, done.failed) == (1, 0, 0)
    [received] = receiver.received
    assert received.uid == event.uid
    body = received.verified(signing.secret_of(endpoint.secret))
    assert body["type"] == "customer.at_risk"
    assert body["data"]["customer"] == {"id": "c1", "organization": "Müller & Söhne"}
    assert (body["data"]["id"], body["data"]["old"], body["data"]["new"]) == (event.uid, "healthy", "at_risk")
    assert len(received.body) < 20_000
    delivery = WebhookDelivery.objects.get()
    assert (delivery.state, delivery.tries, delivery.error) == ("sent", 1, "")
    assert delivery.sent_at is not None
    attempt = WebhookAttempt.objects.get()
    assert (attempt.delivery, attempt.status, attempt.error) == (delivery, 200, "")


def test_nothing_is_sent_twice_by_the_next_run(receiver: Receiver) -> None:
    listen(url=receiver.url)
    make_event()
    assert has_work()
    delivered()
    assert not has_work()
    assert delivered().is_empty
    assert len(receiver.received) == 1


def test_both_secrets_sign_for_a_day_after_a_rotation(receiver: Receiver, later: Later) -> None:
    endpoint = listen(url=receiver.url)
    old = signing.secret_of(endpoint.secret)
    new = rotate(endpoint)
    make_event()
    delivered()
    later(BOTH_VALID)
    make_event()
    delivered()
    first, second = receiver.received
    assert [first.verified(secret) is not None for secret in (old, new)] == [True, True]
    assert len(second.headers["webhook-signature"].split()) == 1
    signing.verify(new, second.headers, second.body)
    with pytest.raises(signing.NotVerified):
        signing.verify(old, second.headers, second.body)


def test_a_secret_that_cannot_be_made_any_more_turns_the_webhook_off(
    receiver: Receiver, settings: object, later: Later
) -> None:
    endpoint = listen(url=receiver.url)
    make_event()
    settings.SECRET_KEY = "another key of fifty characters and a few more of it"
    assert delivered().turned_off == [endpoint]
    endpoint.refresh_from_db()
    assert endpoint.off_because == "SECRET_KEY has been changed since the secret was made; make a new secret."
    assert receiver.received == []
    assert states() == [("waiting", 0)]


# --- To whom ------------------------------------------------------------------------------------------------------


def test_an_endpoint_is_told_of_its_kinds_and_customers_alone(receiver: Receiver) -> None:
    owner = make_staff(username="olga")
    ours, theirs = make_customer(id="c1", cohort="beta"), make_customer(id="c2", cohort="alpha")
    CustomerCare.objects.update_or_create(customer=theirs, defaults={"owner": owner})
    by_name = {
        "all": listen(url=f"{receiver.url}/all"),
        "runs": listen(EventKind.RUN_FINISHED, url=f"{receiver.url}/runs"),
        "beta": listen(url=f"{receiver.url}/beta", cohort="beta"),
        "olga": listen(url=f"{receiver.url}/olga", owner=owner),
        "both": listen(url=f"{receiver.url}/both", owner=owner, cohort="beta"),
        "off": listen(url=f"{receiver.url}/off", enabled=False),
    }
    events = {"ours": make_event(ours), "theirs": make_event(theirs), "run": make_event()}
    names = {event.uid: name for name, event in events.items()}
    delivered()
    found = {name: {names[one.uid] for one in receiver.received if one.path.endswith(name)} for name in by_name}
    assert found == {
        "all": {"ours", "theirs", "run"},
        "runs": {"run"},
        "beta": {"ours", "run"},
        "olga": {"theirs", "run"},
        "both": {"run"},
        "off": set(),
    }


def test_an_endpoint_is_not_told_what_happened_before_it_was_made(receiver: Receiver) -> None:
    listen(url=receiver.url)
    make_event()
    delivered()
    late = listen(url=f"{receiver.url}/late")
    make_event()
    delivered()
    assert [one.path for one in receiver.received].count("/hook/late") == late.deliveries.count() == 1


def test_what_is_stored_later_with_a_lower_key_is_handed_out_too(receiver: Receiver) -> None:
    """A transaction that took longer; a remembered newest key would pass its events over."""
    listen(url=receiver.url)
    first, second = make_event(), make_event()
    keys = first.pk
    first.delete()
    delivered()
    again = make_event(pk=keys)
    delivered()
    assert sorted(receiver.uids) == sorted([second.uid, again.uid])


def test_many_events_are_handed_out_in_a_few_queries(
    receiver: Receiver, django_assert_max_num_queries: Callable[[int], object]
) -> None:
    from analytics.webhooks.hand_out import hand_out

    customers = [make_customer(id=f"c{number}") for number in range(20)]
    for _endpoint in range(3):
        listen(url=receiver.url)
    for customer in customers:
        make_event(customer)
    with django_assert_max_num_queries(7):
        assert hand_out() == 20
    assert WebhookDelivery.objects.count() == 60
    assert hand_out() == 0
    assert AT_ONCE >= 100


# --- Again --------------------------------------------------------------------------------------------------------


def test_failures_are_tried_again_after_the_delays_of_the_specification(later: Later) -> None:
    hours = (2, 5, 10, 14, 20, 24)
    assert [delay.total_seconds() for delay in DELAYS] == [5, 300, 1800, *(hour * 3600 for hour in hours)]
    with receiving(answering(500, b"down")) as receiver:
        endpoint = listen(url=receiver.url)
        event = make_event()
        for tries, delay in enumerate(DELAYS, 1):
            began = timezone.now()
            assert delivered().again == 1
            delivery = WebhookDelivery.objects.get()
            assert (delivery.state, delivery.tries) == ("waiting", tries)
            assert began + delay <= delivery.due_at <= timezone.now() + delay * (1 + JITTER)
            later(delay - timedelta(seconds=2))
            assert delivered().is_empty
            later(delay * JITTER + timedelta(seconds=3))
        last = delivered()
    assert (last.failed, last.turned_off) == (1, [endpoint])
    assert receiver.uids == [event.uid] * MOST_TRIES
    assert states() == [("failed", 10)]
    endpoint.refresh_from_db()
    assert (endpoint.enabled, endpoint.off_because) == (False, "10 attempts failed: The receiver answered 500.")
    assert WebhookAttempt.objects.filter(status=500, answer="down").count() == 10


@pytest.mark.parametrize("status", [301, 404, 429, 500])
def test_what_fails_once_arrives_by_the_next_attempt(status: int, later: Later) -> None:
    with receiving(one_by_one(answering(status), answering(204))) as receiver:
        endpoint = listen(url=receiver.url)
        event = make_event()
        delivered()
        later(timedelta(seconds=6))
        assert delivered().sent == 1
        assert receiver.uids == [event.uid] * 2
        times = [int(one.headers["webhook-timestamp"]) for one in receiver.received]
        assert times[1] - times[0] in {5, 6, 7}
        for one in receiver.received:
            signing.verify(signing.secret_of(endpoint.secret), one.headers, one.body)
    assert states() == [("sent", 2)]


@pytest.mark.parametrize("asked", ["600", "date"])
def test_retry_after_is_obeyed_for_everything_that_waits(asked: str, later: Later) -> None:
    text = format_datetime(timezone.now() + timedelta(seconds=600), usegmt=True) if asked == "date" else asked
    with receiving(one_by_one(answering(429, Retry_After=text), answering())) as receiver:
        listen(url=receiver.url)
        for _event in range(5):
            make_event()
        delivered()
        assert len(receiver.received) == 1
        later(timedelta(seconds=590))
        assert delivered().is_empty
        later(timedelta(seconds=75))
        assert delivered().sent == 5


@pytest.mark.parametrize("asked", ["0", "-5", "soon", "Wed, 21 Oct 2015 07:28:00 GMT", "9" * 90, "1e9", "²"])
def test_a_retry_after_that_is_none_or_too_long_stops_nothing_for_long(asked: str, later: Later) -> None:
    with receiving(one_by_one(answering(503, Retry_After=asked), answering())) as receiver:
        listen(url=receiver.url)
        make_event()
        delivered()
        later(timedelta(hours=24, seconds=1))
        assert delivered().sent == 1


def test_410_turns_the_endpoint_off_at_once() -> None:
    with receiving(answering(410)) as receiver:
        endpoint = listen(url=receiver.url)
        for _event in range(3):
            make_event()
        done = delivered()
        assert (done.failed, done.turned_off) == (1, [endpoint])
        assert len(receiver.received) == 1
        make_event()
        assert delivered().is_empty
    endpoint.refresh_from_db()
    assert (endpoint.enabled, endpoint.off_because) == (False, "The receiver answered 410 Gone.")
    entry = AuditEntry.objects.get(model="analytics.webhookendpoint", action="change")
    assert "410 Gone" in entry.text
    assert sorted(states()) == [("failed", 1), ("waiting", 0), ("waiting", 0)]


def test_an_endpoint_that_is_down_is_not_asked_for_every_event() -> None:
    with receiving(answering(500)) as receiver:
        listen(url=receiver.url)
        for _event in range(30):
            make_event()
        delivered()
        assert len(receiver.received) == 3
    assert sorted(states()) == [("waiting", 0)] * 27 + [("waiting", 1)] * 3


# --- At once ------------------------------------------------------------------------------------------------------


def test_a_slow_endpoint_holds_up_nobody() -> None:
    def slow(handler: object) -> None:
        time.sleep(3)

    with receiving() as fast, receiving(slow) as other:
        for receiver in (other, fast, fast):
            listen(url=receiver.url)
        for _event in range(40):
            make_event()
        began = time.monotonic()
        thread = threading.Thread(target=lambda: [time.sleep(0.05) for _ in range(200) if len(fast.received) < 80])
        thread.start()
        delivered(seconds=2)
        thread.join()
        assert len(fast.received) == 80
        assert time.monotonic() - began < 12
        assert len(other.received) <= 3


def test_what_a_dead_process_had_claimed_is_sent_by_a_later_run(receiver: Receiver, later: Later) -> None:
    listen(url=receiver.url)
    event = make_event()
    delivered()
    WebhookDelivery.objects.update(state="claimed", claimed_at=timezone.now(), tries=0)
    assert delivered().is_empty
    later(delivering.STUCK_AFTER + timedelta(seconds=1))
    assert delivered().sent == 1
    assert receiver.uids == [event.uid] * 2


def test_what_is_deleted_while_it_is_sent_leaves_nothing_behind() -> None:
    customer = make_customer(id="c1")
    gone = threading.Event()

    def behave(handler: object) -> None:
        gone.wait(5)
        answering()(handler)

    with receiving(behave) as receiver:
        listen(url=receiver.url)
        make_event(customer)
        real = delivering._Delivering._record

        def record(self: object, results: object) -> None:
            WebhookEvent.objects.all().delete()
            gone.set()
            real(self, results)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(delivering._Delivering, "_record", record)
            assert delivered().is_empty
    assert not WebhookDelivery.objects.exists()
    assert not WebhookAttempt.objects.exists()


def test_command_says_what_it_did(receiver: Receiver) -> None:
    assert run("deliver").out == ""
    assert not AuditEntry.objects.filter(subject="deliver").exists()
    listen(url=receiver.url)
    make_event()
    assert run("deliver").out == "Webhooks: 1 delivered, 0 to be tried again, 0 failed.\n"
    assert AuditEntry.objects.filter(subject="deliver", action="command").count() == 1


def test_command_names_what_it_turned_off() -> None:
    with receiving(answering(410)) as receiver:
        endpoint = listen(url=receiver.url)
        make_event()
        done = run("deliver")
    assert done.err == f"Turned off: webhook {endpoint.pk}. The receiver answered 410 Gone.\n"
    assert done.out == "Webhooks: 0 delivered, 0 to be tried again, 1 failed.\n"
    assert not WebhookEndpoint.objects.enabled().exists()

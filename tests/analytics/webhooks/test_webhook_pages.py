"""The pages of webhooks: made with a secret that is shown once, changed, tested, sent again, and the log."""

import json
import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from analytics.models import EventKind, WebhookAttempt, WebhookDelivery, WebhookEndpoint
from analytics.webhook_events.kinds import KINDS
from analytics.webhooks import signing
from analytics.webhooks.bodies import EXAMPLES
from analytics.webhooks.by_hand import send_span_again
from analytics.webhooks.deliver import LATE_AFTER, deliver_events
from customers.models import AuditEntry
from tests.factories import make_customer, make_staff
from tests.support.audit import newest
from tests.support.forms import as_
from tests.support.webhook_events import listen, make_delivery, make_event
from tests.support.webhook_receiver import Receiver, answering, receiving

pytestmark = pytest.mark.django_db
Later = Callable[[timedelta], None]

LIST = "/admin/analytics/webhookendpoint/"
LOG = "/admin/analytics/webhookdelivery/"
SECRET = re.compile(r"whsec_[A-Za-z0-9+/]{43}=")
LATE = "Webhooks are not being sent."


@pytest.fixture
def ada() -> Client:
    """The browser of an Administrator."""
    make_staff("Administrator", username="ada")
    return as_("ada")


def sent(**changes: object) -> dict[str, object]:
    """What the form of a new webhook sends."""
    given = {"name": "Slack bridge", "url": "https://8.8.8.8/hook", "kinds": ["customer.at_risk"], "enabled": "on"}
    return {**given, "cohort": "", "owner": "", **changes}


def shown_secret(page: str) -> str:
    """The one secret on a page."""
    [secret] = set(SECRET.findall(page))
    return secret


def test_a_new_webhook_shows_its_secret_once(ada: Client, receiver: Receiver) -> None:
    page = ada.post(f"{LIST}add/", sent(url=receiver.url))
    assert page.status_code == 200
    assert "no-store" in page.headers["Cache-Control"]
    secret = shown_secret(page.text)
    endpoint = WebhookEndpoint.objects.get()
    assert (endpoint.name, endpoint.kinds, endpoint.enabled) == ("Slack bridge", ["customer.at_risk"], True)
    make_event(make_customer())
    deliver_events(10)
    [received] = receiver.received
    assert received.verified(secret)
    for address in (LIST, f"{LIST}{endpoint.pk}/change/", LOG, "/admin/customers/auditentry/"):
        text = ada.get(address).text
        assert "Slack bridge" in text
        assert secret not in text and endpoint.secret not in text
    entry = AuditEntry.objects.get(model="analytics.webhookendpoint", action="add")
    assert (entry.actor, entry.changes["secret"]) == ("ada", [None, "hidden"])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"url": "http://hooks.example.com/"}, "begins with https://"),
        ({"url": "https://127.0.0.1/"}, "not public"),
        ({"url": "https://2130706433/"}, "four plain numbers"),
        ({"url": "https://me@hooks.example.com/"}, "login in it"),
        ({"url": ""}, "This field is required"),
        ({"kinds": []}, "This field is required"),
        ({"kinds": ["customer.deleted"]}, "is not one of the available choices"),
        ({"name": " "}, "This field is required"),
        ({"owner": "999999"}, "Select a valid choice"),
    ],
)
def test_what_cannot_be_a_webhook_is_named(ada: Client, changes: dict[str, object], words: str) -> None:
    page = ada.post(f"{LIST}add/", sent(**changes))
    assert words in page.text
    assert not WebhookEndpoint.objects.exists()


def test_a_form_that_is_sent_twice_makes_one(ada: Client) -> None:
    key = re.search(r'name="form_key" value="([^"]+)"', ada.get(f"{LIST}add/").text)
    given = sent(form_key=key[1] if key else "same")
    ada.post(f"{LIST}add/", given)
    ada.post(f"{LIST}add/", given)
    assert WebhookEndpoint.objects.count() == 1


def test_turning_it_on_again_forgets_why_it_was_off(ada: Client) -> None:
    later = timezone.now() + timedelta(hours=1)
    endpoint = listen(enabled=False, off_because="10 attempts failed: x", rests_until=later, told_at=later)
    assert "We turned it off." in ada.get(f"{LIST}{endpoint.pk}/change/").text
    done = ada.post(f"{LIST}{endpoint.pk}/change/", sent(name="Bridge"))
    assert done.status_code == 302
    endpoint.refresh_from_db()
    assert (endpoint.enabled, endpoint.off_because) == (True, "")
    assert (endpoint.rests_until, endpoint.told_at) == (None, None)


def test_a_new_secret_is_asked_for_first_and_shown_once(ada: Client) -> None:
    endpoint = listen()
    old = signing.secret_of(endpoint.secret)
    address = f"{LIST}{endpoint.pk}/secret/"
    assert not SECRET.search(ada.get(address).text)
    new = shown_secret(ada.post(address).text)
    endpoint.refresh_from_db()
    assert [signing.secret_of(kept) for kept in endpoint.signing(timezone.now())] == [new, old]
    assert "The earlier secret signs, too" in ada.get(f"{LIST}{endpoint.pk}/change/").text
    assert "hidden" in newest().text


def test_a_webhook_is_deleted_with_its_log(ada: Client) -> None:
    endpoint, other = listen(), listen(name="Other")
    for one in (endpoint, other):
        make_delivery(make_event(), endpoint=one)
    page = ada.get(f"{LIST}{endpoint.pk}/delete/").text
    assert "Bridge" in page and "evt_" not in page
    ada.post(f"{LIST}{endpoint.pk}/delete/", {"post": "yes"})
    assert list(WebhookEndpoint.objects.all()) == [other]
    assert [one.endpoint for one in WebhookDelivery.objects.all()] == [other]
    assert WebhookAttempt.objects.count() == 1
    ada.post(LIST, {"action": "delete_selected", "_selected_action": other.pk, "post": "yes"})
    assert not WebhookEndpoint.objects.exists()


# --- Test ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", EventKind.values)
def test_an_example_of_each_kind_has_what_the_kind_says(kind: str) -> None:
    names = {"old", "new", *KINDS[EventKind(kind)].more}
    assert set(EXAMPLES[EventKind(kind)]) - {"organization"} == names


def test_a_test_is_sent_at_once_and_verified_with_the_secret_that_is_pasted(ada: Client, receiver: Receiver) -> None:
    endpoint = listen(url=receiver.url)
    secret = signing.secret_of(endpoint.secret)
    done = ada.post(f"{LIST}{endpoint.pk}/test/", {"kind": "customer.at_risk", "secret": f" {secret} "})
    delivery = WebhookDelivery.objects.get()
    assert (done.status_code, done["Location"]) == (302, f"{LOG}{delivery.pk}/change/")
    assert (delivery.state, delivery.event, delivery.tries) == ("sent", None, 1)
    [received] = receiver.received
    body = received.verified(secret)
    assert (body["type"], body["test"]) == ("customer.at_risk", True)
    assert body["data"]["id"] == received.uid == delivery.uid
    assert "Example Inc." in ada.get(done["Location"]).text
    assert "Test of customer.at_risk: taken" in newest().text


@pytest.mark.parametrize(("secret", "words"), [("whsec_" + "A" * 43 + "=", "not the one"), ("abc", "begins with")])
def test_another_secret_is_named_and_nothing_is_sent(ada: Client, receiver: Receiver, secret: str, words: str) -> None:
    endpoint = listen(url=receiver.url)
    page = ada.post(f"{LIST}{endpoint.pk}/test/", {"kind": "customer.at_risk", "secret": secret})
    assert (page.status_code, words in page.text) == (422, True)
    assert receiver.received == []
    assert not WebhookDelivery.objects.exists()


@pytest.mark.usefixtures("here")
def test_a_test_that_is_refused_is_not_tried_again(ada: Client, later: Later) -> None:
    with receiving(answering(500, b"<b>broken</b>")) as receiver:
        endpoint = listen(url=receiver.url)
        done = ada.post(f"{LIST}{endpoint.pk}/test/", {"kind": "run.finished", "secret": ""})
        page = ada.get(done["Location"]).text
        later(timedelta(days=1))
        assert deliver_events(5).is_empty
        assert len(receiver.received) == 1
    assert "answered 500" in page
    assert "&lt;b&gt;broken&lt;/b&gt;" in page
    assert "<b>broken" not in page


# --- Again --------------------------------------------------------------------------------------------------------


def test_one_is_sent_again_with_the_same_id(ada: Client, receiver: Receiver) -> None:
    listen(url=receiver.url)
    event = make_event()
    deliver_events(5)
    delivery = WebhookDelivery.objects.get()
    ada.post(f"{LOG}{delivery.pk}/change/")
    ada.post(f"{LOG}{delivery.pk}/change/")
    deliver_events(5)
    assert receiver.uids == [event.uid] * 2
    assert WebhookAttempt.objects.filter(delivery=delivery).count() == 2


def test_all_that_failed_is_sent_again(ada: Client, receiver: Receiver) -> None:
    endpoint, other = listen(url=receiver.url), listen(url=receiver.url)
    failed = [make_delivery(make_event(handed_out=True), endpoint=endpoint, state="failed") for _ in range(3)]
    make_delivery(make_event(handed_out=True), endpoint=endpoint)
    make_delivery(make_event(handed_out=True), endpoint=other, state="failed")
    assert "All that has failed: 3" in ada.get(f"{LIST}{endpoint.pk}/again/").text
    assert ada.post(f"{LIST}{endpoint.pk}/again/", {"what": "failed"}).status_code == 302
    deliver_events(5)
    assert sorted(receiver.uids) == sorted(delivery.uid for delivery in failed)
    assert "Sent again: 3 events, all that had failed" in AuditEntry.objects.filter(action="export").latest("pk").text


def test_a_span_is_sent_also_what_it_was_never_told(receiver: Receiver) -> None:
    now = timezone.now()
    hours = {n: make_event(occurred_at=now - timedelta(hours=n), handed_out=True) for n in range(1, 6)}
    endpoint = listen(url=receiver.url)
    make_delivery(hours[2], endpoint=endpoint)
    make_delivery(hours[5], endpoint=endpoint)
    assert send_span_again(endpoint, now - timedelta(hours=4, minutes=1), now - timedelta(hours=1, minutes=59)) == 3
    deliver_events(5)
    assert set(receiver.uids) == {hours[n].uid for n in (2, 3, 4)}


def test_a_span_has_its_last_minute(ada: Client, receiver: Receiver) -> None:
    endpoint, now = listen(url=receiver.url), timezone.localtime()
    make_event(occurred_at=now, handed_out=True)
    span = {"what": "span", "start": f"{now - timedelta(hours=1):%Y-%m-%dT%H:%M}", "end": f"{now:%Y-%m-%dT%H:%M}"}
    ada.post(f"{LIST}{endpoint.pk}/again/", span)
    assert endpoint.deliveries.count() == 1


def test_the_secret_that_is_compared_is_not_kept_as_a_draft(ada: Client) -> None:
    assert 'data-draft="off"' in ada.get(f"{LIST}{listen().pk}/test/").text


@pytest.mark.parametrize(
    ("start", "end", "words"),
    [
        ("", "2025-05-02T10:00", "from when"),
        ("2025-05-02T10:00", "2025-05-02T10:00", "must be after"),
        ("2025-05-02T10:00", "2099-05-02T10:00", "kept for 30 days"),
        ("yesterday", "2025-05-02T10:00", "Enter a valid date/time"),
    ],
)
def test_a_span_that_is_none_is_named(ada: Client, start: str, end: str, words: str) -> None:
    endpoint = listen()
    page = ada.post(f"{LIST}{endpoint.pk}/again/", {"what": "span", "start": start, "end": end})
    assert (page.status_code, words in page.text) == (422, True)


# --- Lists --------------------------------------------------------------------------------------------------------


def test_the_lists_need_the_same_queries_for_any_number_of_rows(
    ada: Client, django_assert_num_queries: Callable[..., object]
) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    def cost(address: str) -> int:
        with CaptureQueriesContext(
            connection,
        ) as found:
            assert ada.get(address).status_code == 200
        return len(found)

    for endpoint in (listen(), listen()):
        make_delivery(make_event(), endpoint=endpoint)
    ada.get(LIST)
    few = cost(LIST), cost(LOG)
    for _number in range(8):
        endpoint = listen(owner=make_staff(username=f"o{_number}"))
        make_delivery(make_event(), endpoint=endpoint, state="failed")
    assert (cost(LIST), cost(LOG)) == few


def test_the_list_says_how_each_does(ada: Client) -> None:
    endpoints = [listen(name=name) for name in ("Good", "Failing")]
    listen(name="Gone", enabled=False, off_because="The receiver answered 410 Gone.")
    listen(name="Quiet", enabled=False)
    make_delivery(make_event(handed_out=True), endpoint=endpoints[0])
    make_delivery(make_event(handed_out=True), endpoint=endpoints[1], state="waiting", tries=2)
    text = ada.get(LIST).text
    rows = re.findall(r"<bdi>(Good|Failing|Gone|Quiet)</bdi>.*?(On, failing|On|Turned off|Off)\s*<", text, re.DOTALL)
    assert dict(rows) == {"Good": "On", "Failing": "On, failing", "Gone": "Turned off", "Quiet": "Off"}


def test_the_list_says_when_nothing_is_being_sent(ada: Client, later: Later) -> None:
    listen()
    make_event()
    assert LATE not in ada.get(LIST).text
    later(LATE_AFTER + timedelta(seconds=1))
    assert LATE in ada.get(LIST).text


def test_what_an_endpoint_that_is_off_waits_for_is_not_late(ada: Client, later: Later) -> None:
    endpoint = listen()
    make_delivery(make_event(handed_out=True), endpoint=endpoint, state="waiting")
    later(LATE_AFTER + timedelta(seconds=1))
    assert LATE in ada.get(LIST).text
    WebhookEndpoint.objects.update(enabled=False)
    assert LATE not in ada.get(LIST).text


def test_the_log_shows_what_was_sent(ada: Client) -> None:
    event = make_event(make_customer(organization="</script><b>Evil"))
    delivery = make_delivery(event, answer="fine")
    text = ada.get(f"{LOG}{delivery.pk}/change/").text
    assert event.uid in text and "fine" in text
    assert "<b>Evil" not in text
    assert json.dumps("customer.at_risk")[1:-1] in text

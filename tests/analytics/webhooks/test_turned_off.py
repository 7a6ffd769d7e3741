"""A webhook that is turned off: an alert at once, a mail to administrators once, and what closes it."""

from collections.abc import Iterator

import pytest
from django.core import mail
from pytest_django import Settings

from analytics.alerts.evaluate import close_feed_alerts, evaluate
from analytics.models import Alert, WebhookEndpoint
from analytics.webhooks.telling import tell_turned_off
from customers.models import AuditEntry
from tests.factories import make_staff
from tests.support.commands import run
from tests.support.forms import as_
from tests.support.webhook_events import listen, make_event
from tests.support.webhook_receiver import Receiver, answering, receiving

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("here")]


@pytest.fixture
def gone() -> Iterator[Receiver]:
    """A receiver that wants no more."""
    with receiving(answering(410)) as receiver:
        yield receiver


def test_an_alert_is_raised_at_once_and_closes_when_it_is_on_again(gone: Receiver) -> None:
    endpoint = listen(url=gone.url, name="Slack bridge")
    make_event()
    run("deliver")
    alert = Alert.objects.get()
    words = "Webhook “Slack bridge” is off. The receiver answered 410 Gone."
    assert (alert.text, alert.about, alert.value, alert.is_open) == (words, "Webhooks", 1, True)
    assert evaluate().raised == 0
    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(enabled=True, off_because="")
    assert close_feed_alerts() == 1
    alert.refresh_from_db()
    assert (alert.is_open, alert.ending_text) == (False, "No webhook is off because of its receiver")


def test_the_night_raises_it_too_and_it_is_worse_with_twice_as_many() -> None:
    for name in ("one", "two"):
        listen(name=name, enabled=False, off_because="10 attempts failed: x")
        evaluate()
    alert = Alert.objects.get(rule__kind="webhook")
    assert (alert.value, alert.worse_on is not None) == (2, True)


def test_one_that_somebody_has_turned_off_is_no_alert() -> None:
    listen(enabled=False)
    evaluate()
    assert not Alert.objects.filter(rule__kind="webhook").exists()


def test_the_alert_is_on_the_page(gone: Receiver) -> None:
    make_staff("Program manager", username="mary")
    listen(url=gone.url, name="<b>Bridge")
    make_event()
    run("deliver")
    page = as_("mary").get("/admin/alerts/?told=").text
    assert "Webhooks" in page and "&lt;b&gt;Bridge" in page and "<b>Bridge" not in page


def test_administrators_are_mailed_once(gone: Receiver, settings: Settings) -> None:
    settings.SITE_URL = "https://cs.example.com"
    make_staff("Administrator", username="ada", email="ada@rsolv.example")
    make_staff("Administrator", username="bob", email="")
    make_staff("Program manager", username="mary", email="mary@rsolv.example")
    endpoint = listen(url=gone.url, name="Slack\nbridge")
    make_event()
    run("deliver")
    run("deliver")
    [sent] = mail.outbox
    assert (sent.to, sent.subject) == (["ada@rsolv.example"], "Webhook “Slack bridge” was turned off")
    assert "410 Gone" in sent.body
    assert f"https://cs.example.com/admin/analytics/webhookendpoint/{endpoint.pk}/change/" in sent.body
    assert gone.url not in sent.body
    assert AuditEntry.objects.filter(action="mail", model="analytics.webhookendpoint").count() == 1
    endpoint.refresh_from_db()
    assert endpoint.told_at is not None


def test_what_could_not_be_mailed_is_tried_again(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    for login in ("ada", "bea"):
        make_staff("Administrator", username=login, email=f"{login}@rsolv.example")
    listen(enabled=False, off_because="x")
    settings.EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
    assert tell_turned_off() == 0
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    with monkeypatch.context() as patch:
        patch.setattr("analytics.webhooks.telling.SmtpSession.send", _fails)
        assert tell_turned_off() == 0
    assert tell_turned_off() == 2
    assert tell_turned_off() == 0


def _fails(*_arguments: object) -> None:
    raise ConnectionRefusedError

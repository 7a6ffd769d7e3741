"""``ALERT_URLS``: the managers' view by Apprise to a real HTTP server, and no secret anywhere."""

import json
import logging
from collections.abc import Callable

import pytest
from django.core import serializers
from pytest_django.fixtures import Settings

from analytics.mail.channels import NotDelivered, fingerprint, label, notify
from analytics.models import AlertRule, Digest
from analytics.models.alerts import told_by
from analytics.wording import at_risk_with
from customers.models import CustomerCare
from tests.factories import make_alert, make_customer, make_staff
from tests.support.commands import python, run
from tests.support.mails import free_port, web_server

pytestmark = pytest.mark.django_db

SECRET = "t0ps3cret"


@pytest.fixture(autouse=True)
def no_mail(settings: Settings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"


def everything_stored() -> str:
    return serializers.serialize("json", Digest.objects.all())


def test_the_managers_view_is_sent_once(settings: Settings) -> None:
    owner = make_staff("Success manager")
    owned = make_customer(organization="Owned")
    CustomerCare.objects.create(customer=owned, owner=owner)
    make_alert(owned, "inactive")  # for its owner alone
    make_alert(make_customer(organization="Acme\r\n‮"))
    with web_server() as (host, taken):
        settings.ALERT_URLS = [f"json://user:{SECRET}@{host}/{SECRET}"]
        done = run("send_alerts")
        assert (done.code, done.err, done.lines[-1].partition("; ")[2]) == (0, "", "1 sent, 0 failed.")
        assert run("send_alerts").lines[-1].endswith("; 0 sent, 0 failed.")
    [message] = taken
    assert message["title"] == "Acme: At risk with a score of 45"
    assert "* Acme: At risk with a score of 45" in message["message"]
    assert "Owned" not in message["message"]
    digest = Digest.objects.get()
    assert (digest.state, digest.recipient, digest.channel) == ("sent", None, fingerprint(settings.ALERT_URLS[0]))
    assert SECRET not in everything_stored() + done.out + done.err


def test_a_channel_reads_the_first_language(settings: Settings) -> None:
    settings.OFFERED_LANGUAGES = ["de", "en"]
    make_alert(make_customer(organization="Acme"), **told_by(at_risk_with.of(score=45)))
    with web_server() as (host, taken):
        settings.ALERT_URLS = [f"json://{host}/"]
        assert run("send_alerts").code == 0
    [message] = taken
    assert message["title"] == "Acme: Gefährdet mit einem Score von 45"
    assert "* Acme: Gefährdet mit einem Score von 45 (seit 10. Mai 2025)" in message["message"]


def test_a_channel_that_fails_is_reported_without_its_secret_and_tried_again(
    settings: Settings, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    make_alert()
    with web_server(status=500) as (host, _taken), caplog.at_level(logging.DEBUG):
        url = f"json://user:{SECRET}@{host}/{SECRET}"
        settings.ALERT_URLS = [url, f"json://127.0.0.1:{free_port()}/{SECRET}", f"nosuchkind://{SECRET}"]
        done = run("send_alerts")
    assert (done.code, done.lines[-1].partition("; ")[2]) == (1, "0 sent, 3 failed.")
    assert f"Not sent: {label(url)}: {label(url)} did not take the message" in done.err
    assert "is of a kind that Apprise does not know" in done.err
    assert label(url) == f"json channel {fingerprint(url)[:8]}"
    assert set(Digest.objects.values_list("state", flat=True)) == {"failed"}
    shown = capfd.readouterr()
    assert SECRET not in everything_stored() + done.out + done.err + shown.out + shown.err
    loud = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert SECRET not in json.dumps(loud)
    with web_server() as (host, taken):
        settings.ALERT_URLS = [f"json://{host}/"]
        assert run("send_alerts").code == 0
        assert len(taken) == 1


def test_a_service_that_breaks_down_tells_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    import analytics.mail.channels as module

    def fail(url: str) -> None:
        raise RuntimeError(url)

    monkeypatch.setattr(module, "_service", fail)
    with pytest.raises(NotDelivered) as caught:
        notify(f"json://{SECRET}", "title", "text")
    assert SECRET not in repr(caught.value)
    assert caught.value.__suppress_context__


def test_the_fingerprint_depends_on_the_secret_key(settings: Settings) -> None:
    first = fingerprint("json://host/")
    settings.SECRET_KEY = "another key of the same installation"
    assert fingerprint("json://host/") != first


def test_a_night_without_news_is_silent(settings: Settings, today_is: Callable[..., None]) -> None:
    AlertRule.objects.update(audience="owner")
    with web_server() as (host, taken):
        settings.ALERT_URLS = [f"json://{host}/"]
        assert run("send_alerts").code == 0
    assert taken == []


def test_our_mails_are_written_as_before() -> None:
    """In a process of its own: the services are loaded but once, and one changes how Python writes mails."""
    script = """
import django; django.setup()
from django.core.mail import EmailMessage
from analytics.mail.channels import NotDelivered, notify
def subject():
    mail = EmailMessage("How is it going, 株式会社?", "", "a@x.example", ["b@x.example"])
    return mail.message().as_bytes().split(b"Subject:")[1][:40]
before = subject()
try:
    notify("json://127.0.0.1:1/", "title", "text")
except NotDelivered:
    print(before == subject(), "apprise.plugins.email" in __import__("sys").modules)
"""
    done = python("-W", "ignore", "-c", script, DJANGO_SETTINGS_MODULE="rsolv_cs.settings", DEBUG=1)
    assert (done.out, done.err.splitlines()[-1:]) == ("True True\n", []), done.err

"""``send_alerts`` tells each thing once, whatever breaks: repeated, down, or by a wrong clock."""

import re
from collections.abc import Callable
from datetime import date

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from pytest_django.fixtures import Settings

from analytics.clock import alert_moment
from analytics.digests.send import claim_digest
from analytics.mail.compose import RenderedEmail
from analytics.models import Alert, AlertRule, Digest
from tests.factories import make_alert
from tests.support import mails
from tests.support.alerts import of
from tests.support.commands import held_elsewhere, run
from tests.support.digests import by_recipient, last_line, raised
from tests.support.mails import MailServer, parts

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("night")]

post = mails.post


# --- Once ---------------------------------------------------------------------------------------------------------


def test_a_second_run_sends_nothing(post: MailServer, olga: User, night: Callable[..., None]) -> None:
    raised(of(olga))
    run("send_alerts")
    assert len(post.take()) == 1
    before = list(Digest.objects.values())
    night(hours=1)
    assert last_line(run("send_alerts")) == "0 sent, 0 failed."
    assert (post.take(), list(Digest.objects.values())) == ([], before)


def test_nothing_new_is_no_mail_until_a_week_has_passed(
    post: MailServer, olga: User, night: Callable[..., None]
) -> None:
    raised(of(olga))
    sent = []
    for days in range(16):
        night(days)
        run("send_alerts")
        sent += [(days, mail["Subject"]) for mail in post.take()]
    assert [days for days, _subject in sent] == [0, 7, 14]
    assert sent[1][1] == "1 alert still open"


def test_new_worse_recovered_and_still_open(post: MailServer, olga: User, night: Callable[..., None]) -> None:
    worse, over, quiet, gone = (raised(of(olga, organization=name)) for name in ("Worse", "Over", "Quiet", "Gone"))
    run("send_alerts")
    post.take()
    night(1)
    now = timezone.now()
    Alert.objects.filter(pk=worse.pk).update(worse_at=now, text="At risk with a score of 30")
    ended = {"closed_on": date(2025, 5, 11), "closed_at": now}
    Alert.objects.filter(pk=over.pk).update(**ended, ending="recovered", ending_text="Healthy with a score of 75")
    Alert.objects.filter(pk=gone.pk).update(**ended, ending="ended", ending_text="Account status: churned")
    Alert.objects.filter(pk=quiet.pk).update(acknowledged_at=now, acknowledged_by="olga", worse_at=now)
    raised(of(olga, organization="Fresh"))
    # Raised and over before anybody was told.
    raised(of(olga, organization="Unseen"), **ended, ending="recovered")
    run("send_alerts")
    [mail] = post.take()
    assert mail["Subject"] == "1 new alert, 1 got worse, 1 recovered"
    text = parts(mail)[0]
    lines = [line for line in text.splitlines() if line.startswith("* ") or line.endswith(")")]
    assert lines == [
        "NEW (1)",
        "* Fresh: At risk with a score of 45 (raised 10 May 2025)",
        "GOT WORSE (1)",
        "* Worse: At risk with a score of 30 (raised 10 May 2025)",
        "RECOVERED (1)",
        "* Over: At risk with a score of 45 (Healthy with a score of 75)",
        "STILL OPEN (1)",
        "* Quiet: At risk with a score of 45 (raised 10 May 2025, acknowledged by Olga)",
    ]


def test_what_is_put_off_is_left_out_until_its_day(post: MailServer, olga: User, night: Callable[..., None]) -> None:
    alert = raised(of(olga))
    Alert.objects.filter(pk=alert.pk).update(snoozed_until=date(2025, 5, 13))
    raised(of(olga, organization="Other"))
    sent = []
    for days in range(4):
        night(days)
        run("send_alerts")
        sent += [(days, mail["Subject"]) for mail in post.take()]
    name = alert.customer.organization
    assert sent == [
        (0, "Other: At risk with a score of 45"),
        (2, f"{name}: At risk with a score of 45"),
    ]


def test_a_claim_is_won_once(olga: User) -> None:
    email = RenderedEmail("s", "t", "h")

    def new() -> Digest:
        return Digest(kind="alerts", day=date(2025, 5, 11), recipient=olga)

    first = claim_digest(new(), email, None)
    assert first is not None
    assert claim_digest(new(), email, None) is None
    again = claim_digest(first, email, None)
    assert again is not None
    Digest.objects.filter(pk=first.pk).update(state="sent")
    assert claim_digest(again, email, None) is None


@pytest.mark.parametrize("lock", ["alerts", "score", "import"])
def test_while_another_run_goes_on_it_ends_with_75(lock: str, post: MailServer, olga: User) -> None:
    raised(of(olga))
    with held_elsewhere(lock):
        done = run("send_alerts")
    assert (done.code, done.out, post.take()) == (75, "", [])
    assert done.err.startswith("Another run of send_alerts, an import or a scoring is going on")


# --- The mail server is down --------------------------------------------------------------------------------------


def test_when_it_is_up_again_the_next_run_sends_what_has_happened_since(
    post: MailServer, settings: Settings, olga: User, mira: User, night: Callable[..., None]
) -> None:
    AlertRule.objects.update(audience="both")
    raised(of(olga, organization="First"))
    settings.EMAIL_PORT = 9
    done = run("send_alerts")
    assert (done.code, last_line(done)) == (1, "0 sent, 2 failed.")
    assert done.err.count("Not sent: ") == 2
    assert set(Digest.objects.values_list("state", "error")) == {("failed", "[Errno 111] Connection refused")}
    # Still the same day: the very row is taken up again.
    settings.EMAIL_PORT = post.port
    night(hours=1)
    raised(of(olga, organization="Second"))
    assert last_line(run("send_alerts")) == "2 sent, 0 failed."
    for text in by_recipient(post.take()).values():
        assert "First" in text
        assert "Second" in text
    assert set(Digest.objects.values_list("state", "error")) == {("sent", "")}
    assert Digest.objects.count() == 2


def test_the_next_night_tells_what_the_last_one_could_not(
    post: MailServer, settings: Settings, olga: User, night: Callable[..., None]
) -> None:
    raised(of(olga, organization="First"))
    settings.EMAIL_PORT = 9
    run("send_alerts")
    settings.EMAIL_PORT = post.port
    night(1)
    raised(of(olga, organization="Second"))
    run("send_alerts")
    [mail] = post.take()
    assert mail["Subject"] == "2 new alerts"


# --- A wrong clock ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ahead", [30, -3, -720])
def test_a_night_with_a_wrong_clock_silences_nothing_and_repeats_nothing(
    ahead: int, post: MailServer, olga: User, night: Callable[..., None]
) -> None:
    """Each night's alert is told in that night's digest, once, whatever the clock said in between."""
    told = []
    for number, days in enumerate([0, ahead, 1, 2, 8, 15, 29, 30, 31, 32]):
        night(days)
        customer = of(olga, organization=f"Customer of night {number}")
        make_alert(customer, raised_at=alert_moment())
        assert run("send_alerts").code == 0
        told.append([section_of(parts(mail)[0], "NEW") for mail in post.take()])
    assert told == [[f"Customer of night {number}"] for number in range(10)]


def test_a_wrong_clock_does_not_hide_a_snooze_that_ended(
    post: MailServer, olga: User, night: Callable[..., None]
) -> None:
    alert = raised(of(olga, organization="Acme"))
    night(30)
    run("send_alerts")
    post.take()
    night(1)
    run("send_alerts")
    Alert.objects.filter(pk=alert.pk).update(snoozed_until=date(2025, 5, 13))
    night(2)
    run("send_alerts")
    assert [section_of(parts(mail)[0], "NEW") for mail in post.take()] == ["Acme"]


def section_of(text: str, title: str) -> str:
    """The names of the alerts in one section of a digest, which has a single one."""
    [found] = re.findall(rf"^{title} \(1\)\n\n\* (.*?):", text.replace("\r\n", "\n"), re.MULTILINE)
    return found

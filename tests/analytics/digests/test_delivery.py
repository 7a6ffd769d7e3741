"""``send_alerts``: who is told what, by a real mail server; once, whatever breaks."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from email.message import EmailMessage
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from pytest_django.fixtures import Settings

from analytics.alerts.recipients import alerts_waiting_for, is_manager
from analytics.clock import alert_moment
from analytics.digests.send import claim_digest
from analytics.mail.compose import RenderedEmail
from analytics.models import Alert, AlertRule, Digest
from customers.models import Customer, CustomerCare
from tests.factories import make_alert, make_customer, make_day, make_run, make_staff
from tests.support import mails
from tests.support.commands import Ran, held_elsewhere, run
from tests.support.mails import MailServer, parts

pytestmark = pytest.mark.django_db

post = mails.post
NIGHT = datetime(2025, 5, 11, 2, 30, tzinfo=UTC)
"""A Sunday."""


@pytest.fixture(autouse=True)
def night(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Sets the moment of the run, by days (and hours) after the first night."""

    def set_night(days: int = 0, hours: int = 0) -> None:
        now = NIGHT + timedelta(days=days, hours=hours)
        monkeypatch.setattr(timezone, "now", lambda: now)

    set_night()
    return set_night


@pytest.fixture
def olga() -> User:
    """An owner."""
    return make_staff("Success manager", username="olga", email="olga@example.com", first_name="Olga")


@pytest.fixture
def mira() -> User:
    """A manager."""
    return make_staff("Program manager", username="mira", email="mira@example.com")


def of(owner: User | None, **overrides: Any) -> Customer:
    """A customer in somebody's care."""
    customer = make_customer(**overrides)
    CustomerCare.objects.create(customer=customer, owner=owner)
    return customer


def raised(customer: Customer | None, kind: str = "at_risk", **overrides: Any) -> Alert:
    return make_alert(customer, kind, raised_at=timezone.now() - timedelta(minutes=1), **overrides)


def by_recipient(mails: list[EmailMessage]) -> dict[str, str]:
    """The text of the mail to each."""
    return {mail["To"]: parts(mail)[0] for mail in mails}


def last_line(ran: Ran) -> str:
    return ran.lines[-1].partition("; ")[2]


def unseen_by_managers() -> None:
    AlertRule.objects.update(audience="owner")


# --- Who is told what ---------------------------------------------------------------------------------------------


def test_each_is_told_of_ones_own(post: MailServer, olga: User, mira: User) -> None:
    other = make_staff("Success manager", email="other@example.com")
    unseen_by_managers()
    raised(of(olga, organization="Acme"))
    raised(of(other, organization="Beta"))
    raised(of(None, organization="Without"))
    raised(make_customer(organization="Nobody's"))
    make_run(feed="engagement", file="engagement.csv", status="refused", reason="the file is empty")
    done = run("send_alerts")
    assert (done.code, done.err, last_line(done)) == (0, "", "3 sent, 0 failed.")
    told = by_recipient(post.take())
    names = ("Acme", "Beta", "Without", "Nobody's", "Feed: Engagement")
    assert {to: [name for name in names if name in text] for to, text in told.items()} == {
        "olga@example.com": ["Acme"],
        "other@example.com": ["Beta"],
        "mira@example.com": ["Without", "Nobody's", "Feed: Engagement"],
    }


@pytest.mark.parametrize(
    ("audience", "told"),
    [
        ("owner", {"olga@example.com"}),
        ("managers", {"mira@example.com"}),
        ("both", {"olga@example.com", "mira@example.com"}),
    ],
)
def test_the_rule_says_who_is_told(audience: str, told: set[str], post: MailServer, olga: User, mira: User) -> None:
    AlertRule.objects.update(audience=audience)
    raised(of(olga))
    run("send_alerts")
    assert set(by_recipient(post.take())) == told


def test_the_mail_in_both_forms(post: MailServer, olga: User) -> None:
    raised(of(olga, id="c7", organization="Acme & Co."))
    run("send_alerts")
    [mail] = post.take()
    assert (mail["From"], mail["To"], mail["Subject"]) == (
        "RSOLV <cs@example.com>",
        "olga@example.com",
        "Acme & Co.: At risk with a score of 45",
    )
    assert mail["Message-ID"] == f"<digest-{Digest.objects.get().pk}@example.com>"
    assert mail["Auto-Submitted"] == "auto-generated"
    text, html = parts(mail)
    assert text.splitlines() == [
        "Acme & Co.: At risk with a score of 45",
        "",
        "NEW (1)",
        "",
        "* Acme & Co.: At risk with a score of 45 (raised 10 May 2025)",
        "  https://cs.example.com/admin/customer/c7/",
        "",
        f"All your alerts: https://cs.example.com/admin/alerts/?told={olga.pk}",
        "My day: https://cs.example.com/admin/my-day/",
        "",
        "--",
        "Sent by RSOLV Customer Success to Olga.",
    ]
    assert '<a href="https://cs.example.com/admin/customer/c7/"><bdi>Acme &amp; Co.</bdi></a>' in html
    assert "<script" not in html


def test_hostile_names_break_neither_headers_nor_lines(post: MailServer, olga: User) -> None:
    name = "Evil\r\nBcc: victim@example.com\u2028\u202egnp.exe <script>alert(1)</script>" + "x" * 120
    User.objects.filter(pk=olga.pk).update(first_name="O\r\nBcc: a@b.example", last_name="")
    raised(of(olga, organization=name), text="Blocked for 3 days: \r\n\r\n.\r\nQUIT \u2066" + "y" * 400)
    run("send_alerts")
    [mail] = post.take()
    assert post.recipients == ["olga@example.com"]
    assert (mail["Bcc"], mail["Cc"], mail.defects) == (None, None, [])
    # A long header begins on a line of its own, which reads as a blank.
    subject = mail["Subject"].strip()
    assert len(subject) <= 150
    assert subject.startswith("Evil Bcc: victim@example.com gnp.exe <script>")
    text, html = parts(mail)
    assert "* Evil Bcc: victim@example.com gnp.exe <script>alert(1)</script>" in text
    assert "Blocked for 3 days: . QUIT yyy" in text
    assert "to O Bcc: a@b.example." in text
    assert not {"\u202e", "\u2066", "\u2028"} & set(text + html)
    assert "<script" not in html
    assert max(map(len, text.splitlines())) < 400


def test_a_name_of_a_thousand_letters_is_cut(post: MailServer, olga: User) -> None:
    User.objects.filter(pk=olga.pk).update(username="n" * 150, first_name="")
    alerts = [raised(of(olga, organization="ж" * 200)) for _ in range(2)]
    assert len(alerts) == 2
    run("send_alerts")
    text, _html = parts(post.take()[0])
    assert f"* {'ж' * 79}…: At risk" in text
    assert f"to {'n' * 59}…." in text


def test_many_alerts_are_counted_and_not_all_listed(post: MailServer, olga: User) -> None:
    for _ in range(30):
        raised(of(olga))
    run("send_alerts")
    [mail] = post.take()
    text, html = parts(mail)
    assert mail["Subject"] == "30 new alerts"
    assert text.count("\n* ") == 25
    assert "and 5 more" in text
    assert "and 5 more" in html


# --- People who are not there -------------------------------------------------------------------------------------


def test_a_deleted_owner_leaves_the_alerts_to_the_managers(post: MailServer, olga: User, mira: User) -> None:
    unseen_by_managers()
    raised(of(olga, organization="Acme"))
    olga.delete()
    run("send_alerts")
    assert list(by_recipient(post.take())) == ["mira@example.com"]


def test_so_does_one_who_has_left_and_that_is_reported(post: MailServer, olga: User, mira: User) -> None:
    unseen_by_managers()
    raised(of(olga))
    User.objects.filter(pk=olga.pk).update(is_active=False)
    done = run("send_alerts")
    assert list(by_recipient(post.take())) == ["mira@example.com"]
    assert "Not told: Olga: the account is not active, managers are told instead." in done.lines


@pytest.mark.parametrize(
    ("is_staff", "role", "why"),
    [
        (False, "Success manager", "the account is not active, managers are told instead"),
        (True, None, "may not see alerts, managers are told instead"),
    ],
)
def test_so_does_one_who_may_not_see_alerts(
    is_staff: bool, role: str | None, why: str, post: MailServer, mira: User
) -> None:
    unseen_by_managers()
    left = make_staff(role, username="left", email="left@example.com", is_staff=is_staff)
    raised(of(left, organization="Acme"))
    assert [
        alerts_waiting_for(one, timezone.localdate(), manager=is_manager(one)).count() for one in (left, mira)
    ] == [1, 1]
    done = run("send_alerts")
    assert list(by_recipient(post.take())) == ["mira@example.com"]
    assert f"Not told: left: {why}." in done.lines


def test_a_manager_who_cannot_log_in_any_more_hears_nothing(post: MailServer, mira: User) -> None:
    gone = make_staff("Program manager", username="gone", email="gone@example.com", is_staff=False)
    make_day()
    raised(of(None))
    run("send_alerts")
    assert {mail["To"] for mail in post.take()} == {"mira@example.com"}
    assert not Digest.objects.filter(recipient=gone).exists()


def test_one_without_an_address_is_reported(post: MailServer, olga: User) -> None:
    raised(of(olga))
    User.objects.filter(pk=olga.pk).update(email="")
    done = run("send_alerts")
    assert (done.code, post.take()) == (0, [])
    assert "Not told: Olga: no e-mail address." in done.lines


def test_one_whom_the_server_does_not_know_does_not_keep_it_from_the_others(
    post: MailServer, olga: User, mira: User
) -> None:
    AlertRule.objects.update(audience="both")
    raised(of(olga))
    post.refused = {"mira@example.com"}
    done = run("send_alerts")
    assert (done.code, list(by_recipient(post.take()))) == (1, ["olga@example.com"])
    assert "Not sent: mira: {'mira@example.com': (550, b'no such user')}" in done.err
    assert Digest.objects.get(recipient=mira).state == "failed"


def test_without_a_mail_server_nothing_is_claimed(settings: Settings, olga: User) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
    raised(of(olga))
    done = run("send_alerts")
    assert (done.code, Digest.objects.count()) == (0, 0)
    assert "No mail is sent, because EMAIL_URL is not set; the alerts are on their page." in done.lines


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
    Alert.objects.filter(pk=gone.pk).update(**ended, ending="ended", ending_text="Contract: churned")
    Alert.objects.filter(pk=quiet.pk).update(acknowledged_at=now, acknowledged_by="olga", worse_at=now)
    raised(of(olga, organization="Fresh"))
    # Raised and over before anybody was told.
    raised(of(olga, organization="Unseen"), **ended, ending="recovered")
    run("send_alerts")
    [mail] = post.take()
    assert mail["Subject"] == "1 new alert, 1 worse, 1 recovered"
    text = parts(mail)[0]
    lines = [line for line in text.splitlines() if line.startswith("* ") or line.endswith(")")]
    assert lines == [
        "NEW (1)",
        "* Fresh: At risk with a score of 45 (raised 10 May 2025)",
        "WORSE (1)",
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

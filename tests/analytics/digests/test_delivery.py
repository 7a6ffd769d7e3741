"""``send_alerts``: who is told what, by a real mail server."""

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from pytest_django.fixtures import Settings

from analytics.alerts.recipients import alerts_waiting_for, is_manager
from analytics.models import AlertRule, Digest
from tests.factories import make_customer, make_day, make_run, make_staff
from tests.support import mails
from tests.support.alerts import of
from tests.support.commands import run
from tests.support.digests import by_recipient, last_line, raised
from tests.support.mails import MailServer, parts

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("night")]

post = mails.post


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
        "Hello Olga,",
        "",
        "Here is what needs your attention.",
        "",
        "NEW (1)",
        "",
        "* Acme & Co.: At risk with a score of 45 (raised 10 May 2025)",
        "  https://cs.example.com/admin/customer/c7/",
        "",
        f"See all your alerts: https://cs.example.com/admin/alerts/?told={olga.pk}",
        "Open My day: https://cs.example.com/admin/my-day/",
        "",
        "--",
        "Sent by RSOLV Customer Success.",
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
    assert "Hello O Bcc: a@b.example," in text
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
    assert f"Hello {'n' * 59}…," in text


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
    assert "Not told: Olga: no email address." in done.lines


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
    assert "No email is sent, because EMAIL_URL is not set; the alerts are on their page." in done.lines

"""Writing to a customer, page by page: compose, preview, send, and what keeps somebody from it."""

import re
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from html import unescape

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.http import HttpResponse
from django.test import Client, override_settings
from django.utils import timezone

from analytics.models import MailTemplate, Message, RecommendationRule, Task
from analytics.outreach import sending
from customers.models import Customer, CustomerCare
from tests.factories import make_customer, make_message, make_run, make_staff
from tests.support.contacting import ACME, TEXTS, hidden, make_sofia, preview, send
from tests.support.pages import links, main_part, notices, section, words

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("demo_program", "from_rsolv")]


@pytest.fixture
def from_rsolv(today_is: Callable[[date], None]) -> Iterator[None]:
    today_is(date(2025, 5, 11))
    with override_settings(DEFAULT_FROM_EMAIL="RSOLV <success@rsolv.example>"):
        yield


@pytest.fixture
def twin() -> Customer:
    """Another customer of the mailbox of Acme, whose address is john@acme.com."""
    return make_customer(id="twin", email="John+billing@ACME.com", organization="Acme Two")


@pytest.fixture
def sofia(client: Client) -> User:
    user = make_sofia()
    client.force_login(user)
    return user


def reasons(response: HttpResponse) -> list[str]:
    return [words(one) for one in re.findall(r'<ul class="reasons".*?</ul>', main_part(response), re.DOTALL)]


# --- Compose ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "template"),
    [("c1001", "Help with the setup"), ("c1012", "How can we help"), ("c1003", "Congratulations")],
)
def test_the_template_fits_the_situation(client: Client, sofia: User, key: str, template: str) -> None:
    response = client.get(f"/admin/customer/{key}/contact/")
    assert response.context["template"].name == template
    assert response.context["templates"][0].name == template


def test_another_template_is_chosen(client: Client, sofia: User) -> None:
    chosen = MailTemplate.objects.get(name="Check-in")
    response = client.get(f"{ACME}?template={chosen.pk}")
    assert f'value="{chosen.subject}"' in response.text
    assert unescape(re.findall(r"<textarea[^>]*>\n?(.*?)</textarea>", response.text, re.DOTALL)[0]).startswith(
        "Hello {organization} team"
    )
    assert 'name="subject" value' not in client.get(f"{ACME}?template=0").text


@pytest.mark.parametrize("asked", ["x", "999999", "99999999999999999999", "%00", "-1", "²"])
def test_a_template_that_is_not_there_is_none(client: Client, sofia: User, asked: str) -> None:
    assert client.get(f"{ACME}?template={asked}").context["template"] is None


def test_a_template_out_of_use_is_not_offered(client: Client, sofia: User) -> None:
    MailTemplate.objects.filter(situation="blocker").update(active=False)
    response = client.get(ACME)
    assert response.context["template"] is None
    assert "Help with the setup" not in main_part(response)


def test_what_each_placeholder_stands_for_is_shown(client: Client, sofia: User) -> None:
    text = section(client.get(ACME), "placeholders")
    assert text.startswith(
        "Placeholders {organization} Acme Inc. {sender} Sofia Marchetti {github_username} acme-dev "
        "{signup_date} 3 May 2025 {blocker} GitHub permissions {steps_done} 4 {next_step} First PR "
        "{issues_tagged} 5 {prs_generated} 0 {prs_merged} 0 {success_rate} nothing {last_active} 7 May 2025"
    )


def test_a_placeholder_without_a_value_is_named_at_once(client: Client, sofia: User) -> None:
    template = MailTemplate.objects.get(name="Help with the setup")
    response = client.get(f"/admin/customer/c1003/contact/?template={template.pk}")
    assert notices(response) == [
        "This template says {blocker} , but there is none for this customer: write something else in its place."
    ]


def test_a_task_says_what_it_is_about_and_is_linked(client: Client, sofia: User) -> None:
    rule = RecommendationRule.objects.filter(condition="inactive").first()
    task = Task.objects.create(customer_id="c1001", rule=rule, what="Write to them", due="2025-05-12")
    response = client.get(f"{ACME}?task={task.pk}")
    assert response.context["template"].situation == "inactive"
    assert "for the task “Write to them”" in words(main_part(response))
    send(client, preview(client, task=str(task.pk)))
    assert Message.objects.get().task == task


def test_a_task_of_another_customer_is_not_found(client: Client, sofia: User) -> None:
    task = Task.objects.create(customer_id="c1002", what="x", due="2025-05-12")
    assert client.get(f"{ACME}?task={task.pk}").status_code == 404
    assert preview(client, task=str(task.pk)).status_code == 404
    assert client.get(f"{ACME}?task=x").status_code == 404


@pytest.mark.parametrize("key", ["nobody", "%00", "c1001%0A"])
def test_an_unknown_customer_is_not_found(client: Client, sofia: User, key: str) -> None:
    assert client.get(f"/admin/customer/{key}/contact/").status_code == 404


# --- What is refused --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ({"subject": ""}, "This field is required."),
        ({"body": " \n "}, "This field is required."),
        ({"subject": "{nobody}"}, "There is no placeholder {nobody}: use one of the list"),
        ({"body": "{organization.__class__}"}, "There is no placeholder {organization.__class__}"),
        ({"body": "Hello {organization"}, "Line 1 has a “{” without its other brace."),
        ({"body": "{success_rate}"}, "There is no {success_rate} for Acme Inc.: write something else in its place."),
        ({"subject": "a\nBcc: x@y.example"}, "The subject is one line, without hidden characters."),
        ({"subject": "a\0b"}, "Null characters are not allowed."),
        ({"body": "a\0b"}, "Null characters are not allowed."),
        ({"body": "a\x1bb"}, "The text has a control character."),
        ({"subject": "x" * 201}, "Ensure this value has at most 200 characters (it has 201)."),
        (
            {"subject": "{sender}" * 12 + "x" * 22},
            "The subject has 202 characters when it is filled, at most 200 are allowed.",
        ),
        ({"body": "x" * 20_001}, "Ensure this value has at most 20000 characters"),
    ],
)
def test_a_text_that_cannot_be_sent(client: Client, sofia: User, data: dict[str, str], reason: str) -> None:
    response = preview(client, **data)
    assert response.status_code == 422
    assert reason in reasons(response)[0]
    assert send(client, response).status_code == 422
    assert Message.objects.count() == 0


def obstacles(response: HttpResponse) -> list[str]:
    return [text.removeprefix("Nothing can be sent. ") for text in notices(response)]


def test_do_not_contact(client: Client, sofia: User) -> None:
    CustomerCare.objects.create(customer_id="c1001", do_not_contact=True)
    page = client.get("/admin/customer/c1001/")
    assert links(page, "Contact customer") == []
    assert links(page, "john@acme.com") == []
    assert "Do not contact. Nobody can write to this customer from here." in notices(page)
    response = client.get(ACME)
    assert obstacles(response) == ["This customer is marked “do not contact”."]
    assert "<textarea" not in main_part(response)
    assert preview(client).status_code == 422


def test_do_not_contact_that_was_set_after_the_preview(client: Client, sofia: User) -> None:
    previewed = preview(client)
    CustomerCare.objects.create(customer_id="c1001", do_not_contact=True)
    response = send(client, previewed)
    assert response.status_code == 422
    assert "This customer is marked “do not contact”." in obstacles(response)
    assert (Message.objects.count(), mail.outbox) == (0, [])


def test_do_not_contact_that_is_set_in_the_last_moment(client: Client, sofia: User) -> None:
    draft = sending.draft_email(Customer.objects.get(pk="c1001"), sofia, "s", "b")
    CustomerCare.objects.create(customer_id="c1001", do_not_contact=True)
    with pytest.raises(sending.NotSent, match="do not contact"):
        sending.claim_draft(draft, "key", confirmed=True)
    assert Message.objects.count() == 0


@pytest.mark.parametrize(
    ("email", "obstacle"),
    [
        ("a@x.example,b@x.example", "'a@x.example,b@x.example' is not exactly one e-mail address."),
        ("a@x.example\nBcc: b@x.example", "'a@x.example\\nBcc: b@x.example' is not exactly one e-mail address."),
        ("jörg@x.example", "'jörg@x.example' has letters before the @ that are not ASCII"),
    ],
)
def test_a_customer_whose_address_is_none(client: Client, sofia: User, email: str, obstacle: str) -> None:
    Customer.objects.filter(pk="c1001").update(email=email)
    [found] = obstacles(client.get(ACME))
    assert found.startswith(f"The address of Acme Inc.: {obstacle}")
    assert preview(client).status_code == 422


def test_somebody_without_an_address(client: Client, sofia: User) -> None:
    User.objects.filter(pk=sofia.pk).update(email="")
    assert obstacles(client.get(ACME)) == ["Your address is not known: ask an administrator to add it."]
    assert preview(client).status_code == 422


def test_without_a_mail_server(client: Client, sofia: User) -> None:
    with override_settings(EMAIL_BACKEND="django.core.mail.backends.dummy.EmailBackend"):
        assert obstacles(client.get(ACME)) == ["Mail is switched off: an administrator turns it on with EMAIL_URL."]


def test_an_ended_contract_and_a_missing_customer_are_warnings(client: Client, sofia: User) -> None:
    Customer.objects.filter(pk="c1001").update(status="churned", missing_since=make_run())
    assert notices(client.get(ACME)) == [
        "This customer's contract has ended (churned).",
        "This customer is missing from customers.csv: the address may be out of date.",
    ]
    assert send(client, preview(client)).status_code == 302


# --- Preview and send -------------------------------------------------------------------------------------------


def test_what_was_previewed_is_sent_and_recorded(client: Client, sofia: User) -> None:
    previewed = preview(client)
    assert section(previewed, "mail") == (
        "Preview From Sofia Marchetti via RSOLV <success@rsolv.example> Reply to sofia@rsolv.example "
        "To john@acme.com Subject Hello Acme Inc. How do you do? Sofia Marchetti"
    )
    assert (Message.objects.count(), mail.outbox) == (0, [])
    response = send(client, previewed)
    message = Message.objects.get()
    assert response.url == f"/admin/messages/{message.pk}/"
    [sent] = mail.outbox
    assert (sent.subject, sent.body) == ("Hello Acme Inc.", "How do you do?\n\nSofia Marchetti")
    assert (message.state, message.subject, message.body) == ("sent", sent.subject, sent.body)
    page = words(main_part(client.get(response.url)))
    assert "Hello Acme Inc. Sent by Sofia Marchetti · sent on" in page
    assert "How do you do? Sofia Marchetti" in page


def test_edit_leads_back_to_the_same_words(client: Client, sofia: User) -> None:
    previewed = preview(client)
    response = client.post(ACME, {**hidden(previewed), "action": "edit"})
    assert response.status_code == 200
    assert 'value="Hello {organization}"' in response.text
    assert "{sender}</textarea>" in response.text


def test_the_same_preview_is_sent_once(client: Client, sofia: User) -> None:
    previewed = preview(client)
    first, second = send(client, previewed), send(client, previewed)
    assert first.url == second.url
    assert (Message.objects.count(), len(mail.outbox)) == (1, 1)


def test_the_second_of_two_clicks_does_not_deliver(sofia: User) -> None:
    draft = sending.draft_email(Customer.objects.get(pk="c1001"), sofia, "s", "b")
    first, ours = sending.claim_draft(draft, "key", confirmed=False)
    second, theirs = sending.claim_draft(draft, "key", confirmed=False)
    assert (first, ours, theirs) == (second, True, False)


def test_two_previews_are_two_mails_and_the_second_is_asked_for(client: Client, sofia: User) -> None:
    one, other = preview(client), preview(client)
    assert send(client, one).status_code == 302
    response = send(client, other)
    assert response.status_code == 422
    assert "It was not sent: confirm that this customer shall get one more mail." in notices(response)
    assert send(client, response, confirmed="yes").status_code == 302
    assert len(mail.outbox) == 2


@pytest.mark.parametrize("changed", [{"subject": "Other"}, {"body": "Other"}, {"token": "x"}, {"token": ""}])
def test_nothing_else_than_what_was_previewed_is_sent(client: Client, sofia: User, changed: dict[str, str]) -> None:
    response = send(client, preview(client), **changed)
    assert response.status_code == 422
    assert "It was not sent: something has changed since this preview. Look again." in notices(response)
    assert mail.outbox == []
    assert send(client, response).status_code == 302


def test_an_address_or_a_value_that_changed_since_the_preview_is_shown_first(client: Client, sofia: User) -> None:
    previewed = preview(client)
    Customer.objects.filter(pk="c1001").update(email="new@acme.com", organization="Acme GmbH")
    response = send(client, previewed)
    assert response.status_code == 422
    assert "To new@acme.com Subject Hello Acme GmbH" in section(response, "mail")
    assert mail.outbox == []


def test_a_preview_of_somebody_else_or_for_another_customer_is_none(client: Client, sofia: User) -> None:
    previewed = preview(client)
    assert send(client, previewed, "/admin/customer/c1002/contact/").status_code == 422
    client.force_login(make_staff("Success manager", email="other@rsolv.example"))
    assert send(client, previewed).status_code == 422
    assert mail.outbox == []


def test_a_value_with_markup_and_braces_is_only_text(client: Client, sofia: User) -> None:
    Customer.objects.filter(pk="c1001").update(organization="<b>{sender}</b>\nBcc: x@y.example")
    previewed = preview(client)
    assert "Hello &lt;b&gt;{sender}&lt;/b&gt; Bcc: x@y.example" in main_part(previewed)
    send(client, previewed)
    [sent] = mail.outbox
    assert sent.subject == "Hello <b>{sender}</b> Bcc: x@y.example"
    assert sent.recipients() == ["john@acme.com"]


# --- Three days -------------------------------------------------------------------------------------------------


def test_the_mailbox_of_a_customer_who_is_not_to_be_contacted(client: Client, sofia: User, twin: Customer) -> None:
    previewed = preview(client)
    CustomerCare.objects.create(customer=twin, do_not_contact=True)
    reason = "The address john@acme.com also belongs to Acme Two (twin), marked “do not contact”."
    response = send(client, previewed)
    assert (response.status_code, obstacles(response)) == (422, [reason])
    assert obstacles(client.get(ACME)) == [reason]
    page = client.get("/admin/customer/c1001/")
    assert (links(page, "Contact customer"), links(page, "john@acme.com")) == ([], [])
    assert f"Do not contact. {reason}" in notices(page)
    assert (Message.objects.count(), mail.outbox) == (0, [])
    with pytest.raises(sending.NotSent, match="Acme Two"):
        sending.claim_draft(
            sending.draft_email(Customer.objects.get(pk="c1001"), sofia, "s", "b"), "key", confirmed=True
        )


def test_a_mail_that_failed_is_not_tried_again_once_its_mailbox_is_closed(
    client: Client, sofia: User, twin: Customer
) -> None:
    message = make_message(Customer.objects.get(pk="c1001"), sofia, state="failed", recipient="john@acme.com")
    CustomerCare.objects.create(customer=twin, do_not_contact=True)
    assert "marked “do not contact”" in main_part(client.get(f"/admin/messages/{message.pk}/"))
    client.post(f"/admin/messages/{message.pk}/", {"action": "again"})
    message.refresh_from_db()
    assert (message.state, mail.outbox) == ("failed", [])


def test_the_quiet_days_hold_for_the_mailbox(client: Client, sofia: User, twin: Customer) -> None:
    make_message(twin, sofia, recipient=twin.email, attempted_at=timezone.now() - timedelta(days=1))
    previewed = preview(client)
    assert "wrote to this address, for Acme Two ," in " ".join(notices(previewed))
    assert send(client, previewed).status_code == 422
    assert send(client, previewed, confirmed="yes").status_code == 302
    assert len(mail.outbox) == 1


@pytest.mark.parametrize(
    ("overrides", "ago", "asked"),
    [
        ({}, timedelta(days=3) - timedelta(minutes=1), True),
        ({}, timedelta(days=3), False),
        ({"state": "sending"}, timedelta(hours=1), True),
        ({"state": "failed"}, timedelta(hours=1), False),
    ],
)
def test_who_was_written_to_within_three_days(
    client: Client, sofia: User, overrides: dict[str, str], ago: timedelta, asked: bool
) -> None:
    make_message(Customer.objects.get(pk="c1001"), attempted_at=timezone.now() - ago, **overrides)
    previewed = preview(client)
    assert ('name="confirmed"' in previewed.text) is asked
    assert send(client, previewed).status_code == (422 if asked else 302)
    assert len(mail.outbox) == (0 if asked else 1)
    if asked:
        assert send(client, previewed, confirmed="yes").status_code == 302
        assert len(mail.outbox) == 1


def test_who_wrote_and_when(client: Client, sofia: User) -> None:
    author = make_staff(first_name="Jonas", last_name="Weber")
    when = timezone.now() - timedelta(days=1)
    make_message(Customer.objects.get(pk="c1001"), author, attempted_at=when)
    [notice] = notices(client.get(ACME))
    assert notice == (
        f"Jonas Weber wrote to this customer on {when:%-d %b %Y, %H:%M}, less than 3 days ago: How is it going? ."
    )
    author.delete()
    assert notices(client.get(ACME))[0].startswith(f"{author.username} wrote")


# --- A template in the place of one's own words -----------------------------------------------------------------


def typed_into(response: HttpResponse) -> tuple[str, str]:
    form = response.context["form"]
    return form["subject"].value() or "", form["body"].value() or ""


def draft(response: HttpResponse) -> dict[str, str]:
    """What the draft's form would send."""
    subject, body = typed_into(response)
    return {**hidden(response), "subject": subject, "body": body}


def test_a_template_does_not_take_the_place_of_own_words_for_good(client: Client, sofia: User) -> None:
    check_in = MailTemplate.objects.get(name="Check-in")
    page = client.get(ACME)
    own = {"subject": "My own", "body": "Two\r\nlines of my own"}
    chosen = {"action": "template", "choose": str(check_in.pk)}
    page = client.post(ACME, {**draft(page), **own, **chosen})
    assert page.status_code == 200
    assert typed_into(page) == (check_in.subject, check_in.body)
    assert "Your own words are kept. My own: Two lines of my own" in words(main_part(page))
    # They stay through a preview and back, and through another template.
    page = client.post(ACME, {**draft(page), "action": "preview"})
    page = client.post(ACME, {**hidden(page), "action": "edit"})
    page = client.post(ACME, {**draft(page), "action": "template", "choose": "0"})
    assert typed_into(page) == ("", "")
    page = client.post(ACME, {**draft(page), "action": "own"})
    assert typed_into(page) == ("My own", "Two\nlines of my own")
    assert "Your own words are kept" not in page.text


def test_words_of_a_template_are_nobodys_own(client: Client, sofia: User) -> None:
    page = client.get(ACME)
    page = client.post(ACME, {**draft(page), "action": "template", "choose": "0"})
    assert typed_into(page) == ("", "")
    assert "Your own words are kept" not in page.text


def test_own_words_are_kept_where_nothing_can_be_sent(client: Client, sofia: User) -> None:
    page = client.get(ACME)
    CustomerCare.objects.create(customer_id="c1001", do_not_contact=True)
    own = {"subject": "My own", "body": "Words"}
    page = client.post(ACME, {**draft(page), **own, "action": "template", "choose": "0"})
    page = client.post(ACME, {**draft(page), "action": "own"})
    assert 'value="My own"' in page.text


# --- Old data ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("today", "days"), [(date(2025, 5, 12), None), (date(2025, 5, 13), 3), (date(2025, 8, 16), 98)]
)
def test_old_data_are_said_before_it_goes_out(
    client: Client, sofia: User, today_is: Callable[[date], None], today: date, days: int | None
) -> None:
    today_is(today)
    page = client.get(ACME)
    for response in (page, client.post(ACME, {**draft(page), **TEXTS, "action": "preview"})):
        said = f"Data through 10 May 2025, {days} days old: check before you write about activity."
        assert [one for one in notices(response) if "days old" in one] == ([said] if days else [])

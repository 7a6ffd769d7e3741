"""Writing to a customer, page by page: compose, preview and send."""

import re
from html import unescape

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.test import Client

from analytics.models import MailTemplate, Message, RecommendationRule, Task
from analytics.outreach import sending
from customers.models import Customer, CustomerCare
from tests.factories import make_staff
from tests.support.contacting import ACME, TEXTS, draft, hidden, preview, send, typed_into
from tests.support.pages import links, main_part, notices, section, words

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("demo_program", "from_rsolv")]


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


# --- A template in the place of one's own words -----------------------------------------------------------------


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


# --- The way back -----------------------------------------------------------------------------------------------


def test_the_way_back_to_the_list_survives_an_email(client: Client, sofia: User) -> None:
    """From the list to a customer, into the email and its page, back to the customer, and to the list."""
    way = "?list=my-day%3Fowner%3D&at=0"
    page = client.get(f"/admin/customer/c1001/{way}")
    back = links(page, "Contact customer")[0]
    composed = client.get(back)
    assert composed.context["back"] == f"/admin/customer/c1001/{way}"
    action = unescape(re.findall(r'<form method="post" action="([^"]*)" class="letter-form"', composed.text)[0])
    shown = client.post(action, {**TEXTS, "action": "preview"})
    action = unescape(re.findall(r'<form method="post" action="([^"]*)" class="decide"', shown.text)[0])
    sent = client.post(action, {**hidden(shown), "action": "send"}, follow=True)
    assert sent.redirect_chain[-1][0].startswith(f"/admin/messages/{Message.objects.get().pk}/?back=")
    [leads] = links(sent, "← Back to Acme Inc.")
    assert links(client.get(leads), "← Back to My day") == ["/admin/my-day/?owner="]


@pytest.mark.parametrize(
    "back",
    [
        "",
        "/admin/",
        "https://elsewhere.example/admin/customer/c1001/",
        "//x/admin/customer/c1001/",
        "/admin/customer/c1002/",
    ],
)
def test_the_way_back_leads_to_the_customers_own_page_alone(client: Client, sofia: User, back: str) -> None:
    assert client.get(ACME, {"back": back}).context["back"] == "/admin/customer/c1001/"

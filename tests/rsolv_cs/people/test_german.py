"""The mails of accounts in the language of whom they are for; who has chosen none is asked in the page's."""

import threading

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from pytest_django.fixtures import Settings

from rsolv_cs.people.invitations import NewAccount, create, send
from tests.factories import make_staff
from tests.support import mails
from tests.support.german import reads_german
from tests.support.mails import MailServer, parts

pytestmark = pytest.mark.django_db

post = mails.post


def test_an_invitation_is_in_the_first_language(post: MailServer, settings: Settings) -> None:
    settings.OFFERED_LANGUAGES = ["de", "en"]
    ada = make_staff("Administrator", username="ada", first_name="Ada")
    role = Group.objects.get(name="Success manager")
    invitation = create(NewAccount("Maria López", "maria@example.com", "maria", role), ada)
    assert send(invitation, ada, "https://cs.example.com").error == ""
    [mail] = post.take()
    assert mail["Subject"] == "Ihre Einladung zu RSOLV Customer Success"
    text = parts(mail)[0]
    assert " ".join(text.split()).startswith("Hallo Maria López, Ada hat Sie zu RSOLV Customer Success eingeladen.")
    assert "Dieser Link gilt einmal und" in text


def test_a_forgotten_password_is_answered_in_the_language_of_the_account_or_of_the_page(
    post: MailServer, settings: Settings
) -> None:
    vera = make_staff("Viewer", username="vera", email="vera@example.com")
    make_staff("Viewer", username="otto", email="otto@example.com")
    reads_german(vera, settings)
    for login, asked in (("vera", "en"), ("otto", "de"), ("otto", "en")):
        page = Client(headers={"Accept-Language": asked})
        assert page.post("/admin/forgotten-password/", {"email": f"{login}@example.com"}).status_code == 200
        for thread in threading.enumerate():
            if thread.name == "password-links":
                thread.join(10)
    german = "Ihr Passwort für RSOLV Customer Success zurücksetzen"
    english = "Reset your password for RSOLV Customer Success"
    assert [str(mail["Subject"]).strip() for mail in post.take()] == [german, german, english]

"""A customer gets emails in its own language, as far as templates have it."""

from datetime import date

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from pytest_django.fixtures import Settings

from analytics.models import MailTemplate
from customers.models import CustomerCare
from customers.text.languages import language_choices
from tests.factories import make_customer, make_staff
from tests.support.contacting import ACME, make_sofia, typed_into
from tests.support.pages import main_part, words

pytestmark = pytest.mark.django_db

BULK = "/admin/bulk/message/"
BOTH = {"customer": ["c1001", "c1002"]}


@pytest.fixture(autouse=True)
def sofia(client: Client, settings: Settings) -> None:
    """Somebody who can be answered, logged in."""
    settings.DEFAULT_FROM_EMAIL = "RSOLV <success@rsolv.example>"
    client.force_login(make_sofia())


@pytest.fixture(autouse=True)
def hello() -> MailTemplate:
    """The one template for a check-in, and its German translation; two customers, of whom one speaks German."""
    MailTemplate.objects.all().delete()
    signed_up = {"signup_date": date(2025, 5, 3)}
    make_customer(id="c1001", organization="Acme", email="acme@example.com", **signed_up)
    make_customer(id="c1002", organization="Beta", email="beta@example.com", **signed_up)
    CustomerCare.objects.create(customer_id="c1001", language="de")
    hello = template("Hello", subject="Hello {organization}", body="Since {signup_date}.")
    template("Hallo", subject="Hallo {organization}", body="Seit {signup_date}.", language="de", translation_of=hello)
    return hello


def template(name: str, **more: object) -> MailTemplate:
    return MailTemplate.objects.create(**{"name": name, "situation": "check_in", "subject": "S", "body": "B", **more})


def test_writing_begins_with_the_template_in_the_language_of_the_customer(client: Client) -> None:
    assert typed_into(client.get(ACME)) == ("Hallo {organization}", "Seit {signup_date}.")
    assert typed_into(client.get(ACME.replace("c1001", "c1002"))) == ("Hello {organization}", "Since {signup_date}.")


def test_another_language_of_the_template_is_said(client: Client, hello: MailTemplate) -> None:
    note = "The language of emails to this customer is German."
    assert note not in words(main_part(client.get(ACME)))
    assert note in words(main_part(client.get(ACME, {"template": hello.pk})))
    assert "The language of emails" not in words(main_part(client.get(ACME.replace("c1001", "c1002"))))


def test_a_fitting_template_in_another_language_goes_before_another_one(client: Client) -> None:
    template("Willkommen", situation="welcome", language="fr", subject="Bienvenue")
    CustomerCare.objects.update(language="fr")
    assert typed_into(client.get(ACME))[0] == "Hello {organization}"


def test_placeholders_speak_the_language_of_the_template(client: Client, hello: MailTemplate) -> None:
    typed = {"subject": "S", "body": "{signup_date}", "action": "preview"}
    german = hello.translations.get()
    assert "3. Mai 2025" in words(main_part(client.post(ACME, {**typed, "template": german.pk})))
    assert "3 May 2025" in words(main_part(client.post(ACME, {**typed, "template": hello.pk})))
    # Words of one's own are in the customer's language.
    assert "3. Mai 2025" in words(main_part(client.post(ACME, {**typed, "template": 0})))


def test_each_of_many_gets_the_words_in_its_language(client: Client, hello: MailTemplate) -> None:
    typed = {"subject": hello.subject, "body": hello.body, "template": hello.pk, "action": "preview"}
    letters = client.post(BULK, {**BOTH, **typed}).context["letters"]
    assert [(one.draft.subject, one.draft.body, one.draft.template.name, one.spoken) for one in letters] == [
        ("Hallo Acme", "Seit 3. Mai 2025.", "Hallo", ""),
        ("Hello Beta", "Since 3 May 2025.", "Hello", ""),
    ]


def test_changed_words_go_to_everybody_as_they_are(client: Client, hello: MailTemplate) -> None:
    typed = {"subject": "News", "body": hello.body, "template": hello.pk, "action": "preview"}
    letters = client.post(BULK, {**BOTH, **typed}).context["letters"]
    assert [(one.draft.subject, one.draft.body, one.spoken) for one in letters] == [
        ("News", "Since 3 May 2025.", "German"),
        ("News", "Since 3 May 2025.", ""),
    ]


def test_a_translation_that_is_turned_off_is_not_sent(client: Client, hello: MailTemplate) -> None:
    hello.translations.update(active=False)
    typed = {"subject": hello.subject, "body": hello.body, "template": hello.pk, "action": "preview"}
    letters = client.post(BULK, {**BOTH, **typed}).context["letters"]
    assert [one.draft.subject for one in letters] == ["Hello Acme", "Hello Beta"]


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"language": "en"}, "That template is in the same language."),
        ({"situation": "welcome"}, "That template is for another situation."),
        ({"language": "de"}, "There is a translation into this language already."),
        ({"original": "Hallo", "language": "fr"}, "A translation has none itself, and is of a template that is none."),
    ],
)
def test_a_translation_is_of_one_original_and_into_another_language(values: dict[str, str], why: str) -> None:
    original = MailTemplate.objects.get(name=values.pop("original", "Hello"))
    wrong = MailTemplate(
        **{"name": "New", "situation": "check_in", "subject": "S", "body": "B", "language": "fr", **values}
    )
    wrong.translation_of = original
    with pytest.raises(ValidationError) as error:
        wrong.full_clean()
    assert why in error.value.messages


def test_an_original_gets_no_language_of_its_translations(hello: MailTemplate) -> None:
    hello.language = "de"
    with pytest.raises(ValidationError) as error:
        hello.full_clean()
    assert error.value.messages == ["There is a translation into this language already."]


def test_translations_go_with_their_original_into_another_situation(client: Client, hello: MailTemplate) -> None:
    client.force_login(make_staff("Program manager"))
    sent = {"name": "Hello", "situation": "welcome", "subject": "S", "body": "B", "active": "on", "language": "en"}
    assert client.post(f"/admin/analytics/mailtemplate/{hello.pk}/change/", sent).status_code == 302
    assert set(MailTemplate.objects.values_list("name", "situation")) == {("Hello", "welcome"), ("Hallo", "welcome")}


def test_what_has_translations_becomes_none(hello: MailTemplate) -> None:
    other = template("Other", language="fr")
    hello.translation_of = other
    with pytest.raises(ValidationError, match="has none itself"):
        hello.full_clean()


def test_a_template_whose_original_is_deleted_stays(hello: MailTemplate) -> None:
    hello.delete()
    assert list(MailTemplate.objects.values_list("name", "translation_of")) == [("Hallo", None)]


def test_the_languages_stand_by_their_names() -> None:
    names = [name for _code, name in language_choices()]
    assert names == sorted(names, key=str.casefold)
    assert {("de", "German"), ("pt-br", "Brazilian Portuguese")} <= set(language_choices())

"""Which words a customer gets: a template's own, or those of its translation into the customer's language."""

from django.conf import settings
from django.db.models import Q

from analytics.models import MailTemplate
from customers.models import Customer
from customers.text.languages import language_name


def email_language(customer: Customer) -> str:
    """Return the language of emails to a customer, by what staff keep about it; '' where none is known."""
    care = getattr(customer, "care", None)
    return str(care.language) if care else ""


def language_of_words(template: MailTemplate | None, customer: Customer) -> str:
    """Return the language of words that began with a template, or with none."""
    return template.language if template else email_language(customer) or str(settings.OFFERED_LANGUAGES[0])


def spoken_otherwise(customer: Customer, template: MailTemplate | None) -> str:
    """Return the name of the customer's language where words are not of a template in it; '' where they are."""
    language = email_language(customer)
    return "" if template and template.language == language else language_name(language)


class Versions:
    """A template, and in one query its active translations; of a translation, the original and its others."""

    def __init__(self, template: MailTemplate) -> None:
        original = template.translation_of_id or template.pk
        family = MailTemplate.objects.filter(Q(pk=original) | Q(translation_of=original), active=True)
        self._template = template
        self._by_language = {one.language: one for one in family} | {template.language: template}

    def of(self, customer: Customer) -> MailTemplate:
        """Return the one in the customer's language; where there is none, the template itself."""
        return self._by_language.get(email_language(customer), self._template)

"""What a page in German still says in English, for tests."""

import re
from functools import cache

from django.contrib.auth.models import User
from django.http import HttpResponse
from pytest_django.fixtures import Settings

from analytics.models import Preferences
from rsolv_cs.catalogues import APPS, messages, po_file, read
from rsolv_cs.operations.demo_letters import TEXTS
from tests.support.pages import words

_SCRIPT = re.compile(r"<script\b.*?</script>", re.DOTALL)
"""The texts of scripts are there in both languages."""
_NO_SENTENCE = re.compile(r"[{<&]|%\(")
"""What a text may have in it that stands otherwise on a page."""


def reads_german(user: User, settings: Settings) -> None:
    """German is offered beside English, and the user prefers it."""
    settings.OFFERED_LANGUAGES = ["en", "de"]
    Preferences.objects.update_or_create(user=user, defaults={"language": "de"})


def english_left(response: HttpResponse) -> list[str]:
    """The texts of two words and more that a page says in English though a catalogue has them in German."""
    said = f" {words(_SCRIPT.sub(' ', response.text))} "
    found = [text for text in _english() if text in said]
    return [text for text in found if re.search(rf"(?<![\w“„]){re.escape(text)}(?!\w)", said)]


@cache
def _english() -> list[str]:
    every = [(one.id, one.string) for app in APPS for one in messages(read(po_file(app, "de"), "de"))]
    pairs = [(text, said) for text, said in every if isinstance(text, str) and text != said]
    # Templates are rows, which people write; those of the demo alone have their translations in a catalogue.
    sentences = [text for text, _said in pairs if " " in text and not _NO_SENTENCE.search(text)]
    return [text for text in sentences if text not in TEXTS]

"""What the scripts say is in the catalogues, and each page in another language than English brings it along."""

import json
import re
from html import unescape

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from analytics.models import Preferences
from rsolv_cs.templatetags.script_texts import SCRIPT_TEXTS
from tests.factories import make_staff
from tests.support import ROOT

SCRIPTS = [path for app in ("analytics", "rsolv_cs") for path in sorted((ROOT / app / "static").rglob("*.js"))]
NOT_YET = {"policy_lab.js", "api_docs.js"}
"""Scripts whose pages have no catalogue, or are for programmers."""
CALL = re.compile(r'inWords\((?:[^"()]*\? )?"([^"]+)"(?: : "([^"]+)")?')
TEXT = re.compile(r'"([A-Z,][^"]*? [^"]*|[A-Z][a-z]+)"')
NAMES = {"Escape", "Enter", "If-None-Match", "X-Automatic", "Tab", "Control"}


def test_each_text_of_a_script_is_declared() -> None:
    for path in SCRIPTS:
        if path.name in NOT_YET:
            continue
        source = re.sub(r"/\*.*?\*/|//[^\n]*", "", path.read_text(), flags=re.DOTALL)
        said = {text for found in CALL.findall(source) for text in found if text}
        assert said <= set(SCRIPT_TEXTS), path.name


def test_each_declared_text_is_said_by_a_script() -> None:
    every = "\n".join(path.read_text() for path in SCRIPTS)
    assert [text for text in SCRIPT_TEXTS if f'"{text}"' not in every] == []
    assert len(set(SCRIPT_TEXTS)) == len(SCRIPT_TEXTS)


@pytest.mark.django_db
def test_a_page_brings_them_in_its_language_and_none_in_english(settings: Settings) -> None:
    settings.OFFERED_LANGUAGES = ["en", "de"]
    client, user = Client(), make_staff("Viewer")
    client.force_login(user)
    assert "script-texts" not in client.get("/admin/preferences/").text
    Preferences.objects.create(user=user, language="de")
    [table] = re.findall(r'<script id="script-texts"[^>]*>(.*?)</script>', client.get("/admin/preferences/").text)
    known = json.loads(unescape(table))
    assert known["Copied"] == "Kopiert"
    assert known["Updated {time}"] == "Stand {time}"
    assert set(known) == set(SCRIPT_TEXTS)

"""One name for each page, and one word for each thing: no page of anybody's menu says it in the words of before."""

import re
from importlib import import_module
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.db import connection
from django.http import HttpResponse
from django.test import Client

from analytics.models import RecommendationRule
from customers.core.roles import Role
from rsolv_cs import navigation
from tests.factories import make_customer, make_staff
from tests.support.access import Program
from tests.support.nights import make_night
from tests.support.pages import Elements, words
from tests.support.tasks import make_task
from tests.support.walking import addresses

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("demo_program")]

OLD = re.compile(
    r"\b(access attempt|access log|acknowledge the chosen|all is well again|anybody similar|as far as ended"
    r"|as it should be|as the file says|beside the name|by contract|close it|contract:|customer care|day to come"
    r"|did it help|drop it|e-mail|everybody’s|hold back|i have kept|imports of this time|keep it|lacks"
    r"|left as they are|loaded since|mail template|most points|needs you today|nights|no longer put off|open again"
    r"|owners? and notes|put off|rest days|rights changed|second factor|sent digests|superseded|take action"
    r"|take the acknowledgement back|taken on|the chosen|the ticked|there again|took on|use it|w0"
    r"|what (became|came) of|what happened|yielded into no results|select [a-z ]+ to (view|change))(?![\w*])",
    re.IGNORECASE,
)
"""Nothing of a password's salt, of which Django shows two letters and stars, is such a word."""
CALLED_BY_DJANGO = {"Change password": "Password change"}


def visitor(role: str | None) -> tuple[Client, User]:
    user = make_staff(role, is_superuser=role is None)
    client = Client()
    client.force_login(user)
    return client, user


def read(response: HttpResponse) -> str:
    """What is read or read aloud on a page, without what people or feeds wrote."""
    page = Elements(response.text)
    said = (text or "" for name in ("aria-label", "placeholder", "title") for text in page.attributes(name))
    shown = re.sub(r"<(script|style|textarea|bdi)\b.*?</\1>", " ", response.text, flags=re.DOTALL)
    shown = re.sub(r"Can \w+ access (attempt expiration|failure log|log)", "", shown)  # tables that have no page
    return f"{words(shown)} {' '.join(said)}"


def called(response: HttpResponse) -> tuple[str, str]:
    """What a page is called in the browser's tab, and at the end of the way to it."""
    [tab] = re.findall(r"<title>(.*?)</title>", response.text, re.DOTALL)
    [head] = re.findall(r'id="header-inner".*?<h1\b.*?>(.*?)</h1>', response.text, re.DOTALL)
    return words(tab).partition(" | ")[0], words(head)


@pytest.mark.sqlite_is_enough
@pytest.mark.parametrize("role", Role)
def test_menu_title_way_and_palette_say_one_name_and_no_old_word(role: Role) -> None:
    client, user = visitor(role)
    pages = list(navigation.pages(user))
    assert len({page.label for page in pages}) == len(pages) > 10
    for page in pages:
        response = client.get(page.address, follow=True)
        assert response.status_code == 200, page
        label = CALLED_BY_DJANGO.get(page.label, page.label)
        assert called(response) == (label, label)
        assert OLD.search(read(response)) is None, (page, OLD.search(read(response)))
        found = client.get("/admin/search/", {"q": page.label}).context["groups"]
        assert page.label in {result.title for group in found for result in group.results}


@pytest.mark.full_run
@pytest.mark.sqlite_is_enough
def test_no_other_page_says_an_old_word() -> None:
    """Forms, single rows, questions before something is done: whatever answers a superuser."""
    client, _user = visitor(None)
    Program()
    seen = 0
    for address in addresses("c1001"):
        response = client.get(address)
        if response.status_code == 200 and response.headers["Content-Type"].startswith("text/html"):
            seen += 1
            assert OLD.search(read(response)) is None, (address, OLD.search(read(response)))
        response.close()
    assert seen > 80


def test_stored_words_of_before_are_replaced_where_nobody_edited_them() -> None:
    before = {"Send a follow-up email": "Send a follow-up e-mail", "Send a check-in email": "Send an e-mail to Bob"}
    for now, old in before.items():
        assert RecommendationRule.objects.filter(text=now).update(text=old) == 1
    rule = RecommendationRule.objects.get(text="Send a follow-up e-mail")
    made = make_task(make_customer(), what=rule.text, rule=rule)
    typed = make_task(make_customer(), what=rule.text)
    steps = [{"name": "import", "result": "failed"}, {"name": "score", "result": "held back"}]
    night = make_night("failed", steps=steps)
    migration = import_module("analytics.migrations.0036_email_and_skipped")
    migration.forwards(apps, SimpleNamespace(connection=connection))

    def found() -> list[str]:
        for row in (rule, made, typed, night):
            row.refresh_from_db()
        return [rule.text, made.what, typed.what, *(step["result"] for step in night.steps)]

    assert found() == [
        "Send a follow-up email",
        "Send a follow-up email",
        "Send a follow-up e-mail",
        "failed",
        "skipped",
    ]
    assert RecommendationRule.objects.filter(text="Send an e-mail to Bob").exists()
    migration.backwards(apps, SimpleNamespace(connection=connection))
    assert found() == [*["Send a follow-up e-mail"] * 3, "failed", "held back"]

"""Tasks in German: their list and form; the history and the reason of one are stored in English."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django.fixtures import Settings

from analytics.models import Preferences, Task
from customers.models import Customer
from tests.support.pages import main_part, words
from tests.support.tasks import make_task

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("the_day")]


def test_the_list_the_form_and_what_is_stored(client: Client, sofia: User, acme: Customer, settings: Settings) -> None:
    settings.OFFERED_LANGUAGES = ["en", "de"]
    Preferences.objects.create(user=sofia, language="de")
    client.force_login(sofia)
    task = make_task(acme, what="Call them", owner=sofia)
    text = words(main_part(client.get(f"/admin/tasks/?whose={sofia.pk}")))
    for said in ("Meine Aufgaben", "Titel Kunde Fällig", "Call them", "1–1 von 1"):
        assert said in text
    form = words(main_part(client.get(f"/admin/tasks/{task.pk}/")))
    for said in ("Aufgabe erledigen", "Ergebnis", "Zuständig", "Verlauf"):
        assert said in form
    closed = client.post(f"/admin/tasks/{task.pk}/", {"do": "done", "outcome": "reached"}, follow=True)
    assert "Erledigt: Call them." in words(closed.text)
    task.refresh_from_db()
    assert task.state == Task.State.DONE
    assert "Sofia Marchetti: Done." in words(main_part(client.get(f"/admin/tasks/{task.pk}/")))

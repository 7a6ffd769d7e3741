"""Texts of several lines: the server counts as the browser counts, and stores a line break as one character."""

from collections.abc import Iterator
from typing import Any

import pytest
from django import forms
from django.contrib import admin
from django.db import connection
from django.test import Client, RequestFactory

from analytics.alert_list.forms import ActForm
from analytics.customer_page.views import NoteForm
from analytics.outreach.forms import ComposeForm
from analytics.tasks.forms import ClosingForm, TaskForm
from customers.models import CustomerCare, Note
from customers.text.text_fields import TextAreaField
from tests.factories import make_alert, make_customer, make_day, make_snapshot, make_staff
from tests.support.forms import form_on

pytestmark = pytest.mark.django_db

EMOJI = "\N{PARTY POPPER}"
"""A character that a browser counts as two."""


def test_a_line_break_is_one_character_and_an_emoji_two_as_in_a_browser() -> None:
    field = TextAreaField(max_length=4)
    assert field.clean("a\r\nbc") == "a\nbc"
    assert field.clean("a\rbc") == "a\nbc"
    assert field.clean(EMOJI * 2) == EMOJI * 2
    for text in ("a\r\nbcd", f"{EMOJI * 2}a", f"abc{EMOJI}"):
        with pytest.raises(forms.ValidationError):
            field.clean(text)
    assert field.widget_attrs(field.widget)["maxlength"] == "4"


@pytest.mark.parametrize("text", ["x\r\n" * 999 + "xx", EMOJI * 1_000], ids=["lines", "emoji"])
def test_a_note_as_long_as_the_browser_allows_is_stored(client: Client, text: str) -> None:
    make_day()
    make_snapshot(make_customer(id="c1"))
    client.force_login(make_staff("Success manager"))
    assert len(text.replace("\r\n", "\n").encode("utf-16-le")) // 2 == Note.MAX_LENGTH
    assert 'maxlength="2000"' in client.get("/admin/customer/c1/").text
    assert client.post("/admin/customer/c1/notes/", {"text": text}).status_code == 302
    assert Note.objects.get().text == text.replace("\r\n", "\n")
    assert client.post("/admin/customer/c1/notes/", {"text": f"{text}x"}).status_code == 422


def test_the_note_of_an_alert_too(client: Client) -> None:
    alert = make_alert()
    client.force_login(make_staff("Success manager"))
    lines = "x\r\n" * 2_499 + "xx"
    client.post("/admin/alerts/act/", {"alert": alert.pk, "action": "note", "note": lines})
    alert.refresh_from_db()
    assert alert.note == lines.replace("\r\n", "\n")


def test_the_admin_stores_a_line_break_as_one_character(client: Client) -> None:
    CustomerCare.objects.create(customer=make_customer(id="c1"))
    client.force_login(make_staff("Success manager"))
    page = "/admin/customers/customercare/c1/change/"
    assert client.post(page, form_on(client.get(page), notes="One\r\nTwo")).status_code == 302
    assert CustomerCare.objects.get().notes == "One\nTwo"


def every_form(request: Any) -> Iterator[Any]:
    yield from (NoteForm, TaskForm, ClosingForm, ActForm, ComposeForm)
    for model, model_admin in admin.site._registry.items():
        if not model_admin.has_change_permission(request):
            continue
        for row in (None, model._base_manager.first()):
            yield model_admin.get_form(request, row, change=row is not None)


def test_every_text_area_is_one_of_these(rf: RequestFactory) -> None:
    request = rf.get("/")
    request.user = make_staff(is_superuser=True)
    CustomerCare.objects.create(customer=make_customer(id="c1"))
    found = {
        (form.__name__, name)
        for form in every_form(request)
        for name, field in form.base_fields.items()
        if isinstance(field.widget, forms.Textarea) and not isinstance(field, TextAreaField | forms.JSONField)
    }
    assert found == set()


def test_no_column_is_shorter_than_what_its_form_takes(rf: RequestFactory) -> None:
    """A text area counts UTF-16 units, of which a text has at least as many as PostgreSQL counts characters."""
    request = rf.get("/")
    request.user = make_staff(is_superuser=True)
    for form in every_form(request):
        model = getattr(getattr(form, "_meta", None), "model", None)
        for name, field in form.base_fields.items():
            if (
                model is None
                or not isinstance(field, forms.CharField)
                or name not in {f.name for f in model._meta.fields}
            ):
                continue
            longest = model._meta.get_field(name).max_length
            if longest and "varchar" in (model._meta.get_field(name).db_type(connection) or ""):
                assert field.max_length, (form, name)
                assert field.max_length <= longest, (form, name)

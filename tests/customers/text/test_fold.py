# ruff: noqa: RUF001 - letters that look alike are what this is about
"""Searches and orders go by what a person reads: case, accents and spellings of one letter make no difference."""

import unicodedata
from datetime import date
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import Client, RequestFactory
from hypothesis import example, given, settings
from hypothesis import strategies as st

from customers.models import Customer, CustomerCare, texts_have
from customers.text.fold import Fold, fold
from tests.factories import make_customer, make_day, make_engagement, make_snapshot, make_staff
from tests.support.pages import names
from tests.support.selection import examples_of_a_push

pytestmark = pytest.mark.django_db

TEXTS = st.text(
    st.characters(exclude_characters="\0", exclude_categories=["Cs", "Cn"], max_codepoint=0x2FFF), max_size=12
)


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("osterreich", "Österreich Digital GmbH"),
        ("ÖSTERREICH", "Österreich Digital GmbH"),
        (unicodedata.normalize("NFD", "österreich"), "Österreich Digital GmbH"),
        ("österreich", unicodedata.normalize("NFD", "Österreich Digital GmbH")),
        ("zürich", "ZÜRICH AG"),
        ("école", "École 42"),
        ("ecole", "ÉCOLE 42"),
        ("strasse", "Große Straße"),
        ("GROSSE STRASSE", "Große Straße"),
        ("straße", "STRASSE 7"),
        ("istanbul", "İSTANBUL Yazılım"),
        ("yazilim", "İSTANBUL Yazılım"),
        ("οδος", "ΟΔΟΣ"),
        ("ΟΔΟΣ", "οδός"),
        ("acme", "ＡＣＭＥ"),
        ("file", "ﬁle"),
        ("lodz", "Łódź"),
        ("o'reilly", "O’Reilly"),
        ("naive", "na\u00adive"),
        ("москва", "МОСКВА"),
        ("50%", "50% off"),
        ("a_b", "A_B"),
        ("한국", unicodedata.normalize("NFD", "한국")),
    ],
)
def test_a_search_finds_what_a_person_sees(typed: str, shown: str) -> None:
    make_customer(id="c1", organization=shown)
    make_customer(id="c2", organization="Nobody 50 aXb")
    assert fold(typed) in fold(shown)
    assert [one.pk for one in Customer.objects.filter(organization__finds=typed)] == ["c1"]


@given(text=TEXTS, word=TEXTS)
@example(text="Ώmega ÅÄÖ ǅ ﬃ ½ ẞ", word="åäö")
@example(text="ΑΣ ας", word="σ")
@settings(max_examples=examples_of_a_push(300))
def test_the_database_folds_as_python_does(text: str, word: str) -> None:
    customer = Customer(pk="c1", organization=text)
    Customer.objects.filter(pk="c1").delete()
    customer = make_customer(id="c1", organization=text)
    found = Customer.objects.filter(pk=customer.pk)
    assert found.values_list(Fold("organization"), flat=True).get() == fold(text)
    assert found.filter(organization__finds=word).exists() == (fold(word) in fold(text))
    assert found.filter(texts_have(word)).exists() == any(
        fold(word) in fold(one) for one in (text, customer.email, customer.github_username, customer.pk)
    )
    assert fold(fold(text)) == fold(text)


@pytest.mark.parametrize("field", ["organization", "email", "github_username", "pk"])
@pytest.mark.parametrize(
    ("text", "word", "is_found"),
    [("Ab-c_7%\\", "B-C_7%\\", True), ("Ab-c_7", "b-c-7", False), ("Ab", "%", False), ("Ab", "\\", False)],
)
def test_a_word_is_looked_for_in_each_text_of_a_customer(field: str, text: str, word: str, *, is_found: bool) -> None:
    texts = {"organization": "x", "email": "x", "github_username": "", "pk": "x", field: text}
    make_customer(**texts)
    assert Customer.objects.filter(texts_have(word)).exists() == is_found


@pytest.mark.parametrize("word", ["xy", " ", "\u00a8", "y x", "y\u200bx"])
def test_no_word_is_found_across_two_texts(word: str) -> None:
    make_customer(pk="x", organization="x", email="y", github_username="x")
    assert not Customer.objects.filter(texts_have(word)).exists()


def test_what_is_looked_through_follows_each_change() -> None:
    make_customer(id="c1", organization="École 42")
    Customer.objects.filter(pk="c1").update(organization="Straße 7")
    found = [word for word in ("ecole", "strasse") if Customer.objects.filter(texts_have(word)).exists()]
    assert found == ["strasse"]


def test_the_table_is_searched_and_sorted_as_it_is_read(client: Client) -> None:
    client.force_login(make_staff("Viewer"))
    make_day(total=4)
    for key, name in (("c1", "Zebra"), ("c2", "Österreich"), ("c3", "oslo"), ("c4", "Paris")):
        make_snapshot(make_customer(id=key, organization=name))
    assert names(client.get("/admin/?sort=customer")) == ["oslo", "Österreich", "Paris", "Zebra"]
    assert names(client.get("/admin/?q=OSTERREICH")) == ["Österreich"]


@pytest.mark.parametrize("column", ["cohort", "industry", "email"])
def test_texts_are_sorted_as_they_are_read(column: str, client: Client) -> None:
    client.force_login(make_staff("Viewer"))
    make_day(total=4)
    for number, text in enumerate(("Zebra", "älter", "Apfel", "ähnlich")):
        make_snapshot(make_customer(id=f"c{number}", organization=text, **{column: text}))
    assert names(client.get(f"/admin/?sort={column}")) == ["ähnlich", "älter", "Apfel", "Zebra"]
    assert names(client.get(f"/admin/?sort=-{column}")) == ["Zebra", "Apfel", "älter", "ähnlich"]


def searching_admins() -> list[Any]:
    return [one for one in admin.site._registry.values() if one.search_fields]


@pytest.mark.parametrize("model_admin", searching_admins(), ids=lambda one: one.opts.label)
def test_each_search_of_the_admin_folds_its_texts(model_admin: Any) -> None:
    request = RequestFactory().get("/")
    request.user = User(is_superuser=True, is_active=True)
    asked = model_admin.get_search_fields(request)
    assert all(name.startswith("=") or name.endswith(("__finds", "ip_address")) for name in asked)
    rows, _doubled = model_admin.get_search_results(request, model_admin.get_queryset(request), "Ö%_'")
    assert list(rows) == []


@pytest.mark.parametrize(
    "path",
    [
        "/admin/customers/customer/",
        "/admin/customers/customercare/",
        "/admin/tasks/new/",
        "/admin/customers/engagement/",
    ],
)
def test_a_customer_is_found_by_any_spelling(path: str, client: Client) -> None:
    client.force_login(make_staff("Program manager"))
    customer = make_customer(id="c1", organization="École 42")
    CustomerCare.objects.create(customer=customer)
    make_engagement(customer, date(2025, 5, 10))
    for word in ("école", "ECOLE", unicodedata.normalize("NFD", "École")):
        assert "École 42" in client.get(path, {"q": word}).content.decode()
    assert "École 42" not in client.get(path, {"q": "ekole"}).content.decode()

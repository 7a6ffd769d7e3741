"""No address, and no value of any parameter that a page asks for, fails a page.

What a page asks for is noted while it answers, and the admin's lists take every field of their rows besides, so that
a new page or parameter is tried without being named here. ``EXPLORE=changelist`` tries every value alone on the pages
that are so called (``.`` for all), which takes minutes.
"""

import logging
import os
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from django.conf import settings as project
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.http import QueryDict
from django.test import RequestFactory
from django.urls import reverse
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pytest_django import DjangoDbBlocker

from tests.conftest import keep_lock_files_in
from tests.support.access import Address, Program, Visitors, addresses
from tests.support.selection import examples_of_a_push

pytestmark = pytest.mark.django_db

LOOKUPS = ("", "__exact", "__gte", "__in", "__isnull", "__year", "__range", "__regex", "__id__exact")
NASTY = ["9" * 30, "-" + "9" * 30, "\0", "", "1e309", "nan", "٣", "²", "0000-00-00", "99999-01-01", "2025-02-30"]
NASTY += [
    "[",
    "{}",
    "a,\0,,99999999999999999999",
    "x" * 5000,
    "2025-05-10T00:00:00+99:99",
    "me",
    "-score",
    "foo",
    "//x",
]
VALUES = st.sampled_from(NASTY) | st.text(max_size=20) | st.integers(-(10**30), 10**30).map(str)
KEYS = ["9" * 30, "\0", "_00", "-1", "²", "%ED%A0%80", "x" * 500, "a\r\nX: y"]
REFUSED = ["9" * 30, "-" + "9" * 19, "\0", "x", "2025-02-30", "99999-01-01", "²", "1,2", ""]
EXPLORE = os.environ.get("EXPLORE", "")


class Noting(QueryDict):
    """Notes the names that it is asked for."""

    asked: set[str | None] = set()

    def __getitem__(self, key: str) -> Any:
        self.asked.add(key)
        return super().__getitem__(key)

    def __contains__(self, key: object) -> bool:
        self.asked.add(str(key))
        return super().__contains__(key)

    def _getlist(self, key: str, *more: Any, **named: Any) -> Any:
        self.asked.add(key)
        return super()._getlist(key, *more, **named)


class NotingForm(Noting):
    """The same of what is sent."""

    asked: set[str] = set()


@pytest.fixture(scope="module")
def everybody(
    demo_program: None, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Program, Visitors]]:
    """The program and its visitors, whose addresses and forms note what they are asked for."""
    folder = tmp_path_factory.mktemp("parameters")
    logging.disable(logging.CRITICAL)
    with django_db_blocker.unblock(), pytest.MonkeyPatch.context() as patch, transaction.atomic():
        keep_lock_files_in(patch, folder)
        patch.setattr(project, "UPLOAD_DIR", folder)
        # What nobody asks for by a parameter, and would take most of the time: the sidebar, and more rows of a list.
        patch.setattr("rsolv_cs.navigation.sidebar", lambda _request: [])
        for model_admin in admin.site._registry.values():
            patch.setattr(model_admin, "list_per_page", 5)
        patch.setattr("django.core.handlers.wsgi.QueryDict", Noting)
        patch.setattr("django.http.QueryDict", NotingForm)
        yield Program(), Visitors()
        transaction.set_rollback(True)
    logging.disable(logging.NOTSET)


def pages() -> list[Address]:
    return [one for one in addresses() if "logout" not in one.name and re.search(EXPLORE, one.name)]


def fields_of(one: Address) -> set[str]:
    """What the admin's list of a model can be asked for beyond what it reads by name."""
    for model in admin.site._registry if one.name.endswith("_changelist") else ():
        if one.name == f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist":
            return {f"{field.name}{lookup}" for field in model._meta.fields for lookup in LOOKUPS}
    return set()


def asked_of(one: Address, method: str, everybody: tuple[Program, Visitors]) -> tuple[list[str], list[str]]:
    """The names that a page asks its address and its form for."""
    program, visitors = everybody
    Noting.asked.clear()
    NotingForm.asked.clear()
    with visitors.asking("superuser", method, program.path(one.route), to_view=True):
        pass
    # The API's framework asks for a name that our settings turn off.
    own = {"csrfmiddlewaretoken", None}
    return sorted((Noting.asked | fields_of(one)) - own), sorted(NotingForm.asked - own)


def fails(
    everybody: tuple[Program, Visitors], method: str, path: str, query: str = "", data: Any = None
) -> str | None:
    """What was asked, where the answer is an error of ours."""
    address = f"{path}?{query}" if query else path
    with everybody[1].asking("superuser", method, address, data, to_view=True) as response:
        return f"{method} {address[:300]} {data or ''}"[:600] if response.status_code >= 500 else None


def test_no_key_in_an_address_fails_a_page(everybody: tuple[Program, Visitors]) -> None:
    program, _visitors = everybody
    wrong = []
    for one in pages():
        parts, there = one.route.split("/"), program.path(one.route).strip("/").split("/")
        places = [place for place, part in enumerate(parts[: len(there)]) if "<" in part]
        for key in KEYS if places else ():
            chosen = [quote(key, safe="%") if place in places else part for place, part in enumerate(there)]
            wrong.append(fails(everybody, "GET", f"/{'/'.join(chosen)}/"))
    assert [one for one in wrong if one] == []


def test_no_value_of_a_parameter_fails_a_page(everybody: tuple[Program, Visitors]) -> None:
    program, _visitors = everybody
    every = [(one, method) for one in pages() for method in ("GET", "POST")]
    known: dict[tuple[Address, str], tuple[list[str], list[str]]] = {}

    def names_of(one: Address, method: str) -> tuple[list[str], list[str]]:
        if (one, method) not in known:
            known[one, method] = asked_of(one, method, everybody)
        return known[one, method]

    wrong: list[str | None] = []
    lists = [(one, "GET") for one in pages() if one.name.startswith("analytics:") or fields_of(one)]
    for one, method in every if EXPLORE else lists:
        names, sent = names_of(one, method)
        path = program.path(one.route)
        # All at once, as far as one that is refused does not hide the others.
        for value in NASTY if EXPLORE else NASTY[:1]:
            query = urlencode([(name, value) for name in names])
            wrong.append(fails(everybody, method, path, query, dict.fromkeys(sent, value)))
        for value in NASTY if EXPLORE else ():
            wrong += [fails(everybody, method, path, urlencode({name: value})) for name in names]
            wrong += [fails(everybody, method, path, "", {name: value}) for name in sent]
    assert [one for one in wrong if one] == []

    @settings(
        max_examples=3_000 if EXPLORE else examples_of_a_push(100),
        database=None,
        derandomize=not EXPLORE,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def ask_anything(data: st.DataObject) -> None:
        one, method = data.draw(st.sampled_from(every))
        names, sent = names_of(one, method)
        query, form = (data.draw(said_of(of)) for of in (names, sent))
        assert fails(everybody, method, program.path(one.route), urlencode(query, errors="replace"), form) is None

    ask_anything()


def lists() -> list[tuple[str, Any]]:
    """The address of each list of the admin, and what answers it."""
    return [
        (reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"), model_admin)
        for model, model_admin in admin.site._registry.items()
    ]


def allowed_of(path: str, model_admin: Any) -> set[str]:
    """The lookups that a list answers."""
    request = RequestFactory().get(path)
    request.user = User(is_superuser=True, is_active=True)
    return {*model_admin.asked_by_links, *model_admin._asked_by_filters(request)}


@pytest.mark.sqlite_is_enough
def test_a_list_can_be_asked_for_what_it_shows_alone(everybody: tuple[Program, Visitors]) -> None:
    """No comparison finds out what a hidden column says: the list refuses it before it asks the database."""
    wrong = []
    for path, model_admin in lists():
        every = {f"{field.name}{how}" for field in model_admin.opts.fields for how in ("", "__gte", "__startswith")}
        for lookup in sorted(every - allowed_of(path, model_admin)):
            with everybody[1].asking("superuser", "GET", f"{path}?{lookup}=1") as response:
                wrong += [f"{path} {lookup}"] if response.status_code != 400 else []
    assert [one for one in wrong if one] == []


@pytest.mark.parametrize("model", [model._meta.label_lower for model in admin.site._registry])
def test_no_value_of_a_lookup_that_is_allowed_fails_a_list(model: str, everybody: tuple[Program, Visitors]) -> None:
    path = reverse(f"admin:{model.replace('.', '_')}_changelist")
    lookups = sorted(allowed_of(path, dict(lists())[path]))
    wrong = [fails(everybody, "GET", path, urlencode({lookup: value})) for lookup in lookups for value in REFUSED]
    assert [one for one in wrong if one] == []


@pytest.mark.parametrize(
    "address",
    [
        "customers/erasure/?salt__gte=8",
        "customers/erasure/?digest__startswith=8",
        "analytics/digest/?channel=x",
        "customers/importrun/?rules__gt=8",
        "auth/user/?password__startswith=pbkdf2",
        "customers/auditentry/?address=x",
        "customers/auditentry/export/?address=searched-for-jane-doe",
        "customers/auditentry/export/?id__in=" + "9" * 30,
        "customers/quarantinedrow/?kind=%00",
        "customers/quarantinedrow/download/customers/?run=" + "9" * 30,
        "customers/customer/?q=%00",
    ],
)
def test_what_no_list_answers(address: str, everybody: tuple[Program, Visitors], caplog: Any) -> None:
    logging.disable(logging.NOTSET)
    try:
        with everybody[1].asking("superuser", "GET", f"/admin/{address}") as response:
            assert response.status_code == 400
    finally:
        logging.disable(logging.CRITICAL)
    assert "jane-doe" not in caplog.text


def said_of(names: list[str]) -> st.SearchStrategy[dict[str, str]]:
    """Some of the parameters, each with some value."""
    return st.dictionaries(st.sampled_from(names), VALUES, max_size=4) if names else st.just({})


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        # A word that is no address, but might be the name of one.
        ("POST", "/admin/alerts/act/", 302),
        ("GET", f"/admin/auth/user/{'9' * 30}/second-factor/", 403),
        ("GET", "/admin/auth/user/x/second-factor/", 403),
        ("GET", f"/admin/auth/user/{'9' * 30}/change/", 302),
        ("GET", "/admin/customers/customer/_00/change/", 302),
        ("GET", "/admin/customers/customer/c1001/change/?_to_field=", 200),
        ("GET", "/admin/auth/group/GROUP/delete/?_to_field=", 200),
        ("GET", "/admin/r/1/%00/", 404),
        ("GET", "/admin/customer/%00/", 404),
    ],
)
def test_what_has_failed_a_page(method: str, path: str, status: int, everybody: tuple[Program, Visitors]) -> None:
    form = {"next": "foo"} if method == "POST" else None
    path = path.replace("GROUP", str(Group.objects.create(name="Own role").pk))
    with everybody[1].asking("superuser", method, path, form) as response:
        assert response.status_code == status
        assert response.get("Location", "/admin/").startswith("/admin/")

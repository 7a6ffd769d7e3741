"""What tests/data/access.csv says of programs and their tokens, and what it does not: methods beside GET and POST."""

import pytest
from django.urls import URLPattern
from rest_framework.views import APIView

from rsolv_cs.api import urls as api_urls
from tests.support.access import TOKENS, Program, Visitors, addresses, lets_in, table


def is_of_programs(name: str) -> bool:
    return name.startswith("api:") and name not in {"api:docs", "api:start"}


def test_nobody_without_a_token_or_a_login_gets_a_byte_of_the_api() -> None:
    of_programs = {key: cells for key, cells in table().items() if is_of_programs(key[0])}
    assert len(of_programs) >= 10
    for key, cells in of_programs.items():
        assert {cells[who] for who in ("outsider", "not_staff", "inactive", "token_expired", "token_revoked")} == {
            "401"
        }, key


def test_a_token_opens_no_page() -> None:
    for key, cells in table().items():
        if not is_of_programs(key[0]):
            assert {cells[who] for who in TOKENS} == {cells["outsider"]}, key


def test_what_a_scope_is_not_for_it_does_not_open() -> None:
    """A viewer's token changes nothing, one for sending data reads nothing, one without a role has neither."""
    for (name, method), cells in table().items():
        if is_of_programs(name):
            assert method != "POST" or cells["token_viewer"] in {"403", "404", "405"}, name
            assert method != "GET" or cells["token_ingest"] in {"403", "404", "405"}, name
            assert not lets_in(cells["token_viewer"]) or lets_in(cells["viewer"]), name
            assert not lets_in(cells["token_program"]) or lets_in(cells["program"]), name


# --- The other methods of the API -------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.sqlite_is_enough
@pytest.mark.parametrize("visitor", ["outsider", "viewer", "success", *TOKENS])
def test_who_may_use_other_methods_of_the_api(visitor: str, everybody: tuple[Program, Visitors]) -> None:
    """To take back a task is all that is done by them; HEAD is a GET without its body."""
    program, visitors = everybody
    refused = {"401"} if visitor in {"outsider", "token_expired", "token_revoked"} else {"401", "403", "404", "405"}
    may = {("api:task", "DELETE")} if visitor in {"success", "token_program"} else set()
    for one in addresses():
        if not is_of_programs(one.name):
            continue
        for method in ("PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"):
            with visitors.asking(visitor, method, program.path(one.route)) as response:
                told = str(response.status_code)
            if method == "HEAD":
                assert told == table()[one.name, "GET"][visitor], one.name
            else:
                assert (told in refused) != ((one.name, method) in may), (one.name, method, told)


def test_every_method_of_the_api_declares_who_may_use_it() -> None:
    views = {
        one.name: one.callback.view_class
        for one in (*api_urls.resources, *api_urls.urlpatterns)
        if isinstance(one, URLPattern) and issubclass(getattr(one.callback, "view_class", object), APIView)
    }
    assert {f"api:{name}" for name in views} == {one.name for one in addresses() if is_of_programs(one.name)}
    undeclared = [
        (name, method)
        for name, view in views.items()
        for method in ("get", "post", "put", "patch", "delete")
        if hasattr(view, method) and method.upper() not in getattr(view, "access", {})
    ]
    assert undeclared == []

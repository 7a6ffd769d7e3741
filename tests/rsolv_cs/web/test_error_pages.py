"""The pages that say what went wrong, and that what was typed comes back with them, to who typed it alone."""

import re
from collections.abc import Callable
from html import unescape
from io import BytesIO
from typing import Any

import pytest
from django.db import InterfaceError, OperationalError, connection
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from pytest_django.fixtures import Settings

from analytics.customer_page import views
from analytics.insights import cohort_views
from customers.core import pages
from customers.core.database_errors import is_busy, is_unavailable
from customers.models import Customer, CustomerCare, Note
from rsolv_cs.web import errors
from rsolv_cs.web.sent import sent
from tests.factories import make_customer, make_staff
from tests.support.pages import Elements, words

pytestmark = pytest.mark.django_db

HERE = {"Sec-Fetch-Site": "same-origin"}
TEXT = "They will renew,\nsays Ann & <Bob>"
NOTES = "/admin/customer/acme/notes/"


@pytest.fixture
def acme() -> Customer:
    return make_customer(id="acme")


@pytest.fixture
def olga() -> Client:
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    client.force_login(make_staff("Program manager", username="olga", email="olga@rsolv.example"))
    return client


def token(client: Client) -> str:
    client.get("/admin/login/")
    client.get("/admin/second-factor/")
    return client.cookies["csrftoken"].value


def form(page: str) -> dict[str, str]:
    """What the page would send again."""
    [found] = re.findall(r"<form method=\"post\".*?</form>", page, re.DOTALL)
    sent = {}
    for tag, attributes in Elements(found).found:
        if tag == "input":
            sent[attributes["name"]] = attributes.get("value") or ""
    for name, value in re.findall(r'<textarea[^>]* name="([^"]*)"[^>]*>\n(.*?)</textarea>', found, re.DOTALL):
        sent[name] = unescape(value)
    return sent


def is_ours(response: HttpResponse) -> bool:
    return "RSOLV Customer Success" in response.text and 'href="/admin/"' in response.text


# --- Each kind of error -----------------------------------------------------------------------------------------


def test_what_is_not_there_is_said_with_a_way_back(olga: Client) -> None:
    for address in ("/admin/customer/erased/", "/admin/nothing/", "/nothing/", "/admin/tasks/999/", "/x%00y"):
        response = olga.get(address)
        assert response.status_code == 404
        assert is_ours(response)
        assert "A customer in an older email or link may have been erased since" in words(response.text)


def test_who_may_not_is_told_as_whom_and_can_log_out() -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(make_staff(None, username="newcomer"))
    response = client.get("/admin/")
    assert response.status_code == 403
    assert is_ours(response)
    assert "You are logged in as newcomer." in words(response.text)
    [sent] = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', response.text)
    assert client.post("/admin/logout/", {"csrfmiddlewaretoken": sent}).status_code in {200, 302}
    assert client.get("/admin/").url.startswith("/admin/login/")


def test_an_address_for_forms_says_so_and_a_logout_has_its_button(olga: Client) -> None:
    response = olga.get("/admin/logout/")
    assert response.status_code == 405
    assert is_ours(response)
    assert response["Allow"] == "POST, OPTIONS"
    assert re.search(r'<form method="post" action="/admin/logout/">', response.text)


def test_what_cannot_be_understood(olga: Client, acme: Customer) -> None:
    for response in (
        olga.get("/admin/", headers={"host": "evil.example"}),
        olga.get("/admin/customers/quarantinedrow/download/customers/?nonsense__x=1"),
    ):
        assert response.status_code == 400
        assert is_ours(response)


def test_too_large_a_text_is_refused_in_words(olga: Client, acme: Customer, settings: Settings) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1_000
    response = olga.post(NOTES, {"text": "x" * 2_000, "csrfmiddlewaretoken": token(olga)}, headers=HERE)
    assert response.status_code in {400, 403}
    assert is_ours(response)


def fail_with(error: Exception) -> Callable[..., HttpResponse]:
    def view(*_args: Any, **_kwargs: Any) -> HttpResponse:
        raise error

    return view


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (RuntimeError("secret"), 500),
        (OperationalError("server closed the connection unexpectedly, secret"), 503),
        (InterfaceError("connection already closed, secret"), 503),
    ],
)
def test_a_failure_keeps_the_text_and_tells_nothing_else(
    error: Exception, status: int, olga: Client, acme: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views.NoteForm, "save", fail_with(error))
    sent = {"text": TEXT, "csrfmiddlewaretoken": token(olga)}
    response = olga.post(f"{NOTES}?as_of=2025-05-10", sent, headers=HERE)
    assert response.status_code == status
    assert is_ours(response)
    assert "secret" not in response.text
    assert 'action="/admin/customer/acme/notes/?as_of=2025-05-10"' in response.text
    monkeypatch.undo()
    assert olga.post(NOTES, form(response.text), headers=HERE).status_code == 302
    assert Note.objects.get().text == TEXT


def test_a_page_that_fails_can_be_asked_again(olga: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cohort_views, "admin_response", None)
    response = olga.get("/admin/cohorts/?metric=x")
    assert response.status_code == 500
    assert 'href="/admin/cohorts/?metric=x">Try again' in response.text


def test_a_fault_of_a_query_is_not_called_a_busy_database() -> None:
    missing = OperationalError("no such table: x")
    missing.__cause__ = type("Error", (Exception,), {"sqlite_errorcode": 1})()
    assert not is_unavailable(missing)
    locked = OperationalError("database is locked")
    locked.__cause__ = type("Error", (Exception,), {"sqlite_errorcode": 261})()
    assert is_unavailable(locked)
    assert is_busy(locked)


def test_no_error_page_asks_the_database() -> None:
    request = RequestFactory().post(NOTES, {"text": TEXT}, headers=HERE)
    with CaptureQueriesContext(connection) as queries:
        pages = [
            errors.bad_request(request, ValueError()),
            errors.refused(request),
            errors.not_found(request),
            errors.not_allowed(request),
            errors.failed(request),
            errors.unavailable(request, None),
            errors.csrf_failure(request),
        ]
    assert len(queries) == 0
    assert [page.status_code for page in pages] == [400, 403, 404, 405, 500, 503, 403]
    assert all("They will renew" in page.text for page in pages)
    assert all("<Bob>" not in page.text for page in pages)


# --- A session that ended, a token that changed -----------------------------------------------------------------


def test_a_text_sent_after_the_session_ended_comes_back_and_can_be_sent(olga: Client, acme: Customer) -> None:
    sent = {"text": TEXT, "csrfmiddlewaretoken": token(olga)}
    session = olga.cookies.pop("sessionid")
    response = olga.post(NOTES, sent, headers=HERE)
    assert response.status_code == 403
    assert "You are logged out" in words(response.text)
    assert f'href="/admin/login/?next={NOTES.replace("/", "%2F")}"' in response.text
    assert not Note.objects.exists()
    again = form(response.text)
    assert again["text"] == TEXT
    olga.cookies["sessionid"] = session.value
    assert olga.post(NOTES, again, headers=HERE).status_code == 302
    assert Note.objects.get().text == TEXT


def test_the_login_then_leads_to_the_page_with_the_form(acme: Customer) -> None:
    make_staff("Success manager", username="sofia")
    client = Client()
    login = {"username": "sofia", "password": "a long password", "next": NOTES}
    response = client.post(f"/admin/login/?next={NOTES}", login, follow=True)
    assert response.redirect_chain[-1] == ("/admin/customer/acme/#composer", 302)
    assert response.status_code == 200


def test_the_admins_own_forms_come_back_too(olga: Client, acme: Customer) -> None:
    care = CustomerCare.objects.create(customer=acme, notes="Old")
    address = f"/admin/customers/customercare/{care.pk}/change/"
    olga.cookies.pop("sessionid")
    sent = {"customer": "acme", "owner": "", "notes": TEXT, "_save": "Save", "csrfmiddlewaretoken": token(olga)}
    response = olga.post(address, sent, headers=HERE)
    assert response.status_code == 403
    again = form(response.text)
    assert (again["notes"], again["_save"], again["customer"]) == (TEXT, "Save", "acme")


def test_where_nothing_was_typed_the_login_comes_at_once(olga: Client, acme: Customer) -> None:
    sent = {"alert": "1", "action": "acknowledge", "next": "/admin/alerts/", "csrfmiddlewaretoken": token(olga)}
    olga.cookies.pop("sessionid")
    assert olga.post("/admin/alerts/act/", sent, headers=HERE).url == "/admin/login/?next=/admin/alerts/act/"


def test_a_token_of_an_earlier_login_gives_the_text_back(olga: Client, acme: Customer) -> None:
    old = token(olga)
    olga.cookies["csrftoken"] = "n" * 32
    response = olga.post(NOTES, {"text": TEXT, "csrfmiddlewaretoken": old}, headers=HERE)
    assert response.status_code == 403
    assert "This was not sent yet" in words(response.text)
    assert not Note.objects.exists()
    assert olga.post(NOTES, form(response.text), headers=HERE).status_code == 302
    assert Note.objects.get().text == TEXT


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "same-site", "Origin": "http://testserver"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Referer": "https://evil.example/testserver"},
        {},
    ],
)
def test_what_another_site_sends_is_neither_shown_nor_offered(
    headers: dict[str, str], olga: Client, acme: Customer
) -> None:
    response = olga.post(NOTES, {"text": TEXT}, headers=headers)
    assert response.status_code == 403
    assert "They will renew" not in response.text
    assert "Send again" not in response.text
    olga.cookies.clear()
    for data in ({"text": TEXT}, {"text": TEXT, "csrfmiddlewaretoken": "x" * 32}):
        assert "They will renew" not in olga.post(NOTES, data, headers=headers).text


def test_a_browser_that_names_the_origin_alone_is_believed(olga: Client, acme: Customer) -> None:
    response = olga.post(NOTES, {"text": TEXT}, headers={"Origin": "http://testserver"})
    assert "They will renew" in response.text


def test_passwords_and_codes_never_come_back(olga: Client) -> None:
    secrets = {
        "old_password": "hunter2-hunter2",
        "new_password1": "hunter3-hunter3",
        "code": "123456",
        "username": "olga",
    }
    for address in ("/admin/password_change/", "/admin/second-factor/", "/admin/auth/user/add/"):
        page = olga.post(address, secrets, headers=HERE).text
        assert not re.search("hunter|123456", page)
        assert "Send again" not in page
        assert f'href="{address}"' in page


def test_a_login_form_that_is_out_of_date_leads_to_a_new_one() -> None:
    client = Client(enforce_csrf_checks=True)
    response = client.post(
        "/admin/login/?next=/admin/tasks/", {"username": "olga", "password": "hunter2"}, headers=HERE
    )
    assert response.status_code == 403
    assert "The login form was out of date" in words(response.text)
    assert 'href="/admin/login/?next=/admin/tasks/"' in response.text
    assert "hunter2" not in response.text


def test_nothing_of_it_is_stored(olga: Client, acme: Customer) -> None:
    """Another user of the same browser finds nothing: the page that carried it was the only place."""
    sent = {"text": TEXT, "csrfmiddlewaretoken": token(olga)}
    olga.cookies.pop("sessionid")
    response = olga.post(NOTES, sent, headers=HERE)
    assert "no-store" in response["Cache-Control"]
    assert "sessionid" not in response.cookies
    other = Client()
    other.cookies = olga.cookies
    other.force_login(make_staff("Success manager"))
    for address in ("/admin/customer/acme/", NOTES):
        assert "They will renew" not in other.get(address, follow=True).text


def test_a_file_must_be_chosen_again(olga: Client) -> None:
    file = BytesIO(b"id\n")
    file.name = "customers.csv"
    page = olga.post("/admin/customers/importrun/upload/", {"feed": "customers", "file": file}, headers=HERE).text
    assert "Send again" not in page
    assert 'href="/admin/customers/importrun/upload/">Open the page with the form' in page


def test_what_may_not_be_sent_is_shown_to_be_copied(acme: Customer) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(make_staff("Viewer"))
    sent = {"text": TEXT, "csrfmiddlewaretoken": token(client)}
    response = client.post(NOTES, sent, headers=HERE)
    assert response.status_code == 403
    assert "They will renew" in response.text
    assert "Send again" not in response.text
    assert "readonly" in response.text


def test_a_busy_database_is_not_called_broken(rf: RequestFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(pages.messages, "error", lambda _request, words: said.append(words))
    locked = OperationalError("database is locked")
    locked.__cause__ = type("Error", (Exception,), {"sqlite_errorcode": 5})()
    for error in (locked, OperationalError("disk I/O error")):
        try:
            raise error
        except OperationalError:
            pages.tell_database_error(rf.get("/"))
    assert said == [
        "The data are busy: somebody else is changing them. Try again in a minute.",
        "The database cannot be used. Tell the operator: the log says why.",
    ]


def test_ticks_and_choices_go_along_but_are_no_text(rf: RequestFactory) -> None:
    typed = {"name": "At risk", "text": "42", "notes": "on", "body": "2025-05-10", "merged-note": "7"}
    chosen = {"shared": "on", "recipients": ["3", "5"], "due": "2025-05-10", "action": "template", "choose": "Help me"}
    request = rf.post("/", {**typed, **chosen}, headers=HERE)
    content = sent(request)
    assert {field.name for field in content.typed} == typed.keys()
    assert [(field.name, field.value) for field in content.others if field.name == "recipients"] == [
        ("recipients", "3"),
        ("recipients", "5"),
    ]

"""The headers of every kind of response, and redirects that lead nowhere else."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.http import HttpResponse
from django.test import Client
from pytest_django import Settings

from analytics.insights import cohort_views
from tests.factories import make_alert, make_customer, make_staff
from tests.support.walking import patterns

pytestmark = pytest.mark.django_db

ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), midi=(), payment=(), "
    "serial=(), usb=()",
}
POLICY = {
    "default-src 'self'",
    "script-src 'self' 'unsafe-eval'",
    "script-src-attr 'none'",
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data:",
    "connect-src 'self'",
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
}


def assert_safe(response: HttpResponse, *, cached: bool = False) -> None:
    assert {name: response.headers.get(name) for name in ALWAYS} == ALWAYS
    assert set(response.headers["Content-Security-Policy"].split("; ")) == POLICY
    kept = {part.strip() for part in response.headers["Cache-Control"].split(",")}
    assert ("public" in kept) if cached else ({"no-store", "private"} <= kept)


# --- Headers ----------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("demo_program")
@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/", 302),
        ("/admin/", 200),
        ("/admin/customer/c1001/", 200),
        ("/admin/my-day/?owner=", 200),
        ("/admin/customers/customer/", 200),
        ("/admin/second-factor/", 200),
        ("/admin/jsi18n/", 200),
        ("/admin/autocomplete/?app_label=customers&model_name=customercare&field_name=customer&term=a", 200),
        ("/admin/export/", 200),
        ("/admin/export/customers/csv/", 200),
        ("/admin/export/customers/xlsx/", 200),
        ("/admin/customers/quarantinedrow/download/customers/", 200),
        ("/admin/logout/", 405),
        ("/admin/axes/accessattempt/", 403),
        ("/admin/customer/nobody/", 404),
        ("/nothing/", 404),
    ],
)
def test_every_kind_of_response_has_its_headers(client: Client, address: str, status: int) -> None:
    client.force_login(make_staff("Program manager"))
    response = client.get(address)
    assert response.status_code == status
    assert_safe(response)
    response.getvalue()


@pytest.mark.usefixtures("demo_program")
def test_parts_of_pages_have_them(client: Client) -> None:
    client.force_login(make_staff("Viewer"))
    tag = client.get("/admin/").headers["ETag"]
    part = client.get("/admin/", HTTP_HX_REQUEST="true")
    same = client.get("/admin/", HTTP_HX_REQUEST="true", HTTP_IF_NONE_MATCH=tag)
    assert (part.status_code, same.status_code) == (200, 304)
    assert_safe(part)
    assert_safe(same)


def test_pages_for_nobody_have_them(client: Client) -> None:
    assert_safe(client.get("/admin/login/"))
    assert_safe(client.get("/admin/"))
    for _ in range(6):
        response = client.post("/admin/login/", {"username": "x", "password": "y"})
    assert response.status_code == 429
    assert_safe(response)


def test_errors_have_them(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    client.raise_request_exception = False
    client.force_login(make_staff("Viewer"))
    monkeypatch.setattr(cohort_views, "admin_response", None)
    failed = client.get("/admin/cohorts/")
    assert failed.status_code == 500
    assert_safe(failed)
    assert_safe(client.get("/admin/", HTTP_HOST="evil.example"))
    forged = Client(enforce_csrf_checks=True).post("/admin/login/", {})
    assert forged.status_code == 403
    assert_safe(forged)


def test_static_files_have_them_and_may_be_kept(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "a.js").write_text("1")
    settings.STATIC_ROOT = tmp_path
    response = Client().get("/static/a.js")
    assert response.status_code == 200
    assert_safe(response, cached=True)
    response.getvalue()


@pytest.mark.parametrize("cookie", ["sessionid", "seen"])
def test_cookies_are_out_of_the_reach_of_scripts_and_other_sites(
    client: Client, settings: Settings, cookie: str
) -> None:
    settings.SESSION_COOKIE_SECURE = True
    make_staff("Viewer", username="vera", password="a long password")
    client.post("/admin/login/", {"username": "vera", "password": "a long password"}, secure=True)
    found = client.cookies[cookie]
    assert (found["httponly"], found["secure"], found["samesite"]) == (True, True, "Lax")


# --- Redirects --------------------------------------------------------------------------------------------------

ELSEWHERE = [
    "//evil.example",
    "https://evil.example",
    "https:evil.example",
    "http:///evil.example",
    "javascript:alert(1)",
    "\\\\evil.example",
    "/\\evil.example",
    "/\t/evil.example",
    "///evil.example",
    "%2F%2Fevil.example",
    "//testserver@evil.example",
    "https://testserver.evil.example",
    "/admin/\r\nSet-Cookie: x=1",
    "%0d%0aLocation: https://evil.example",
    "data:text/html,x",
    "\x00//evil.example",
]


def leads_home(url: str) -> bool:
    """Whether a browser stays on our site."""
    read = url.replace("\\", "/").replace("\t", "").replace("\r", "").replace("\n", "").strip()
    return urlsplit(read)[:2] == ("", "") and not read.startswith("//") and url == url.strip()


@pytest.mark.sqlite_is_enough
@pytest.mark.parametrize("to", ELSEWHERE)
def test_no_redirect_leads_elsewhere(client: Client, to: str) -> None:
    vera = make_staff("Success manager", username="vera", password="a long password")
    login = {"username": "vera", "password": "a long password", "next": to}
    alert = make_alert(make_customer(id="c1"))
    ways = [client.post("/admin/login/", login)]
    client.force_login(vera)
    ways += [
        client.get("/admin/second-factor/verify/", {"next": to}),
        client.post("/admin/second-factor/verify/", {"next": to}),
        client.post("/admin/alerts/act/", {"alert": alert.pk, "action": "acknowledge", "next": to}),
        client.get("/admin/login/", {"next": to}),
        client.post(
            "/admin/tasks/new/?" + "customer=c1&next=" + to.replace("\0", "%00").replace("\n", "%0A"),
            {"what": "x", "kind": "call", "due": "2030-05-11"},
        ),
    ]
    for response in ways:
        if response.status_code == 302:
            assert leads_home(response.url), response.request
            assert "Set-Cookie: x" not in str(response.headers)
        assert "HX-Redirect" not in response.headers
        assert "HX-Location" not in response.headers
    # Nor does a link back on a page.
    for page in ("/admin/tasks/new/", "/admin/second-factor/", "/admin/customer/c1/", "/admin/reports/save/"):
        text = client.get(page, {"customer": "c1", "next": to, "back": to, "q": to}).text
        for attribute in ('href="', 'action="', 'hx-get="'):
            for part in text.split(attribute)[1:]:
                assert leads_home(part.partition('"')[0].replace("&amp;", "&")) or part.startswith("mailto:"), part[
                    :80
                ]


def test_the_walk_knows_the_addresses() -> None:
    names = {name for name, _takes in patterns()}
    assert {"admin:index", "analytics:customer", "customers:upload", "second-factor"} <= names

"""Logs in by a provider, as a browser would, and says what came of it."""

from urllib.parse import urlencode, urlsplit

import requests
from django.http import HttpResponse
from django.test import Client

from customers.models import AuditEntry

BEGIN, CALLBACK = "/admin/sso/", "/admin/sso/callback/"


def there(address: str) -> str:
    """The path, with its query, to which the provider leads whoever logs in there."""
    answer = requests.get(address, allow_redirects=False, timeout=10)
    assert answer.status_code == 302, answer.text
    back = urlsplit(answer.headers["Location"])
    assert (back.scheme, back.netloc, back.path) == ("http", "testserver", CALLBACK)
    return f"{back.path}?{back.query}"


def begin(client: Client, to: str = "", **query: str) -> str:
    """Begin a login; the path to which the provider leads back."""
    asked = {**({"next": to} if to else {}), **query}
    response = client.get(BEGIN, asked)
    assert response.status_code == 302, response.text
    return there(response["Location"])


def sign_in(client: Client, to: str = "", **query: str) -> HttpResponse:
    """Log in; the answer to who comes back."""
    return client.get(begin(client, to, **query))


def is_in(client: Client) -> bool:
    """Whether somebody is logged in."""
    return "_auth_user_id" in client.session


def refusals() -> list[str]:
    """Why logins were refused, as the audit says it, the newest last."""
    found = AuditEntry.objects.filter(action="login_failed").order_by("pk")
    return [text.removeprefix("OpenID Connect: ") for text in found.values_list("text", flat=True)]


def query(**given: str) -> str:
    """A path back that no provider gave."""
    return f"{CALLBACK}?{urlencode(given)}"

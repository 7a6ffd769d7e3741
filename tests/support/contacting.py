"""Writes to customers by the pages, as a browser does."""

import re

from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client

from tests.factories import make_staff
from tests.support.pages import Elements, main_part

ACME = "/admin/customer/c1001/contact/"
TEXTS = {"subject": "Hello {organization}", "body": "How do you do?\r\n\r\n{sender}"}


def make_sofia() -> User:
    """A Success manager who can be answered."""
    values = {"first_name": "Sofia", "last_name": "Marchetti", "email": "sofia@rsolv.example", "username": "sofia"}
    return make_staff("Success manager", **values)


def hidden(response: HttpResponse) -> dict[str, str]:
    """What the last form of a page would send, without its buttons."""
    form = re.findall(r'<form method="post".*?</form>', main_part(response), re.DOTALL)[-1]
    found = [attributes for tag, attributes in Elements(form).found if tag == "input"]
    return {one["name"]: one.get("value") or "" for one in found if one["name"] != "confirmed"}


def preview(client: Client, address: str = ACME, **data: str) -> HttpResponse:
    """Preview a mail."""
    return client.post(address, {**TEXTS, "action": "preview", **data})


def send(client: Client, previewed: HttpResponse, address: str = ACME, **data: str) -> HttpResponse:
    """Send what was previewed."""
    return client.post(address, {**hidden(previewed), "action": "send", **data})


def typed_into(response: HttpResponse) -> tuple[str, str]:
    """The subject and the body of the draft's form."""
    form = response.context["form"]
    return form["subject"].value() or "", form["body"].value() or ""


def draft(response: HttpResponse) -> dict[str, str]:
    """What the draft's form would send."""
    subject, body = typed_into(response)
    return {**hidden(response), "subject": subject, "body": body}

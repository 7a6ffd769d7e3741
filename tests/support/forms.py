"""What a browser would send of a form on a page, so that tests send what people saw, and who sends it."""

from html.parser import HTMLParser
from typing import Any

from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client

Sent = dict[str, Any]


class _Forms(HTMLParser):
    """The successful controls of each form that is sent by POST."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.forms: list[dict[str, list[str]]] = []
        self.inside: dict[str, list[str]] | None = None
        self.area: str | None = None
        self.select: str | None = None
        self.feed(html)

    def handle_starttag(self, tag: str, pairs: list[tuple[str, str | None]]) -> None:
        attrs = dict(pairs)
        if tag == "form":
            self.inside = {}
            if (attrs.get("method") or "").lower() == "post":
                self.forms.append(self.inside)
        if self.inside is None:
            return
        name = attrs.get("name") or ""
        if tag == "input" and name and "disabled" not in attrs:
            kind = attrs.get("type", "text")
            if kind in {"checkbox", "radio"} and "checked" not in attrs:
                return
            if kind not in {"submit", "file", "button"}:
                self.inside.setdefault(name, []).append(attrs.get("value") or ("on" if kind == "checkbox" else ""))
        elif tag == "textarea":
            self.area = name
            self.inside.setdefault(name, []).append("")
        elif tag == "select":
            self.select = name
        elif tag == "option" and self.select and "selected" in attrs:
            self.inside.setdefault(self.select, []).append(attrs.get("value") or "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.inside = None
        elif tag == "textarea":
            self.area = None
        elif tag == "select":
            self.select = None

    def handle_data(self, data: str) -> None:
        if self.area is not None and self.inside is not None:
            self.inside[self.area][-1] += data


def form_on(response: HttpResponse, field: str = "row_version", **changes: Any) -> Sent:
    """What the form with a field would send, but for ``changes``; None leaves a field out, as an empty checkbox."""
    found = next(form for form in _Forms(response.text).forms if field in form)
    sent: Sent = {name: values[0] if len(values) == 1 else values for name, values in found.items()}
    # A browser drops the first line break of a text, and sends each as two characters.
    texts = {name: value.removeprefix("\n") for name, value in sent.items() if isinstance(value, str)}
    sent |= {name: value.replace("\n", "\r\n") for name, value in texts.items()} | changes
    return {name: value for name, value in sent.items() if value is not None}


def as_(name: str) -> Client:
    """The browser of a user with a login."""
    client = Client()
    client.force_login(User.objects.get(username=name))
    return client

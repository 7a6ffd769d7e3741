"""What a page says, for tests: its words, its links, its rows."""

import re
from collections.abc import Iterator
from html import unescape
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode

from django.core.cache import caches
from django.http import HttpResponse


def forget() -> None:
    """Let no page be made of what an earlier one has kept."""
    for each in caches.all():
        each.clear()


def words(html: str) -> str:
    """The text of a piece of HTML without the definitions behind a "?", each run of blanks as one."""
    html = re.sub(r'<details class="definition".*?</details>', " ", html, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", html)).split())


def main_part(response: HttpResponse) -> str:
    """Our part of a page, as HTML."""
    [found] = re.findall(r"<main\b.*?</main>", response.text, re.DOTALL)
    return found


def section(response: HttpResponse, name: str) -> str:
    """The words of one of our sections, by the id of its heading."""
    [found] = re.findall(rf'<section[^>]* aria-labelledby="{name}".*?</section>', main_part(response), re.DOTALL)
    return words(found)


def notices(response: HttpResponse) -> list[str]:
    """The words of the notices on a page."""
    return [words(text) for text in re.findall(r'<p class="notice[^>]*>.*?</p>', main_part(response), re.DOTALL)]


def rows(response: HttpResponse) -> list[list[str]]:
    """The words of each cell of the customer table."""
    [body] = re.findall(r'class="rsolv-table".*?<tbody>(.*?)</tbody>', main_part(response), re.DOTALL)
    cells = (re.findall(r"<td\b.*?</td>", row, re.DOTALL) for row in re.findall(r"<tr\b.*?</tr>", body, re.DOTALL))
    return [[words(cell) for cell in row] for row in cells]


def table(html: str, kind: str) -> list[list[str]]:
    """The words of each cell of the table with a class, its head aside."""
    [found] = re.findall(rf'<table class="rsolv-table {kind}">.*?</thead>(.*?)</table>', html, re.DOTALL)
    cells = (
        re.findall(r"<t[hd]\b.*?</t[hd]>", row, re.DOTALL) for row in re.findall(r"<tr>.*?</tr>", found, re.DOTALL)
    )
    return [[words(cell) for cell in row] for row in cells]


def names(response: HttpResponse) -> list[str]:
    """The customers' names in the table, in its order."""
    return [unescape(name) for name in re.findall(r'class="customer-name"[^>]*>([^<]*)<', response.text)]


def said(response: HttpResponse) -> list[str]:
    """The messages on a page."""
    return [str(message) for message in response.context["messages"]]


def links(response: HttpResponse, text: str) -> list[str]:
    """Where the links of our part with these words lead, but for those under "Customers to act on"."""
    others = re.sub(r'<ul class="needs">.*?</ul>', "", main_part(response), flags=re.DOTALL)
    found = re.findall(r'<a\b[^>]*\bhref="([^"]*)"[^>]*>(.*?)</a>', others, re.DOTALL)
    return [unescape(href) for href, content in found if words(content) == text]


class Elements(HTMLParser):
    """Reads HTML as a browser does, and remembers each element."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def attributes(self, name: str) -> Iterator[Any]:
        """The values of an attribute."""
        return (attrs[name] for _tag, attrs in self.found if name in attrs)


def addressed(**parameters: object) -> str:
    """The address of the dashboard with these parameters."""
    return f"/admin/?{urlencode(parameters, doseq=True)}"

"""Finds the bare texts of a template: what is read between the tags, and in the attributes that are read."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser

from django.template.base import Lexer, Token, TokenType

READ = {"alt", "aria-label", "aria-description", "aria-roledescription", "placeholder", "title", "data-said", "label"}
"""The attributes that people read or hear."""
NOT_READ = {"code", "kbd", "script", "style"}
ICON = "material-symbols"
OUR_NAMES = re.compile(r"RSOLV Customer Success|\b(?:RSOLV|CSV|Excel|GitHub|POST)\b|&\w+;")
PATTERNS = {
    *("DATE_FORMAT", "DATETIME_FORMAT", "SECONDS_FORMAT", "TIME_FORMAT", "MONTH_DAY_FORMAT", "YEAR_MONTH_FORMAT"),
    *("Y-m-d", r"Y-m-d\TH:i", "c"),
}
"""What ``|date`` may be told: the formats of the language, and what browsers and scripts read."""
_WORD = re.compile(r"[A-Za-z]{2,}")
_TEXT = re.compile(r"[A-Z][a-z]{2,}|[a-z’']+ +[A-Za-z]+")
_CONSTANT = re.compile(r'(_\(|\b(?:class|variant|href)=)?"([^"]*)"')
_DATE = re.compile(r'\|date:"([^"]*)"')
_BLOCKS = {"blocktranslate": "endblocktranslate", "blocktrans": "endblocktrans", "comment": "endcomment"}
_SILENT = {"load", "url", "static", "extends", "block", "translate", "trans", "cycle", "if", "elif"}
"""Tags whose texts are names, are spoken, or are compared."""


def bare_in_template(source: str) -> Iterator[tuple[int, str]]:
    """Yield the bare texts of a template, each with its line."""
    html: list[str] = []
    until = ""
    for token in Lexer(source).tokenize():
        name = token.contents.split(" ")[0] if token.token_type == TokenType.BLOCK else ""
        if until:
            html.append("\n" * token.contents.count("\n"))
            until = "" if name == until else until
        elif name in _BLOCKS:
            until = _BLOCKS[name]
        elif token.token_type == TokenType.TEXT:
            html.append(token.contents)
        elif token.token_type != TokenType.COMMENT:
            yield from _of_tag(token, name)
            html.append("\ufffc" if token.token_type == TokenType.VAR else "")
    yield from bare_in_html("".join(html))


def _of_tag(token: Token, name: str) -> Iterator[tuple[int, str]]:
    line = token.lineno or 0
    if "|pluralize" in token.contents:
        yield line, "|pluralize"
    for pattern in _DATE.findall(token.contents):
        if pattern not in PATTERNS:
            yield line, f"|date:{pattern}"
    if name in _SILENT:
        return
    rest = _DATE.sub("", token.contents)
    for spoken, text in _CONSTANT.findall(rest):
        if not spoken and _TEXT.search(text) and "/" not in text:
            yield line, text


def bare_in_html(source: str) -> Iterator[tuple[int, str]]:
    """Yield the bare texts of HTML, each with its line."""
    parser = _Read()
    parser.feed(source)
    parser.close()
    yield from parser.found


class _Read(HTMLParser):
    """Collects what is read."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.found: list[tuple[int, str]] = []
        self._inside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in NOT_READ or ICON in (dict(attrs).get("class") or ""):
            self._inside.append(tag)
        for name, value in attrs:
            if name in READ:
                self._add(value or "")

    def handle_endtag(self, tag: str) -> None:
        if self._inside and self._inside[-1] == tag:
            self._inside.pop()

    def handle_data(self, data: str) -> None:
        if not self._inside:
            self._add(data)

    def _add(self, text: str) -> None:
        if _WORD.search(OUR_NAMES.sub("", text)):
            self.found.append((self.getpos()[0], text.strip()))

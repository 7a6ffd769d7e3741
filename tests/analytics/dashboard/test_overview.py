"""The blocks above the list are made once for all searches and filters, whose links they carry all the same."""

import json
import re
from html import unescape
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from django.http import HttpResponse
from django.test import Client

from analytics.dashboard.blocks import Block
from tests.support.pages import main_part

pytestmark = pytest.mark.django_db

HOSTILE = 'x"><script>alert(1)</script>&as_of=2025-01-01\\u0026 rest-0='


def told(response: HttpResponse) -> list[dict[str, list[str]]]:
    """What the points of all charts and the choices of the blocks say of the address."""
    html = main_part(response).split('id="customers"')[0]
    data = re.findall(r'<script id="[\w-]+-data" type="application/json">(.*?)</script>', html)
    addresses = [address for one in data for address in json.loads(one)["addresses"] if address]
    assert len(addresses) > 3
    links = re.findall(r'href="(/admin/\?[^"]*(?:as_of|history|days|compare)=[^"]*)"', html)
    choices = [unescape(link) for link in links if "history=" in link or "days=" in link]
    assert len(choices) >= 4
    return [parse_qs(urlsplit(address).query, keep_blank_values=True) for address in (*addresses, *choices)]


@pytest.mark.parametrize("asked", [HOSTILE, "plain", "a+b c%20&=é", ""])
def test_each_link_has_the_search_of_its_page(viewer: Client, demo_program: None, asked: str) -> None:
    viewer.get("/admin/?history=30&q=first&sort=score")
    page = viewer.get(f"/admin/?{urlencode({'history': '30', 'q': asked, 'sort': '-score'})}")
    for found in told(page):
        assert (found["q"], found["sort"]) == ([asked], ["-score"])
        assert not any(name.startswith("rest-") for name in found)


def test_without_a_search_links_have_none(viewer: Client, demo_program: None) -> None:
    viewer.get("/admin/?q=first")
    for found in told(viewer.get("/admin/?history=30")):
        assert set(found) <= {"as_of", "history", "days", "compare"}


def test_another_search_makes_no_block_anew(
    viewer: Client, demo_program: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer.get("/admin/?q=first&status=at_risk")
    monkeypatch.setattr(Block, "_render", lambda *_: pytest.fail("made anew"))
    assert "second" in str(told(viewer.get("/admin/?q=second&sort=score")))

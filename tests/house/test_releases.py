"""A version is named in one place, has a heading in the changelog, and is told to those alone who are logged in."""

import re

import pytest
from django.test import Client

from rsolv_cs.version import application_version
from tests.factories import make_staff
from tests.support import ROOT

SEMANTIC = r"\d+\.\d+\.\d+"


def changelog_names(version: str, headings: list[str]) -> bool:
    """Whether the changelog begins with what is said of this version: on the way to it, under Unreleased."""
    newest = "Unreleased" if version.endswith("-dev0") else version
    return (
        bool(headings)
        and re.fullmatch(rf"{re.escape(newest)}(?: – \d{{1,2}} \w{{3}} \d{{4}})?", headings[0]) is not None
    )


def test_the_changelog_names_the_version() -> None:
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert re.fullmatch(rf"{SEMANTIC}(-dev0)?", application_version())
    assert changelog_names(application_version(), headings)
    assert all(re.match(rf"{SEMANTIC} – ", heading) for heading in headings if heading != "Unreleased")


@pytest.mark.parametrize(
    ("version", "headings", "is_named"),
    [
        ("1.1.0-dev0", ["Unreleased", "1.0.0 – 30 Nov 2026"], True),
        ("1.1.0-dev0", ["1.0.0 – 30 Nov 2026"], False),
        ("1.1.0", ["1.1.0 – 3 Jan 2027", "1.0.0 – 30 Nov 2026"], True),
        ("1.1.0", ["Unreleased", "1.1.0 – 3 Jan 2027"], False),
        ("1.1.0", ["1.0.0 – 30 Nov 2026"], False),
        ("1.1.0", ["1.1.01 – 3 Jan 2027"], False),
        ("1.1.0", [], False),
    ],
)
def test_when_the_changelog_names_a_version(version: str, headings: list[str], is_named: bool) -> None:
    assert changelog_names(version, headings) == is_named


@pytest.mark.django_db
def test_the_foot_of_a_page_says_the_version_to_who_is_logged_in() -> None:
    visitor = Client()
    visitor.force_login(make_staff("Viewer"))
    assert f"RSOLV {application_version()}" in visitor.get("/admin/alerts/").text
    for address in ("/admin/login/", "/healthz", "/readyz", "/nothing/"):
        assert application_version() not in Client().get(address).text, address

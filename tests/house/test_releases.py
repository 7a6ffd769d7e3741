"""A version is named in one place and told to those alone who are logged in; a MINOR one leaves the last at work."""

import re

import pytest
from django.db import migrations, models
from django.db.migrations import Migration
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState
from django.test import Client

from rsolv_cs.version import application_version
from tests.factories import make_staff
from tests.support import ROOT
from tests.support.rolling import SAYS, in_the_way, objections, releases

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


# --- Migrations of a MINOR version --------------------------------------------------------------------------------


def test_the_migrations_since_the_last_release_leave_it_at_work() -> None:
    released = releases()
    if released:
        newest = list(released)[-1]
        if major_of(application_version()) == major_of(newest):
            assert list(in_the_way(released[newest])) == []


def major_of(version: str) -> int:
    return int(version.partition(".")[0])


def test_a_release_is_recorded_with_its_migrations() -> None:
    """So that the next one is held to it: CONTRIBUTING.md has the recipe."""
    loader = MigrationLoader(None)
    released, version = releases(), application_version()
    for of_version in released.values():
        assert set(of_version) == {"analytics", "customers"}
        assert set(of_version.items()) <= set(loader.disk_migrations)
    if not version.endswith("-dev0"):
        assert list(released)[-1] == version
        assert set(released[version].items()) == {
            leaf for leaf in loader.graph.leaf_nodes() if leaf[0] in {"analytics", "customers"}
        }


def test_what_was_done_before_is_judged_as_it_was() -> None:
    """Of migrations that are there, as if a version had been released before them."""
    found = list(in_the_way({"analytics": "0044_so_far", "customers": "0022_api_tokens"}))
    assert (
        "customers 0025_do_not_sync: Add field do_not_sync to customercare: the version before inserts rows without it"
    ) in found
    assert "analytics 0049_webhook_rule: Raw Python operation" in found
    # Its tables came with it: the version before does not know them.
    assert not [one for one in found if one.startswith("customers 0023_inbox")]


NAME_NO_TABLE = (migrations.RunPython, migrations.RunSQL, migrations.SeparateDatabaseAndState)
STATE = [
    migrations.CreateModel(
        "Thing",
        [
            ("id", models.BigAutoField(primary_key=True)),
            ("name", models.CharField(max_length=50, help_text="old")),
            ("note", models.TextField(null=True)),
        ],
    )
]


@pytest.mark.parametrize(
    ("operation", "is_fine"),
    [
        (migrations.CreateModel("Other", [("id", models.BigAutoField(primary_key=True))]), True),
        (migrations.AddField("thing", "size", models.IntegerField(null=True)), True),
        (migrations.AddField("thing", "size", models.IntegerField(default=0, db_default=0)), True),
        # Django's default is Python's: the version before leaves the column out, and the database has no value for it.
        (migrations.AddField("thing", "size", models.IntegerField(default=0)), False),
        (migrations.AddField("thing", "others", models.ManyToManyField("self")), True),
        (migrations.AddIndex("thing", models.Index("name", name="by_name")), True),
        (migrations.AddConstraint("thing", models.UniqueConstraint("name", name="once")), False),
        (migrations.AlterField("thing", "name", models.CharField(max_length=50, help_text="new")), True),
        (migrations.AlterField("thing", "name", models.CharField(max_length=80)), True),
        (migrations.AlterField("thing", "name", models.CharField(max_length=40)), False),
        (migrations.AlterField("thing", "name", models.CharField(max_length=50, unique=True)), False),
        (migrations.AlterField("thing", "name", models.TextField()), False),
        (migrations.AlterField("thing", "name", models.CharField(max_length=50, null=True)), True),
        (migrations.AlterField("thing", "note", models.TextField(null=False)), False),
        (migrations.RemoveField("thing", "note"), False),
        (migrations.RenameField("thing", "note", "text"), False),
        (migrations.DeleteModel("thing"), False),
        (migrations.RunPython(migrations.RunPython.noop), False),
        (migrations.RunSQL(""), False),
        (migrations.SeparateDatabaseAndState(state_operations=[migrations.RemoveField("thing", "note")]), True),
        (migrations.SeparateDatabaseAndState(database_operations=[migrations.RunSQL("")]), False),
    ],
    ids=lambda one: type(one).__name__ if isinstance(one, Operation) else "",
)
def test_what_the_version_before_bears(operation: Operation, is_fine: bool) -> None:
    state = ProjectState()
    STATE[0].state_forwards("analytics", state)
    migration = Migration("0100_change", "analytics")
    migration.operations = [operation]
    known = set(state.models)
    assert (list(objections(migration, state.clone(), known)) == []) == is_fine
    assert list(objections(migration, state.clone(), set())) == [] or isinstance(operation, NAME_NO_TABLE)
    setattr(migration, SAYS, "because")
    assert list(objections(migration, state.clone(), known)) == []

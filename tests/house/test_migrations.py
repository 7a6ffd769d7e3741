"""The migrations: complete, with names, and passable in both directions."""

import json
import re
from io import StringIO

import pytest
from django.core.management import call_command
from django.db.migrations.loader import MigrationLoader

from tests.support.commands import python

APPS = ("analytics", "customers")
THERE_AND_BACK = """
import django, json
django.setup()
from django.core.management import call_command
from django.db import connection

def state():
    from analytics.models import ScoringPolicy
    names = connection.introspection.table_names()
    tables = sorted(name for name in names if name.startswith(("analytics_", "customers_")))
    return tables, ScoringPolicy.objects.count() if "analytics_scoringpolicy" in tables else None

states = []
for arguments in ([], ["analytics", "zero"], ["customers", "zero"], []):
    call_command("migrate", *arguments, verbosity=0)
    states.append(state())
connection.close()
print(json.dumps(states))
"""


@pytest.mark.django_db
def test_no_migration_is_missing() -> None:
    out = StringIO()
    call_command("makemigrations", check=True, dry_run=True, stdout=out)
    assert out.getvalue() == "No changes detected\n"


def test_each_migration_has_a_name_that_says_what_it_does() -> None:
    names = [name for app, name in MigrationLoader(None).disk_migrations if app in APPS]
    assert names
    for name in names:
        assert re.fullmatch(r"[0-9]{4}_[a-z][a-z0-9_]+", name), name
        assert not re.search(r"_auto_|_and_more$|squashed", name), name


def test_the_migrations_of_each_app_form_one_line() -> None:
    loader = MigrationLoader(None)
    assert loader.detect_conflicts() == {}
    for app in APPS:
        assert len(loader.graph.leaf_nodes(app)) == 1
        numbers = sorted(name[:4] for of_app, name in loader.disk_migrations if of_app == app)
        assert numbers == [f"{number:04}" for number in range(1, len(numbers) + 1)]


def test_they_lead_from_nothing_to_the_models_and_back(own_database: str) -> None:
    done = python("-c", THERE_AND_BACK, DEBUG=1, DATABASE_URL=own_database, DJANGO_SETTINGS_MODULE="rsolv_cs.settings")
    assert (done.code, done.err) == (0, "")
    full, without_analytics, without_both, again = json.loads(done.out)
    tables, policies = full
    assert {"analytics_snapshot", "analytics_scoringpolicy", "customers_customer"} <= set(tables)
    assert policies == 1
    assert without_analytics == [[name for name in tables if name.startswith("customers_")], None]
    assert without_both == [[], None]
    assert again == full

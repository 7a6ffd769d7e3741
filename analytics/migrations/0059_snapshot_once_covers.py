"""On PostgreSQL a group's members are found among a date's snapshots by one index, in the order of both."""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

from customers.core.postgresql.covering import cover

TABLE, UNIQUE = "analytics_snapshot", "snapshot_once"


def more(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    cover(TABLE, UNIQUE, "(date, customer_id) INCLUDE (status, score, id)")


def less(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    cover(TABLE, UNIQUE, "(date, customer_id)")


class Migration(migrations.Migration):

    atomic = False

    beside_the_version_before = "The database keeps the same rule by another index, and nobody has to know of it."

    dependencies = [
        ('analytics', '0058_snapshot_in_lists'),
    ]

    operations = [
        migrations.RunPython(more, less),
    ]

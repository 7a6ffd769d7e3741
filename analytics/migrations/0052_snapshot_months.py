"""On PostgreSQL the snapshots get a partition for each month: ``customers.core.months.partitions`` says why."""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

from customers.core.months.partitioning import make_whole, partition_by_month

TABLE = "analytics_snapshot"


def part(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    partition_by_month(editor, TABLE)


def whole(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    make_whole(editor, TABLE)


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('analytics', '0051_open_messages_and_tasks'),
    ]

    operations = [
        migrations.RunPython(part, whole),
    ]

"""An index by date on PostgreSQL, whose scoring looks for the newest date, for one day's rows and for the last weeks'.

SQLite has no use for it: it finds them customer by customer in the index that holds the counters too.
"""

from typing import Any

from django.db import migrations

NAME = "engagement_date"


def create(apps: Any, editor: Any) -> None:
    if editor.connection.vendor == "postgresql":
        editor.execute(f"CREATE INDEX {NAME} ON customers_engagement (date)")


def drop(apps: Any, editor: Any) -> None:
    if editor.connection.vendor == "postgresql":
        editor.execute(f"DROP INDEX {NAME}")


class Migration(migrations.Migration):

    dependencies = [
        ('customers', '0012_audit'),
    ]

    operations = [
        migrations.RunPython(create, drop),
    ]

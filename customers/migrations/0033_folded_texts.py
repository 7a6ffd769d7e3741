"""On PostgreSQL what a search of customers looks through becomes one column."""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

from customers.core.postgresql.folded_texts import add_folded_texts, drop_folded_texts

TABLE = "customers_customer"
COLUMNS = ("organization", "email", "github_username", "id")


def add(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    add_folded_texts(editor, TABLE, COLUMNS)


def drop(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    drop_folded_texts(editor, TABLE)


class Migration(migrations.Migration):

    beside_the_version_before = "The database writes the column itself, and nobody has to know of it."

    dependencies = [
        ('customers', '0032_lines_of_runs'),
    ]

    operations = [
        migrations.RunPython(add, drop),
    ]

"""On PostgreSQL, too, a customer's engagement is read from an index alone, in the order of the customers."""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

from customers.core.postgresql.covering import cover_index

TABLE, INDEX = "customers_engagement", "engagement_customer_date"
COUNTERS = "issues_tagged, prs_generated, prs_merged, prs_rejected, support_requests"


def more(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    cover_index(TABLE, INDEX, f"(customer_id, date) INCLUDE ({COUNTERS})")


def less(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    cover_index(TABLE, INDEX, "(customer_id, date)")


class Migration(migrations.Migration):

    atomic = False

    beside_the_version_before = "The index has the same name and order, and nobody has to know of it."

    dependencies = [
        ('customers', '0033_folded_texts'),
    ]

    operations = [
        migrations.RunPython(more, less),
    ]

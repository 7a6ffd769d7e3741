import datetime

from django.db import migrations

NAME = "v1"


def create(apps, schema_editor):
    """The policy of metrics.md; its numbers are the fields' defaults."""
    policies = apps.get_model("analytics", "ScoringPolicy").objects.using(schema_editor.connection.alias)
    policies.get_or_create(name=NAME, defaults={"effective_from": datetime.date(2000, 1, 1)})


class Migration(migrations.Migration):

    dependencies = [
        ("analytics", "0001_initial"),
    ]

    operations = [
        # Going back drops the table itself, in the migration before.
        migrations.RunPython(create, migrations.RunPython.noop),
    ]

"""On the way back, before the columns go: what the older version would take for policies for everybody."""

import datetime

from django.db import migrations

NEVER = datetime.date.max


def leave(apps, schema_editor):
    """Drop the drafts, which score nobody. Policies for segments stay for their snapshots, and score no date."""
    policies = apps.get_model("analytics", "ScoringPolicy").objects.using(schema_editor.connection.alias)
    policies.filter(state="draft").delete()
    policies.exclude(cohorts=[], stages=[]).update(effective_from=NEVER)


class Migration(migrations.Migration):

    dependencies = [
        ("analytics", "0040_policy_drafts"),
    ]

    operations = [
        migrations.RunPython(migrations.RunPython.noop, leave),
    ]

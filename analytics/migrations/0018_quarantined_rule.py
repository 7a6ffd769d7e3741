from django.db import migrations

KIND = "quarantined"


def create(apps, schema_editor):
    """Ten rows of a feed are worth a look; the N can be changed in the admin."""
    rules = apps.get_model("analytics", "AlertRule").objects.using(schema_editor.connection.alias)
    rules.get_or_create(kind=KIND, defaults={"threshold": 10, "recovery": 1, "audience": "managers"})


def remove(apps, schema_editor):
    """The rule, and its alerts with it."""
    database = schema_editor.connection.alias
    apps.get_model("analytics", "Alert").objects.using(database).filter(rule__kind=KIND).delete()
    apps.get_model("analytics", "AlertRule").objects.using(database).filter(kind=KIND).delete()


class Migration(migrations.Migration):

    dependencies = [
        ("analytics", "0017_quarantined"),
    ]

    operations = [
        migrations.RunPython(create, remove),
    ]

from django.db import migrations, models

KIND = "webhook"


def create(apps, schema_editor):
    """A webhook that is off because of its receiver is told to managers."""
    rules = apps.get_model("analytics", "AlertRule").objects.using(schema_editor.connection.alias)
    rules.get_or_create(kind=KIND, defaults={"recovery": 1, "audience": "managers", "severity": 2})


def remove(apps, schema_editor):
    """The rule, and its alerts with it."""
    database = schema_editor.connection.alias
    apps.get_model("analytics", "Alert").objects.using(database).filter(rule__kind=KIND).delete()
    apps.get_model("analytics", "AlertRule").objects.using(database).filter(kind=KIND).delete()


class Migration(migrations.Migration):

    dependencies = [
        ("analytics", "0048_playbooks"),
    ]

    operations = [
        migrations.AlterField(
            model_name="alertrule",
            name="kind",
            field=models.CharField(choices=[("at_risk", "Became at risk"), ("inactive", "Became inactive"), ("fell", "Score fell by N points in 7 days"), ("blocked", "Blocked for N days"), ("no_first_pr", "No first PR N days after signup"), ("likely_quiet", "Likely to go quiet"), ("feed", "Feed late or refused"), ("vanished", "N or more customers vanished from the feed"), ("quarantined", "N or more rows of a feed in quarantine"), ("webhook", "Webhook turned off because of its receiver"), ("custom", "Own rule")], max_length=20),
        ),
        migrations.RunPython(create, remove),
    ]

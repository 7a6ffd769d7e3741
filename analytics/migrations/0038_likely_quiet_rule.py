from django.db import migrations, models

KIND = "likely_quiet"


def create(apps, schema_editor):
    """Off: a forecast is told to people once somebody has looked at how often it is right."""
    rules = apps.get_model("analytics", "AlertRule").objects.using(schema_editor.connection.alias)
    rules.get_or_create(kind=KIND, defaults={"active": False})


def remove(apps, schema_editor):
    """The rule, and its alerts with it."""
    database = schema_editor.connection.alias
    apps.get_model("analytics", "Alert").objects.using(database).filter(rule__kind=KIND).delete()
    apps.get_model("analytics", "AlertRule").objects.using(database).filter(kind=KIND).delete()


class Migration(migrations.Migration):

    dependencies = [
        ("analytics", "0037_forecasts"),
    ]

    operations = [
        migrations.AlterField(
            model_name='alertrule',
            name='kind',
            field=models.CharField(choices=[('at_risk', 'Became at risk'), ('inactive', 'Became inactive'), ('fell', 'Score fell by N points in 7 days'), ('blocked', 'Blocked for N days'), ('no_first_pr', 'No first PR N days after signup'), ('likely_quiet', 'Likely to go quiet'), ('feed', 'Feed late or refused'), ('vanished', 'N or more customers vanished from the feed'), ('quarantined', 'N or more rows of a feed in quarantine'), ('custom', 'Own rule')], max_length=20),
        ),
        migrations.RunPython(create, remove),
    ]

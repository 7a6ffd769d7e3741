from django.db import migrations, models

CRITICAL, INFO = 1, 3
SEVERITIES = {"at_risk": CRITICAL, "feed": CRITICAL, "no_first_pr": INFO}
"""What differs from the default, a warning: a customer about to leave, and data that everything else rests on."""


def set_severities(apps, schema_editor):
    rules = apps.get_model("analytics", "AlertRule").objects.using(schema_editor.connection.alias)
    for kind, severity in SEVERITIES.items():
        rules.filter(kind=kind).update(severity=severity)


class Migration(migrations.Migration):

    dependencies = [
        ("analytics", "0018_quarantined_rule"),
    ]

    operations = [
        migrations.AddField(
            model_name="alertrule",
            name="severity",
            field=models.PositiveSmallIntegerField(choices=[(1, "Critical"), (2, "Warning"), (3, "Info")], default=2, help_text="Critical alerts come first on the page and in the digest. A change applies to past alerts, too."),
        ),
        migrations.RunPython(set_severities, migrations.RunPython.noop),
    ]

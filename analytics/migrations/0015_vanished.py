import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("analytics", "0014_last_run_and_put_right"),
        ("customers", "0019_key_changes"),
    ]

    operations = [
        migrations.AddField(
            model_name="alert",
            name="run",
            field=models.ForeignKey(
                blank=True,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="customers.importrun",
            ),
        ),
        migrations.AlterField(
            model_name="alertrule",
            name="kind",
            field=models.CharField(
                choices=[
                    ("at_risk", "Became at risk"),
                    ("inactive", "Became inactive"),
                    ("fell", "Score fell by N points in 7 days"),
                    ("blocked", "Blocked for N days"),
                    ("no_first_pr", "No first PR N days after signup"),
                    ("feed", "Feed late or refused"),
                    ("vanished", "N or more customers vanished from the feed"),
                ],
                max_length=20,
                unique=True,
            ),
        ),
        migrations.AlterField(
            model_name="alertrule",
            name="threshold",
            field=models.PositiveSmallIntegerField(
                blank=True,
                help_text="The N of a rule that names one: points, days or customers.",
                null=True,
                verbose_name="N",
            ),
        ),
    ]

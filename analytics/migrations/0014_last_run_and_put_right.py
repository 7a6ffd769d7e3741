from django.db import migrations, models


def note_last_runs(apps, schema_editor):
    """For dates scored before, the newest run that had ended when they were scored."""
    PortfolioDay = apps.get_model("analytics", "PortfolioDay")
    runs = apps.get_model("customers", "ImportRun").objects.exclude(finished_at=None)
    for day in PortfolioDay.objects.all():
        ended = runs.filter(finished_at__lte=day.scored_at).order_by("-pk").values_list("pk", flat=True).first()
        PortfolioDay.objects.filter(pk=day.pk).update(last_run=ended or 0)


class Migration(migrations.Migration):

    dependencies = [
        ('analytics', '0013_night_warned'),
        ('customers', '0016_missing_counts'),
    ]

    operations = [
        migrations.AddField(
            model_name='night',
            name='put_right_at',
            field=models.DateTimeField(null=True, verbose_name='put right'),
        ),
        migrations.AddField(
            model_name='portfolioday',
            name='last_run',
            field=models.BigIntegerField(default=0, editable=False, verbose_name='newest run by then'),
        ),
        migrations.RunPython(note_last_runs, migrations.RunPython.noop),
    ]

from django.db import migrations, models


def count_erased(apps, schema_editor):
    """What a date lacks of its total was erased; where an import was undone, nobody knows."""
    snapshots = apps.get_model("analytics", "Snapshot").objects.order_by()
    for day in apps.get_model("analytics", "PortfolioDay").objects.filter(stale=False):
        gone = day.total - snapshots.filter(date=day.date).count()
        if gone > 0:
            day.erased = gone
            day.save(update_fields=["erased"])


class Migration(migrations.Migration):
    dependencies = [
        ("analytics", "0011_known_days_of_scored_dates"),
    ]

    operations = [
        migrations.AddField(
            model_name="portfolioday",
            name="erased",
            field=models.PositiveIntegerField(default=0, help_text="Customers among them who were erased since."),
        ),
        migrations.RunPython(count_erased, migrations.RunPython.noop),
    ]

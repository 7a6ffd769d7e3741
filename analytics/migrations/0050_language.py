from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("analytics", "0049_webhook_rule"),
    ]

    operations = [
        migrations.AddField(
            model_name="preferences",
            name="language",
            field=models.CharField(blank=True, max_length=10),
        ),
    ]

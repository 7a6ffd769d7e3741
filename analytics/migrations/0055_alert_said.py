from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('analytics', '0054_template_language'),
    ]

    operations = [
        migrations.AddField(
            model_name='alert',
            name='said',
            field=models.JSONField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name='alert',
            name='ending_said',
            field=models.JSONField(blank=True, editable=False, null=True),
        ),
    ]

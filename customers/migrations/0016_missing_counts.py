from django.db import migrations, models


def copy_hashes(apps, schema_editor):
    """What a plain file says is the file itself; of one that was packed only the archive could tell."""
    runs = apps.get_model("customers", "ImportRun").objects.using(schema_editor.connection.alias)
    runs.exclude(file__endswith=".gz").update(content_sha256=models.F("sha256"))


class Migration(migrations.Migration):

    dependencies = [
        ("customers", "0015_form_submissions"),
    ]

    operations = [
        migrations.AddField(
            model_name="importrun",
            name="missing",
            field=models.PositiveIntegerField(default=0, verbose_name="newly missing from the feed"),
        ),
        migrations.AddField(
            model_name="importrun",
            name="returned",
            field=models.PositiveIntegerField(default=0, verbose_name="back in the feed"),
        ),
        migrations.AddField(
            model_name="importrun",
            name="content_sha256",
            field=models.CharField(
                blank=True, editable=False, max_length=64, verbose_name="SHA-256 of the content, unpacked"
            ),
        ),
        migrations.RunPython(copy_hashes, migrations.RunPython.noop),
    ]

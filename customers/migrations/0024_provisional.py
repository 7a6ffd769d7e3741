"""Rows that the product reported and no file has yet: a column of engagement and events, and an index of them alone."""

from typing import Any

from django.db import migrations, models


class AddConstant(migrations.AddField):
    """Adds a column that is the same in all rows; on SQLite, too, without copying a table of millions."""

    def database_forwards(self, app_label: str, editor: Any, from_state: Any, to_state: Any) -> None:
        if editor.connection.vendor != "sqlite":
            super().database_forwards(app_label, editor, from_state, to_state)
            return
        table = to_state.apps.get_model(app_label, self.model_name)._meta.db_table
        editor.execute(f'ALTER TABLE "{table}" ADD COLUMN "{self.name}" bool NOT NULL DEFAULT 0')

    def database_backwards(self, app_label: str, editor: Any, from_state: Any, to_state: Any) -> None:
        if editor.connection.vendor != "sqlite":
            super().database_backwards(app_label, editor, from_state, to_state)
            return
        table = from_state.apps.get_model(app_label, self.model_name)._meta.db_table
        editor.execute(f'ALTER TABLE "{table}" DROP COLUMN "{self.name}"')


def provisional() -> models.BooleanField:
    return models.BooleanField(db_default=False, default=False, editable=False, verbose_name="so far")


class Migration(migrations.Migration):

    dependencies = [
        ("customers", "0023_inbox"),
    ]

    operations = [
        AddConstant(model_name="engagement", name="provisional", field=provisional()),
        AddConstant(model_name="event", name="provisional", field=provisional()),
        migrations.AddIndex(
            model_name="engagement",
            index=models.Index(
                condition=models.Q(("provisional", True)), fields=["customer", "date"], name="engagement_so_far"
            ),
        ),
        migrations.AddIndex(
            model_name="event",
            index=models.Index(
                condition=models.Q(("provisional", True)), fields=["customer", "date"], name="event_so_far"
            ),
        ),
        migrations.AlterField(
            model_name="importrun",
            name="scope",
            field=models.CharField(
                choices=[
                    ("whole", "Whole file"),
                    ("corrections", "Corrected rows"),
                    ("replay", "Replay"),
                    ("partial", "Rows by the API"),
                    ("events", "Events of the product"),
                ],
                default="whole",
                editable=False,
                max_length=20,
            ),
        ),
    ]

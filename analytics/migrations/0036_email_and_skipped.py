from django.db import migrations

# Of the first rules; what somebody has edited is no longer equal and stays.
TEXTS = {
    "Send a follow-up e-mail about PR generation": "Send a follow-up email about PR generation",
    "Send a follow-up e-mail": "Send a follow-up email",
    "Send a re-engagement e-mail": "Send a re-engagement email",
    "Send a check-in e-mail": "Send a check-in email",
}
RESULTS = {"held back": "skipped"}


def rewrite(apps, schema_editor, texts, results):
    """Put other words into rules, the tasks made of them, and the steps of nightly runs."""
    database = schema_editor.connection.alias
    for old, new in texts.items():
        apps.get_model("analytics", "RecommendationRule").objects.using(database).filter(text=old).update(text=new)
        apps.get_model("analytics", "Task").objects.using(database).filter(what=old).exclude(rule=None).update(what=new)
    for night in apps.get_model("analytics", "Night").objects.using(database).order_by("pk").iterator():
        steps = [{**step, "result": results.get(step["result"], step["result"])} for step in night.steps]
        if steps != night.steps:
            night.steps = steps
            night.save(update_fields=["steps"])


def forwards(apps, schema_editor):
    rewrite(apps, schema_editor, TEXTS, RESULTS)


def backwards(apps, schema_editor):
    rewrite(apps, schema_editor, {new: old for old, new in TEXTS.items()}, {new: old for old, new in RESULTS.items()})


class Migration(migrations.Migration):

    dependencies = [
        ("analytics", "0035_names"),
    ]

    operations = [
        migrations.RunPython(forwards, backwards),
    ]

from django.db import migrations

HELLO, GOODBYE = "Hello {organization} team,\n\n", "\n\nBest regards,\n{sender}\n"
LETTERS = [
    # name, subject and text as they came, subject and text as they are now
    (
        "Help with the setup",
        (
            "Let us get RSOLV working in your repositories",
            "we see that your setup has stopped at this point: {blocker}. The usual reason is a permission in GitHub, and "
            "we can settle it in a short call.\n\nWhich time would suit you this week?",
        ),
        (
            "Let's get RSOLV running in your repositories",
            "It looks like your RSOLV setup is stuck on one thing: {blocker}. We'd be happy to work through it with you, "
            "and a short call is often all it takes.\n\nWhat time works for you this week?",
        ),
    ),
    (
        "How can we help",
        (
            "How can we help you get more out of RSOLV?",
            "you have tagged {issues_tagged} issues so far, and {prs_merged} pull requests were merged. We would like to "
            "see you further, and to hear what is in the way.\n\nMay we call you?",
        ),
        (
            "How can we help you get more out of RSOLV?",
            "Thank you for giving RSOLV a try. We'd love to help you get more out of it. What is holding you back?\n\n"
            "If it's easier to talk it through, just reply with a time that suits you and we'll call.",
        ),
    ),
    (
        "We have not heard from you",
        (
            "Is RSOLV still on your list?",
            "we have seen no activity since {last_active}. If other things came first, we are glad to help you start "
            "again; if somebody else looks after RSOLV now, please tell us whom to write to.",
        ),
        (
            "Still interested in RSOLV?",
            "We haven't seen any activity from your team since {last_active}. If other things took priority, we'd be glad "
            "to help you pick it up again whenever it suits you.\n\nIf someone else looks after RSOLV now, please let us "
            "know who the right contact is.",
        ),
    ),
    (
        "Check-in",
        (
            "How is it going with RSOLV?",
            "{prs_merged} of {prs_generated} pull requests were merged so far. How does it go, and what should we improve?",
        ),
        (
            "How is it going with RSOLV?",
            "I wanted to check in and see how things are going. What is working well for you, and what could we do "
            "better?\n\nA line or two is plenty. If there's anything you're stuck on, I'm happy to help.",
        ),
    ),
    (
        "Congratulations",
        (
            "{prs_merged} pull requests merged: congratulations",
            "{prs_merged} of RSOLV's pull requests are merged in your repositories. Congratulations! May we tell others "
            "how you did it?",
        ),
        (
            "Congratulations on your results with RSOLV",
            "Your team is merging RSOLV's pull requests: {prs_merged} so far. Congratulations!\n\nCould we share your "
            "story? Other teams would love to hear how you did it.",
        ),
    ),
]


def rewrite(apps, schema_editor):
    """Letters that nobody has edited become what a native colleague would write."""
    for name, before, after in LETTERS:
        _replace(apps, schema_editor, name, before, after)


def put_back(apps, schema_editor):
    """The letters as they came, where nobody has edited them since."""
    for name, before, after in LETTERS:
        _replace(apps, schema_editor, name, after, before)


def _replace(apps, schema_editor, name, old, new):
    templates = apps.get_model("analytics", "MailTemplate").objects.using(schema_editor.connection.alias)
    for template in templates.filter(name=name, subject=old[0]):
        # A form that was saved for something else has changed the ends of the lines, and taken the last one.
        if template.body.split() == _letter(old[1]).split():
            template.subject, template.body = new[0], _letter(new[1])
            template.save(update_fields=["subject", "body"])


def _letter(text):
    return f"{HELLO}{text}{GOODBYE}"


class Migration(migrations.Migration):

    dependencies = [
        ("analytics", "0032_scheduled_messages"),
    ]

    operations = [
        migrations.RunPython(rewrite, put_back),
    ]

from django.db import migrations

RULES = [
    # urgency, condition, kind, text
    (10, "blocked_on_permissions", "call", "Schedule a technical call"),
    (11, "blocked_on_permissions", "documentation", "Share the documentation on repository permissions"),
    (20, "issues_without_pr", "email", "Send a follow-up e-mail about PR generation"),
    (30, "at_risk", "call", "Schedule a technical call"),
    (31, "at_risk", "email", "Send a follow-up e-mail"),
    (32, "at_risk", "documentation", "Share the documentation"),
    (40, "inactive", "email", "Send a re-engagement e-mail"),
    (41, "inactive", "contact", "Confirm the contact"),
    (50, "needs_attention", "check_in", "Send a check-in e-mail"),
    (51, "needs_attention", "resources", "Offer additional resources"),
    (60, "healthy", "check_in", "Do the regular check-in"),
    (61, "healthy", "features", "Suggest advanced features"),
    (70, "champion", "testimonial", "Ask for a testimonial"),
    (71, "champion", "expansion", "Discuss expansion"),
]
REST_DAYS = {"check_in": 30, "features": 60, "testimonial": 180, "expansion": 90}

ALERTS = [
    # kind, threshold, recovery, audience
    ("at_risk", None, 3, "both"),
    ("inactive", None, 1, "owner"),
    ("fell", 15, 3, "owner"),
    ("blocked", 3, 1, "owner"),
    ("no_first_pr", 14, 1, "owner"),
    ("feed", None, 1, "managers"),
]

SIGNATURE = "\n\nBest regards,\n{sender}\n"
TEMPLATES = [
    (
        "blocker",
        "Help with the setup",
        "Let us get RSOLV working in your repositories",
        "Hello {organization} team,\n\nwe see that your setup has stopped at this point: {blocker}. The usual reason is a "
        "permission in GitHub, and we can settle it in a short call.\n\nWhich time would suit you this week?" + SIGNATURE,
    ),
    (
        "at_risk",
        "How can we help",
        "How can we help you get more out of RSOLV?",
        "Hello {organization} team,\n\nyou have tagged {issues_tagged} issues so far, and {prs_merged} pull requests were "
        "merged. We would like to see you further, and to hear what is in the way.\n\nMay we call you?" + SIGNATURE,
    ),
    (
        "inactive",
        "We have not heard from you",
        "Is RSOLV still on your list?",
        "Hello {organization} team,\n\nwe have seen no activity since {last_active}. If other things came first, we are "
        "glad to help you start again; if somebody else looks after RSOLV now, please tell us whom to write to."
        + SIGNATURE,
    ),
    (
        "check_in",
        "Check-in",
        "How is it going with RSOLV?",
        "Hello {organization} team,\n\n{prs_merged} of {prs_generated} pull requests were merged so far. How does it go, "
        "and what should we improve?" + SIGNATURE,
    ),
    (
        "milestone",
        "Congratulations",
        "{prs_merged} pull requests merged: congratulations",
        "Hello {organization} team,\n\n{prs_merged} of RSOLV's pull requests are merged in your repositories. "
        "Congratulations! May we tell others how you did it?" + SIGNATURE,
    ),
]


def create(apps, schema_editor):
    """The seed's recommendations, and a first set of alerts and templates; all can be changed in the admin."""
    database = schema_editor.connection.alias

    def objects(model):
        return apps.get_model("analytics", model).objects.using(database)

    for urgency, condition, kind, text in RULES:
        objects("RecommendationRule").get_or_create(
            condition=condition,
            text=text,
            defaults={"urgency": urgency, "kind": kind, "rest_days": REST_DAYS.get(kind, 14)},
        )
    for kind, threshold, recovery, audience in ALERTS:
        objects("AlertRule").get_or_create(
            kind=kind, defaults={"threshold": threshold, "recovery": recovery, "audience": audience}
        )
    for situation, name, subject, body in TEMPLATES:
        objects("MailTemplate").get_or_create(
            name=name, defaults={"situation": situation, "subject": subject, "body": body}
        )


class Migration(migrations.Migration):

    dependencies = [
        ("analytics", "0005_acting"),
    ]

    operations = [
        # Going back drops the tables themselves, in the migration before.
        migrations.RunPython(create, migrations.RunPython.noop),
    ]

"""The translations of the email templates that migrations make, and customers who read them, for the demo."""

from django.utils.translation import gettext, gettext_noop, override

from analytics.models import MailTemplate
from customers.models import CustomerCare
from customers.text.say import SOURCE
from rsolv_cs.environment import LANGUAGES

TEXTS = (
    gettext_noop("Help with the setup"),
    gettext_noop("Let's get RSOLV running in your repositories"),
    gettext_noop(
        "Hello {organization} team,\n\nIt looks like your RSOLV setup is stuck on one thing: {blocker}. We'd be happy "
        "to work through it with you, and a short call is often all it takes.\n\nWhat time works for you this week?"
        "\n\nBest regards,\n{sender}\n"
    ),
    gettext_noop("How can we help"),
    gettext_noop("How can we help you get more out of RSOLV?"),
    gettext_noop(
        "Hello {organization} team,\n\nThank you for giving RSOLV a try. We'd love to help you get more out of it. "
        "What is holding you back?\n\nIf it's easier to talk it through, just reply with a time that suits you and "
        "we'll call.\n\nBest regards,\n{sender}\n"
    ),
    gettext_noop("We have not heard from you"),
    gettext_noop("Still interested in RSOLV?"),
    gettext_noop(
        "Hello {organization} team,\n\nWe haven't seen any activity from your team since {last_active}. If other "
        "things took priority, we'd be glad to help you pick it up again whenever it suits you.\n\nIf someone else "
        "looks after RSOLV now, please let us know who the right contact is.\n\nBest regards,\n{sender}\n"
    ),
    gettext_noop("Check-in"),
    gettext_noop("How is it going with RSOLV?"),
    gettext_noop(
        "Hello {organization} team,\n\nI wanted to check in and see how things are going. What is working well for "
        "you, and what could we do better?\n\nA line or two is plenty. If there's anything you're stuck on, I'm happy "
        "to help.\n\nBest regards,\n{sender}\n"
    ),
    gettext_noop("Congratulations"),
    gettext_noop("Congratulations on your results with RSOLV"),
    gettext_noop(
        "Hello {organization} team,\n\nYour team is merging RSOLV's pull requests: {prs_merged} so far. "
        "Congratulations!\n\nCould we share your story? Other teams would love to hear how you did it.\n\n"
        "Best regards,\n{sender}\n"
    ),
    gettext_noop("Welcome"),
    gettext_noop("Welcome to RSOLV"),
    gettext_noop(
        "Hello {organization} team,\n\nWelcome to RSOLV. I look after your account: write to me whenever something is "
        "unclear.\n\nThe first step is to install our GitHub Action in one repository. It takes some ten minutes. "
        "Shall we do it together in a short call?\n\nBest regards,\n{sender}\n"
    ),
    gettext_noop("First steps"),
    gettext_noop("Your next step with RSOLV: {next_step}"),
    gettext_noop(
        "Hello {organization} team,\n\n{steps_done} of the 5 steps of your setup are done. The next one is: "
        "{next_step}.\n\nWhat is in the way, and how can I help?\n\nBest regards,\n{sender}\n"
    ),
    gettext_noop("First merged pull request"),
    gettext_noop("Your first pull request by RSOLV is merged"),
    gettext_noop(
        "Hello {organization} team,\n\nThe first of RSOLV's pull requests is merged in your repositories. "
        "Congratulations, and thank you for trying it!\n\nWhich issues would you like to tag next?\n\n"
        "Best regards,\n{sender}\n"
    ),
)
"""Names, subjects and bodies as migrations made them; a text that has changed since is left untranslated."""
GERMAN_READERS = ("c1005",)


def add_translations() -> None:
    """Translate each template into every other language, and note who reads German."""
    for template in MailTemplate.objects.filter(translation_of=None, language=SOURCE).order_by("pk"):
        for language in LANGUAGES:
            if language != SOURCE:
                _translate(template, language)
    for key in GERMAN_READERS:
        CustomerCare.objects.update_or_create(customer_id=key, defaults={"language": "de"})


def _translate(template: MailTemplate, language: str) -> None:
    with override(language):
        name, subject, body = gettext(template.name), gettext(template.subject), gettext(template.body)
    if body != template.body:
        MailTemplate.objects.create(
            name=f"{name} ({language})",
            situation=template.situation,
            subject=subject,
            body=body,
            language=language,
            translation_of=template,
        )

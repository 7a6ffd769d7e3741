"""What the placeholders of an email stand for, of one customer on a scored date, in the language of the email."""

from django.utils.translation import override

from analytics.models import Snapshot
from analytics.models.placeholders import PLACEHOLDERS
from analytics.wording import one_line
from customers.models import Customer, Step
from customers.text import written
from customers.text.codes import code_in_words

MAX_VALUE_LENGTH = 200


def merge_fields(customer: Customer, snapshot: Snapshot | None, sender: str, language: str) -> dict[str, str]:
    """Return what each placeholder stands for, on one line; '' where nothing is known."""
    with override(language):
        values = dict.fromkeys(PLACEHOLDERS, "") | _values(customer, snapshot, sender)
    return {name: one_line(value, MAX_VALUE_LENGTH) for name, value in values.items()}


def _values(customer: Customer, snapshot: Snapshot | None, sender: str) -> dict[str, str]:
    values = {
        "organization": customer.organization,
        "sender": sender,
        "github_username": customer.github_username,
        "signup_date": written.day(customer.signup_date),
    }
    if snapshot:
        open_steps = [step.label for step in Step if not getattr(snapshot, step.value)]
        rate = snapshot.success_rate
        values |= {
            "blocker": _readable(snapshot.blocker_type) if snapshot.blocked else "",
            "steps_done": str(snapshot.steps_done),
            "next_step": open_steps[0] if open_steps else "",
            "issues_tagged": written.number(snapshot.issues_tagged),
            "prs_generated": written.number(snapshot.prs_generated),
            "prs_merged": written.number(snapshot.prs_merged),
            "success_rate": "" if rate is None else written.percentage(rate),
            "last_active": written.day(snapshot.last_active) if snapshot.last_active else "",
        }
    return values


def _readable(blocker: str) -> str:
    """A blocker within a sentence: ``github_permissions`` is GitHub permissions, ``budget_freeze`` budget freeze."""
    words = code_in_words(blocker)
    return words[:1].lower() + words[1:] if words[1:].islower() else words

"""What the placeholders of a mail stand for, of one customer on a scored date."""

from analytics.models import Snapshot
from analytics.models.placeholders import PLACEHOLDERS
from analytics.wording import one_line
from customers.models import Customer, Step
from customers.text.codes import code_in_words

MAX_VALUE_LENGTH = 200


def merge_fields(customer: Customer, snapshot: Snapshot | None, sender: str) -> dict[str, str]:
    """Return what each placeholder stands for, on one line; '' where nothing is known."""
    values = dict.fromkeys(PLACEHOLDERS, "")
    values |= {
        "organization": customer.organization,
        "sender": sender,
        "github_username": customer.github_username,
        "signup_date": f"{customer.signup_date:%-d %b %Y}",
    }
    if snapshot:
        open_steps = [step.label for step in Step if not getattr(snapshot, step.value)]
        rate = snapshot.success_rate
        values |= {
            "blocker": _readable(snapshot.blocker_type) if snapshot.blocked else "",
            "steps_done": str(snapshot.steps_done),
            "next_step": open_steps[0] if open_steps else "",
            "issues_tagged": f"{snapshot.issues_tagged:,}",
            "prs_generated": f"{snapshot.prs_generated:,}",
            "prs_merged": f"{snapshot.prs_merged:,}",
            "success_rate": "" if rate is None else f"{rate}%",
            "last_active": f"{snapshot.last_active:%-d %b %Y}" if snapshot.last_active else "",
        }
    return {name: one_line(value, MAX_VALUE_LENGTH) for name, value in values.items()}


def _readable(blocker: str) -> str:
    """A blocker within a sentence: ``github_permissions`` is GitHub permissions, ``budget_freeze`` budget freeze."""
    words = code_in_words(blocker)
    return words[:1].lower() + words[1:] if words[1:].islower() else words

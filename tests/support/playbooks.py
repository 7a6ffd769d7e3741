"""Playbooks, and customers on scored dates for whom they start."""

from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

from analytics.models import Forecast, MailTemplate, Message, Playbook, PlaybookRun, PlaybookStep, PlaybookStepRun
from analytics.playbooks.play import Played, play
from customers.models import Customer, CustomerCare
from tests.factories import make_customer, make_day, make_engagement, make_snapshot, make_staff

MONDAY = date(2025, 5, 12)
"""Day 0 of the tests; the newest scored date is the Sunday before it."""
HEALTHY: dict[str, Any] = {"status": "healthy", "score": 75, "last_active": MONDAY - timedelta(days=2)}
AT_RISK: dict[str, Any] = {**HEALTHY, "status": "at_risk", "score": 30}


def make_playbook(*steps: dict[str, Any], **overrides: Any) -> Playbook:
    """A playbook that is on, by default for who becomes at risk, with these steps."""
    playbook = Playbook.objects.create(**{"name": "Rescue", "start": "at_risk", "active": True, **overrides})
    for step in steps:
        PlaybookStep.objects.create(playbook=playbook, **step)
    return playbook


def task(day: int = 0, title: str = "Call them") -> dict[str, Any]:
    """A step that is a task."""
    return {"day": day, "title": title}


def email(day: int = 0, *, automatic: bool = False) -> dict[str, Any]:
    """A step that is an email, whose template lacks no value of anybody."""
    words = {"situation": "at_risk", "subject": "Hello {organization}", "body": "How are you?\n\n{sender}"}
    template, _new = MailTemplate.objects.get_or_create(name="Hello", defaults=words)
    return {"day": day, "does": "email", "template": template, "automatic": automatic}


def score(day: date, **customers: dict[str, Any]) -> None:
    """Score a date that has engagement, with what is known of each customer by its id."""
    make_day(date=day)
    for key, known in customers.items():
        customer = Customer.objects.filter(pk=key).first() or make_customer(id=key, organization=f"Company {key}")
        make_snapshot(customer, date=day, **{**HEALTHY, **known})
        make_engagement(customer, day)


def own(key: str, **overrides: Any) -> Any:
    """Give a customer an owner who can write to it; return them."""
    values = {"username": "sofia", "first_name": "Sofia", "email": "sofia@rsolv.example", **overrides}
    owner = make_staff("Success manager", **values)
    CustomerCare.objects.update_or_create(customer_id=key, defaults={"owner": owner})
    return owner


def look() -> Played:
    """Look at all playbooks."""
    return play()


def run_of(key: str = "c1") -> PlaybookRun:
    """The newest run for a customer."""
    return PlaybookRun.objects.filter(customer=key).latest("pk")


def steps_of(key: str = "c1") -> list[tuple[str, str, str]]:
    """What the steps for a customer became: each with its state and note."""
    found = PlaybookStepRun.objects.filter(run__customer=key).order_by("pk")
    return [(one.what, one.state, one.note) for one in found]


def forecast(key: str, day: date, quiet: int) -> None:
    """Forecast that a customer goes quiet, in thousandths."""
    Forecast.objects.create(customer_id=key, date=day, quiet=quiet)


def emails() -> list[tuple[str, str]]:
    """The emails there are: state and subject."""
    return [(one.state, one.subject) for one in Message.objects.order_by("pk")]


def be_played(customer: Customer, name: str) -> None:
    """A playbook that runs for a customer, with a step that waits, and whose filters search for a name."""
    playbook = make_playbook(task(), query=urlencode({"q": name}))
    run = PlaybookRun.objects.create(playbook=playbook, customer=customer, day=MONDAY, started_on=MONDAY)
    run.steps.create(step=playbook.steps.get(), what="Call them", due=MONDAY, state="waiting")

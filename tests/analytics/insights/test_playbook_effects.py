"""Impact of playbooks: worked out by hand, as that of actions, with the same honesty about few cases."""

from datetime import date, timedelta

import pytest
from django.test import Client

from analytics.insights.effects import effects_by_kind
from analytics.models import Playbook, PlaybookRun
from customers.models import Customer
from tests.factories import make_customer, make_day, make_snapshot
from tests.support.pages import section

pytestmark = pytest.mark.django_db
DONE = date(2025, 5, 1)
D = date(2025, 6, 30)


def scores(name: str, *values: int) -> Customer:
    """A customer at risk with scores on a date, 14 days and 28 days later."""
    customer = make_customer(id=name, organization=f"Company {name}")
    for value, days in zip(values, (0, 14, 28), strict=True):
        make_snapshot(customer, date=DONE + timedelta(days=days), status="at_risk", score=value)
    return customer


def started(customer: Customer, **overrides: object) -> None:
    values = {"day": DONE, "started_on": DONE, "state": "done", **overrides}
    PlaybookRun.objects.create(playbook=Playbook.objects.get(name="Blocked"), customer=customer, **values)


@pytest.fixture
def program() -> None:
    """A playbook that was started for one, passed over another, and did not reach a third."""
    started(scores("case", 40, 60, 70), state="ended")
    started(scores("passed", 40, 45, 50), state="passed")
    scores("other", 42, 43, 44)
    # Started within 28 days, so with whom nobody is compared.
    started(scores("near", 41, 90, 90), day=DONE + timedelta(days=20))
    make_day(date=D)


def test_worked_out_by_hand(program: None) -> None:
    [(kind, [after_14, after_28])] = effects_by_kind(D)
    assert (kind.label, after_14.key) == (
        "Playbook: Blocked",
        f"playbook-{Playbook.objects.get(name='Blocked').pk}-14",
    )
    # The case moved by 20; passed and other by 5 and 1. The run that started later has no score on its day.
    assert (after_14.cases, after_14.controls, after_14.delta, after_14.control_delta) == (1, 2, 20, 3)
    assert (after_14.difference, after_14.no_score) == (17, 1)
    assert (after_28.delta, after_28.control_delta, after_28.difference) == (30, 6, 24)
    assert after_14.verdict == "too few to tell: 1 of 10"


def test_the_page_shows_it_and_its_cases(program: None, viewer: Client) -> None:
    key = f"playbook-{Playbook.objects.get(name='Blocked').pk}-14"
    page = viewer.get(f"/admin/effects/?cases={key}")
    assert "Playbook: Blocked 14 days 1 +20.0 +3.0 2 compared +17.0 too few to tell: 1 of 10" in section(
        page, "effects"
    )
    cases = section(page, "cases")
    assert "Cases: Playbook: Blocked, 14 days" in cases
    assert "Company case Ended early 1 May 2025 40 60 +20.0 +3.0 2 compared +17.0" in cases
    assert 'id="cases"' not in viewer.get("/admin/effects/?cases=playbook-999-14").text


def test_who_was_passed_over_is_no_case(viewer: Client) -> None:
    started(scores("passed", 40, 45, 50), state="passed")
    make_day(date=D)
    assert effects_by_kind(D) == []

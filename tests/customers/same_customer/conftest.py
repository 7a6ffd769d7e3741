"""A pair of keys, and who decides on it."""

from pathlib import Path

import pytest
from django.contrib.auth.models import User

from analytics.models import Contact, Deferral, Task
from customers.models import Customer, CustomerCare, KeyChange, Note
from tests.factories import make_alert, make_message, make_staff
from tests.support.key_changes import load_night
from tests.support.webhook_events import make_event


@pytest.fixture
def sofia() -> User:
    """A success manager."""
    return make_staff("Success manager", username="sofia", first_name="Sofia", email="sofia@rsolv.example")


@pytest.fixture
def pair(drop: Path, sofia: User) -> KeyChange:
    """The first night with all that staff keep of c1; then the second one."""
    load_night(drop, "night1")
    c1 = Customer.objects.get(pk="c1")
    CustomerCare.objects.create(customer=c1, owner=sofia, notes="Prefers calls", do_not_contact=True)
    Note.objects.create(customer=c1, author="Sofia", text="Met them in May")
    Task.objects.create(customer=c1, what="Call", due="2026-12-01", owner=sofia, created_by="sofia")
    make_message(c1, subject="Hello")
    make_alert(c1, text="Blocked")
    Deferral.objects.create(customer=c1, until="2030-01-01", created_by="sofia")
    Contact.objects.create(customer=c1, name="Ann", email="ann@c1.example")
    make_event(c1)
    load_night(drop, "night2")
    return KeyChange.objects.get()

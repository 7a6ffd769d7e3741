"""Who exports the list, and two customers of it."""

from datetime import UTC, date, datetime

import pytest
from django.contrib.auth.models import User
from django.test import Client

from customers.models import CustomerCare
from tests.factories import make_customer, make_day, make_forecast, make_run, make_snapshot, make_staff


@pytest.fixture
def zoe() -> User:
    """A success manager."""
    return make_staff("Success manager", username="zoe", first_name="Zoe", last_name="Quist")


@pytest.fixture
def manager(client: Client, zoe: User) -> Client:
    """Zoe, logged in."""
    client.force_login(zoe)
    return client


@pytest.fixture
def two(zoe: User) -> None:
    """A customer of whom everything is known, and one who has just come."""
    make_day(total=2)
    acme = make_customer(
        id="c1",
        organization="Acme Inc.",
        email="john@acme.example",
        cohort="VIP",
        industry="SaaS",
        team_size=15,
        signup_date=date(2025, 5, 3),
        missing_since=make_run(started_at=datetime(2025, 5, 9, 12, tzinfo=UTC)),
    )
    make_snapshot(
        acme,
        status="at_risk",
        score=45,
        trend="declining",
        steps_done=4,
        stage="initial_adoption",
        last_active=date(2025, 5, 7),
        blocker_type="github_permissions",
        days_active=4,
        issues_tagged=1200,
        prs_generated=8,
        prs_merged=5,
        support_requests=2,
        days_to_complete=9,
    )
    make_day(date=date(2025, 5, 3), total=1)
    make_snapshot(acme, date=date(2025, 5, 3), score=55)
    CustomerCare.objects.create(customer=acme, owner=zoe)
    make_forecast(acme, quiet=715)
    make_snapshot(
        make_customer(
            id="c2", organization="Tide & Timber", email="ann@tide.example", signup_date=date(2025, 5, 1), cohort=""
        )
    )

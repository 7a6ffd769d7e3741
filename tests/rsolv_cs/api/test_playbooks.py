"""Playbooks with what they were started for, and milestones: what programs read of them."""

from datetime import date, timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from analytics.models import Playbook, PlaybookRun
from customers.core.roles import Role
from tests.factories import make_customer, make_day, make_snapshot, make_staff
from tests.support.api import get, refused, walk
from tests.support.pages import forget
from tests.support.playbooks import MONDAY, email, make_playbook, task
from tests.support.tokens import make_token, token_client

pytestmark = pytest.mark.django_db

D = date(2025, 5, 10)


@pytest.fixture
def client() -> Client:
    make_day(date=D)
    return token_client(make_token(make_staff(Role.VIEWER, username="vera")))


def started(playbook: Playbook, key: str, **overrides: object) -> PlaybookRun:
    customer = make_customer(id=key, organization=f"Company {key}")
    values = {"day": D, "started_on": MONDAY, "why": "At risk, score 30", **overrides}
    return PlaybookRun.objects.create(playbook=playbook, customer=customer, **values)


def test_a_playbook_and_its_steps(client: Client) -> None:
    playbook = make_playbook(task(3), email(0), query="status=at_risk", end="over", cooldown=30)
    run = started(playbook, "c1")
    run.steps.create(step=playbook.steps.first(), what="Email: Hello", due=MONDAY, state="waiting")
    [told] = [one for one in get(client, "playbooks")["results"] if one["id"] == playbook.pk]
    steps = told.pop("steps")
    assert told == {
        "id": playbook.pk,
        "name": "Rescue",
        "active": True,
        "start": "at_risk",
        "start_words": "Becomes at risk",
        "only_for": "status=at_risk",
        "end": "over",
        "cooldown_days": 30,
        "running": 1,
        "waiting": 1,
        "started": 1,
    }
    assert [(one["day"], one["does"], one["what"], one["automatic"]) for one in steps] == [
        (0, "email", "Email: Hello", False),
        (3, "task", "Call them", False),
    ]


def test_for_whom_it_was_started(client: Client) -> None:
    playbook = make_playbook(task())
    first = started(playbook, "c1")
    step = first.steps.create(step=playbook.steps.get(), what="Call them", due=MONDAY, state="done")
    second = started(playbook, "c2", state="stopped", ended_by="sofia")
    started(playbook, "c3", state="passed")
    told = list(walk(client, f"playbooks/{playbook.pk}/runs", per_page=1))
    assert [(one["id"], one["customer"], one["organization"], one["state"]) for one in told] == [
        (second.pk, "c2", "Company c2", "stopped"),
        (first.pk, "c1", "Company c1", "running"),
    ]
    assert (told[0]["ended_by"], told[1]["why"], told[1]["day"]) == ("sofia", "At risk, score 30", "2025-05-10")
    [became] = told[1]["steps"]
    assert (became["step"], became["what"], became["state"], became["due"]) == (
        step.step_id,
        "Call them",
        "done",
        "2025-05-12",
    )
    address = f"playbooks/{playbook.pk}/runs"
    assert [one["customer"] for one in walk(client, address, state="running")] == ["c1"]
    assert [one["customer"] for one in walk(client, address, customer="c2")] == ["c2"]
    assert list(walk(client, address, as_of=D)) == []
    assert refused(client.get(f"/api/v1/{address}?state=passed")).keys() == {"#/state"}
    assert client.get("/api/v1/playbooks/999999/runs").status_code == 404


def test_nobody_reads_them_who_may_not_see_them(client: Client) -> None:
    stranger = token_client(make_token(make_staff(None, username="nobody")))
    for address in ("playbooks", "milestones"):
        assert stranger.get(f"/api/v1/{address}").status_code == 403


@pytest.fixture
def sofia() -> User:
    """Who owns a customer that has reached two milestones this week, beside one that has reached one."""
    make_day(date=D - timedelta(days=7))
    for key, facts in (("c1", {"first_issue_tagged": True, "onboarded": True}), ("c2", {"prs_merged": 1})):
        customer = make_customer(id=key, organization=f"Company {key}", signup_date=D - timedelta(days=90))
        make_snapshot(customer, date=D - timedelta(days=7))
        make_snapshot(customer, date=D, **facts)
    return make_staff(Role.SUCCESS_MANAGER, username="sofia")


def test_milestones_by_the_filters_of_their_page(client: Client, sofia: User) -> None:
    told = list(walk(client, "milestones", per_page=1))
    assert [(one["customer"], one["milestone"]) for one in told] == [
        ("c1", "first_issue"),
        ("c2", "first_merged"),
        ("c1", "onboarded"),
    ]
    assert told[1] == {
        "milestone": "first_merged",
        "label": "First PR merged",
        "customer": "c2",
        "organization": "Company c2",
        "day": "2025-05-10",
    }
    assert [one["customer"] for one in walk(client, "milestones", kind="onboarded")] == ["c1"]
    assert list(walk(client, "milestones", week="1")) == []
    assert list(walk(client, "milestones", as_of=D - timedelta(days=7))) == []
    assert refused(client.get("/api/v1/milestones?kind=x&week=99")).keys() == {"#/kind", "#/week"}


def test_as_many_queries_however_many_there_are(client: Client, sofia: User) -> None:
    playbook = make_playbook(task())
    for address in ("milestones", "playbooks", f"playbooks/{playbook.pk}/runs"):
        counts = []
        for more in (1, 30):
            for number in range(more):
                run = started(playbook, f"{address[-4:]}{more}-{number}")
                run.steps.create(step=playbook.steps.get(), what="Call them", due=MONDAY, state="done")
                make_snapshot(run.customer, date=D, prs_merged=1)
            forget()
            with CaptureQueriesContext(connection) as asked:
                get(client, address)
            counts.append(len(asked))
        assert counts[0] == counts[1] <= 12, (address, counts)

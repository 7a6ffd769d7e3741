"""``demo``: an empty database gets the demo program and its logins; one with data of its own gets neither."""

import re
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as project
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import Settings

from analytics.models import Alert, Board, MailTemplate, Message, PortfolioDay, Preferences, Report, Snapshot, Task
from customers.clock import program_today
from customers.models import Customer, CustomerCare, Engagement, Event, Feedback, ImportRun, Onboarding, QuarantinedRow
from rsolv_cs.management.commands import demo
from rsolv_cs.operations.demo_feeds import write_feeds
from tests.factories import make_customer, make_staff
from tests.support.commands import Ran, python, run
from tests.support.loading import load

pytestmark = pytest.mark.django_db

LOGINS = [
    "  admin    password rsolv-demo   Administrator",
    "  manager  password rsolv-demo   Program manager",
    "  success  password rsolv-demo   Success manager",
    "  viewer   password rsolv-demo   Viewer",
]
ADDRESS = "RSOLV Customer Success: http://127.0.0.1:8000/"
OWN_DATA = "The database holds data of your own; log in with an account of yours (`manage.py createsuperuser`)."


@pytest.fixture(autouse=True)
def own_machine(settings: Settings) -> None:
    """The demo needs DEBUG; the real password hash takes its time by design."""
    settings.DEBUG = True
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def test_outside_debug_the_passwords_are_random_and_shown_once(settings: Settings) -> None:
    settings.DEBUG = False
    shown = dict(re.findall(r"^  (\w+) +password (\S+)", "\n".join(run("demo").lines), re.MULTILINE))
    assert list(shown) == ["admin", "manager", "success", "viewer"]
    assert len({*shown.values(), "rsolv-demo"}) == 5
    assert all(User.objects.get(username=name).check_password(password) for name, password in shown.items())
    assert run("demo").lines[-1] == OWN_DATA


def stored() -> dict[str, list[dict[str, Any]]]:
    """Everything that the command may write, times included."""
    kept = (Alert, Board, Customer, CustomerCare, ImportRun, Message)
    models = (*kept, PortfolioDay, Preferences, Report, Snapshot, Task, User)
    return {model.__name__: list(model._default_manager.order_by("pk").values()) for model in models}


NOTHING: dict[str, list[dict[str, Any]]] = {
    "Alert": [],
    "Board": [],
    "Customer": [],
    "CustomerCare": [],
    "ImportRun": [],
    "Message": [],
    "PortfolioDay": [],
    "Preferences": [],
    "Report": [],
    "Snapshot": [],
    "Task": [],
    "User": [],
}


def assert_there_is_a_login_for_each_role(client: Client) -> None:
    users = {
        user.username: (user.is_staff, user.is_superuser, [group.name for group in user.groups.all()])
        for user in User.objects.all()
    }
    assert users == {
        "admin": (True, True, ["Administrator"]),
        "manager": (True, False, ["Program manager"]),
        "success": (True, False, ["Success manager"]),
        "viewer": (True, False, ["Viewer"]),
    }
    for name in users:
        client.logout()
        answer = client.post(
            reverse("admin:login"), {"username": name, "password": "rsolv-demo", "next": reverse("admin:index")}
        )
        assert (answer.status_code, answer.url) == (302, reverse("admin:index")), name


def test_an_empty_database_gets_the_program_and_a_login_for_each_role_once(client: Client) -> None:
    assert run("demo") == Ran(0, "\n".join(["Loaded the demo program and scored 62 days.", ADDRESS, *LOGINS, ""]), "")

    assert Customer.objects.count() == 12
    days = list(PortfolioDay.objects.order_by("date").values_list("date", flat=True))
    yesterday = program_today() - timedelta(days=1)
    assert (len(days), days[0], days[-1]) == (62, yesterday - timedelta(days=61), yesterday)
    last = PortfolioDay.objects.get(date=yesterday)
    assert (last.total, last.active_today, last.at_risk, last.champion, last.onboarded) == (12, 8, 2, 3, 6)
    acme = Snapshot.objects.get(date=yesterday, customer="c1001")
    assert (acme.score, acme.status, acme.trend, acme.days_since_active) == (45, "at_risk", "declining", 3)

    assert Task.objects.open().count() == 4
    assert Task.objects.get(customer="c1001").reason == "Blocked: GitHub permissions"
    assert sorted(Message.objects.values_list("customer", "state")) == [("c1003", "sent"), ("c1012", "failed")]
    assert list(Alert.objects.exclude(acknowledged_at=None).values_list("customer", flat=True)) == ["c1001"]
    assert dict(Report.objects.values_list("name", "shared")) == {
        "Who needs us this week": True,
        "All customers by score": True,
        "My customers, last month": False,
    }

    assert_there_is_a_login_for_each_role(client)
    in_care = CustomerCare.objects.exclude(owner=None).order_by("pk").values_list("customer", "owner__username")
    assert list(in_care) == [(pk, "success") for pk in ("c1001", "c1002", "c1003", "c1009")]

    before = stored()
    assert run("demo") == Ran(0, "\n".join([ADDRESS, *LOGINS, ""]), "")
    assert stored() == before


@pytest.mark.parametrize("name", ["admin", "manager", "success", "viewer"])
def test_everybody_finds_a_pinned_report_and_a_board_of_four_tiles(client: Client, name: str) -> None:
    """Of the demo's 12 customers 2 are at risk and 1 needs attention."""
    run("demo")
    client.force_login(User.objects.get(username=name))
    urgent = Report.objects.get(name="Who needs us this week")
    assert f'id="tab-{urgent.pk}"' in client.get(reverse("admin:index"), follow=True).text
    assert "Weekly meeting" in client.get(reverse("analytics:boards")).text
    tiles = client.get(reverse("analytics:board", args=[Board.objects.get().pk])).context["tiles"]
    assert [(tile.tile.kind, tile.figures.count) for tile in tiles] == [
        *(("count", 3), ("trend", 12), ("chart", 12), ("table", 3)),
    ]


def test_every_date_of_the_demo_moves_by_the_same_days() -> None:
    """Ten days before the newest engagement of 10 May 2025 stays ten days before yesterday."""
    run("demo")
    yesterday = program_today() - timedelta(days=1)

    def ago(day: date | None) -> int | None:
        return day and (yesterday - day).days

    assert ago(Engagement.objects.latest("date").date) == 0
    assert ago(Customer.objects.get(pk="c1001").signup_date) == 7  # 3 May
    assert ago(Onboarding.objects.get(pk="o1003").completed_date) == 58  # 13 March
    assert Onboarding.objects.get(pk="o1001").completed_date is None
    assert ago(Engagement.objects.get(pk="e10001").date) == 59  # 12 March
    assert ago(Feedback.objects.get(pk="f102").date) == 36  # 4 April
    assert ago(Event.objects.get(pk="v1003").date) == 60  # 11 March
    assert not QuarantinedRow.objects.exists()

    tasks = {task.customer_id: ago(task.closed_on) for task in Task.objects.exclude(closed_on=None)}
    assert tasks == {"c1003": 43, "c1004": 36, "c1005": 15, "c1006": 31, "c1007": 32, "c1010": 29, "c1011": 0}
    assert {mail.customer_id: ago(mail.created_at.date()) for mail in Message.objects.all()} == {
        "c1003": 10,
        "c1012": 1,
    }


def test_the_first_page_does_not_call_the_demo_old(client: Client) -> None:
    run("demo")
    client.force_login(User.objects.get(username="manager"))
    page = client.get(reverse("admin:index"))
    assert page.status_code == 200
    assert "days old" not in page.text


def test_the_files_stay_in_a_folder_and_change_nothing_when_loaded_again(tmp_path: Path) -> None:
    run("demo", "--feeds", str(tmp_path / "feeds"))
    assert sorted(path.name for path in (tmp_path / "feeds").iterdir()) == [
        *("customers.csv", "engagement.csv", "events.csv", "feedback.csv", "onboarding.csv")
    ]
    outcomes = load(tmp_path / "feeds")
    assert {name: (one.unchanged, one.created + one.updated + one.quarantined) for name, one in outcomes.items()} == {
        "customers": (12, 0),
        "onboarding": (12, 0),
        "engagement": (330, 0),
        "feedback": (13, 0),
        "events": (51, 0),
    }


def test_moved_there_and_back_the_files_are_the_same(tmp_path: Path) -> None:
    source = project.BASE_DIR / "fixtures"
    write_feeds(source, tmp_path / "there", date(2028, 2, 29))
    moved = (tmp_path / "there" / "customers.csv").read_text(encoding="utf-8").splitlines()[1]
    # From 10 May 2025 to 29 February 2028 it is 1,025 days, and from 3 May 2025 to 22 February 2028 as well.
    assert moved == "c1001,john@acme.com,Acme Inc.,acme-dev,2028-02-22,VIP,SaaS,15,active"
    notes = (tmp_path / "there" / "onboarding.csv").read_text(encoding="utf-8")
    # 14 May, 17 April and the middle of July, 1,025 days later.
    for said in ("decision expected on 4 March.", "No answer since 6 February.", "Ask again in May."):
        assert said in notes
    write_feeds(tmp_path / "there", tmp_path / "back", date(2025, 5, 10))
    for path in source.glob("*.csv"):
        assert (tmp_path / "back" / path.name).read_bytes() == path.read_bytes(), path.name
        assert (tmp_path / "there" / path.name).read_bytes() != path.read_bytes(), path.name


def test_the_address_of_the_server_is_printed() -> None:
    make_customer()
    assert (
        run("demo", "--address", "http://127.0.0.1:8001/").lines[0] == "RSOLV Customer Success: http://127.0.0.1:8001/"
    )


@pytest.mark.parametrize(
    "make",
    [make_customer, make_staff, lambda: make_staff(username="viewer", email="viewer@rsolv.example")],
    ids=["a customer", "a user", "a viewer with a password of their own"],
)
def test_a_database_with_data_of_its_own_stays_as_it_is_and_no_login_is_printed(make: Callable[[], object]) -> None:
    make()
    before = stored()
    assert run("demo") == Ran(0, f"{ADDRESS}\n{OWN_DATA}\n", "")
    assert stored() == before


def test_a_failure_on_the_way_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    score_day = demo.score_day

    def fail_on_the_way(day: date) -> PortfolioDay:
        if day == program_today() - timedelta(days=52):
            raise RuntimeError("out of luck")
        return score_day(day)

    monkeypatch.setattr(demo, "score_day", fail_on_the_way)
    with pytest.raises(RuntimeError, match="out of luck"):
        run("demo")
    assert stored() == NOTHING


def test_logins_that_cannot_be_made_leave_nothing(settings: Settings) -> None:
    Group.objects.get(name="Viewer").delete()
    with pytest.raises(Group.DoesNotExist):
        run("demo")
    assert stored() == NOTHING


def test_fixtures_that_are_gone_are_a_failure_that_leaves_nothing(settings: Settings, tmp_path: Path) -> None:
    settings.BASE_DIR = tmp_path
    (tmp_path / "fixtures").mkdir()
    done = run("demo")
    assert (done.code, done.out) == (1, "")
    assert done.err == (
        "customers.csv: customers.csv is missing; onboarding.csv: onboarding.csv is missing; "
        "engagement.csv: engagement.csv is missing\n"
    )
    assert stored() == NOTHING


def test_the_fixtures_import_without_a_blemish() -> None:
    outcomes = load(project.BASE_DIR / "fixtures")
    assert {name: outcome.created for name, outcome in outcomes.items()} == {
        "customers": 12,
        "onboarding": 12,
        "engagement": 330,
        "feedback": 13,
        "events": 51,
    }
    assert [(outcome.quarantined, outcome.warnings) for outcome in outcomes.values()] == [(0, [])] * 5


def test_it_runs_after_migrate_in_a_process_of_its_own(own_database: str) -> None:
    def manage(*arguments: str) -> Ran:
        return python("manage.py", *arguments, DEBUG=1, DATABASE_URL=own_database)

    assert manage("migrate", "--verbosity", "0") == Ran(0, "", "")
    done = manage("demo")
    assert (done.code, done.err) == (0, "")
    assert done.lines == ["Loaded the demo program and scored 62 days.", ADDRESS, *LOGINS]


def test_each_template_has_a_german_translation_and_a_customer_who_is_written_to_in_german(client: Client) -> None:
    run("demo")
    german = MailTemplate.objects.filter(language="de").order_by("pk")
    assert [one.translation_of_id for one in german] == list(
        MailTemplate.objects.filter(language="en").order_by("pk").values_list("pk", flat=True)
    )
    for one in german:
        one.full_clean()
    assert [one.name for one in german][3:6] == ["Check-in (de)", "Glückwunsch (de)", "Willkommen (de)"]

    client.force_login(User.objects.get(username="success"))
    page = client.get(reverse("analytics:contact", args=["c1005"])).text
    assert "Liebes Team von {organization},\n\nIhr Team mergt" in page
    assert "Hello {organization}" not in page

"""``manage.py demo``: give an empty database the demo program, and say where to log in."""

import secrets
import tempfile
from argparse import ArgumentParser
from datetime import date, timedelta
from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.core.management.base import CommandError
from django.db import transaction
from django.db.models import Min
from django.utils.translation import gettext, gettext_lazy

from analytics.alerts.evaluate import evaluate
from analytics.forecast.forecasting import Forecaster
from analytics.forecast.load import load_program
from analytics.forecast.publish import publish_accuracy
from analytics.forecast.store import compare_outcomes, store_day
from analytics.models import PortfolioDay
from analytics.scoring.snapshots import score_day
from customers.clock import program_today
from customers.core.roles import Role
from customers.imports.folder import import_folder
from customers.imports.interface import Options
from customers.jobs.commands import AuditedCommand
from customers.jobs.lock import LockHeld
from customers.models import Customer, CustomerCare, data_date
from customers.text.say import english, in_english, say, say_n
from rsolv_cs.operations.demo_feeds import write_feeds
from rsolv_cs.operations.demo_letters import add_translations
from rsolv_cs.operations.demo_work import add_draft, add_history, add_work
from rsolv_cs.operations.large_program import add_customers

PASSWORD = "rsolv-demo"  # noqa: S105 - known to everybody; only an empty database under DEBUG gets it
LOGINS = {
    "admin": (Role.ADMINISTRATOR, english("Ada"), english("Minkowski")),
    "manager": (Role.PROGRAM_MANAGER, english("Paula"), english("Mendes")),
    "success": (Role.SUCCESS_MANAGER, english("Sofia"), english("Marchetti")),
    "viewer": (Role.VIEWER, english("Victor"), english("Ewing")),
}
IN_CARE_OF_SUCCESS = ("c1001", "c1002", "c1003", "c1009")


class Command(AuditedCommand):
    """Loads ``fixtures/``, moved to end yesterday, by the ordinary import; scores each day; adds logins and work."""

    about = gettext_lazy(
        "Give an empty database the demo program with a login for each role; a database with data stays as it is. "
        "The newest data are of yesterday. "
        "Outside DEBUG the passwords are random and shown once. "
        "Says where to log in. Exit code: 0 done or nothing to do, 1 it could not be loaded."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        address = f"{settings.SITE_URL or 'http://127.0.0.1:8000'}/"
        parser.add_argument("--address", default=address, help=gettext("where the server will be (only printed)"))
        parser.add_argument(
            "--size",
            choices=("small", "large"),
            default="small",
            help=gettext("small: the twelve customers of fixtures/; large: some 150 over 14 months, in two minutes"),
        )
        parser.add_argument(
            "--feeds", type=Path, metavar="FOLDER", help=gettext("keep the files that are loaded in this folder")
        )

    def handle(self, *, address: str, size: str, feeds: Path | None, **options: object) -> None:
        """Load where nothing is, and print the logins."""
        logins: dict[str, str] = {}
        with in_english(), transaction.atomic():  # What is loaded is stored.
            days = 0
            if not Customer.objects.exists() and not User.objects.exists():
                with tempfile.TemporaryDirectory() as folder:
                    days = _load(feeds or Path(folder), is_large=size == "large")
                logins = _add_logins()
                add_translations()
                day = evaluate().day
                if day:
                    add_work(day)
                    if size == "large":
                        add_history(day)
                        add_draft()
                    _forecast(day)
        if days:
            self.stdout.write(
                say_n(
                    "Loaded the demo program and scored {number} day.",
                    "Loaded the demo program and scored {number} days.",
                    days,
                )
            )
        self.stdout.write(english(f"RSOLV Customer Success: {address}"))
        logins = logins or _known_logins()
        if not logins:
            self.stdout.write(
                gettext(
                    "The database holds data of your own; log in with an account of yours "
                    "(`manage.py createsuperuser`)."
                )
            )
        for name, password in logins.items():
            role, login = str(LOGINS[name][0]), f"{name:<8}"
            self.stdout.write(say("  {login} password {password}   {role}", login=login, password=password, role=role))


def _load(folder: Path, *, is_large: bool) -> int:
    yesterday = program_today() - timedelta(days=1)
    write_feeds(settings.BASE_DIR / "fixtures", folder, yesterday)
    if is_large:
        add_customers(folder, yesterday)
    try:
        outcomes = import_folder(folder, None, Options(started_by="demo"))
    except LockHeld:
        raise CommandError(gettext("An import is running; the demo program was not loaded.")) from None
    refused = [f"{outcome.file}: {outcome.reason}" for outcome in outcomes if not outcome.loaded]
    if refused:
        raise CommandError("; ".join(refused))
    first, last = Customer.objects.aggregate(first=Min("signup_date"))["first"], data_date()
    days: int = (last - first).days + 1
    for number in range(days):
        score_day(first + timedelta(days=number))
    return days


def _forecast(last: date) -> None:
    """Forecast every scored date with what was known on it, and publish how often that was right."""
    program = load_program(last)
    forecaster = Forecaster(program, keep=True)
    for day in PortfolioDay.objects.order_by("date").values_list("date", flat=True):
        store_day(forecaster, day, last)
    compare_outcomes(program, last)
    publish_accuracy(program, last)


def _add_logins() -> dict[str, str]:
    """A login for each role; outside DEBUG with passwords that nobody knows but who reads them now."""
    passwords = {name: PASSWORD if settings.DEBUG else secrets.token_urlsafe(12) for name in LOGINS}
    for name, (role, first, last) in LOGINS.items():
        user = User.objects.create_user(
            name,
            f"{name}@rsolv.example",
            passwords[name],
            first_name=first,
            last_name=last,
            is_staff=True,
            is_superuser=role == Role.ADMINISTRATOR,
        )
        user.groups.add(Group.objects.get(name=role))
    owner = User.objects.get(username="success")
    CustomerCare.objects.bulk_create(CustomerCare(customer_id=pk, owner=owner) for pk in IN_CARE_OF_SUCCESS)
    return passwords


def _known_logins() -> dict[str, str]:
    """The logins that still are as the demo of an earlier day made them."""
    users = {user.username: user for user in User.objects.filter(email__endswith="@rsolv.example")}
    return {name: PASSWORD for name in LOGINS if name in users and users[name].check_password(PASSWORD)}

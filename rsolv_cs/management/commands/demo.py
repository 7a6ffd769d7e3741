"""``manage.py demo``: give an empty database the demo program, and say where to log in."""

from argparse import ArgumentParser
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.db.models import Min

from analytics.snapshots import score_day
from customers.load import Options, import_folder
from customers.lock import Busy
from customers.models import Customer, CustomerCare, data_date
from rsolv_cs import roles

PASSWORD = "rsolv-demo"  # noqa: S105 - printed for everybody to read; only an empty database gets it
LOGINS = {
    "admin": (roles.ADMINISTRATOR, "Ada", "Minkowski"),
    "manager": (roles.PROGRAM_MANAGER, "Paula", "Mendes"),
    "success": (roles.SUCCESS_MANAGER, "Sofia", "Marchetti"),
    "viewer": (roles.VIEWER, "Victor", "Ewing"),
}
IN_CARE_OF_SUCCESS = ("c1001", "c1002", "c1003", "c1009")


class Command(BaseCommand):
    """Loads ``fixtures/`` by the ordinary import, scores each day of its history, and adds a login for each role."""

    help = (
        "Give an empty database the demo program with a login for each role; a database with data stays as it is. "
        "With DEBUG=1 only. "
        "Says where to log in. Exit code: 0 done or nothing to do, 1 it could not be loaded."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument(
            "--address", default="http://127.0.0.1:8000/", help="where the server will be (only printed)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Load where nothing is, and print the logins."""
        if not settings.DEBUG:
            raise CommandError(
                "The demo has an administrator whose password everybody knows; it runs with DEBUG=1 only. "
                "For an account of your own run `manage.py createsuperuser`."
            )
        with transaction.atomic():
            days = 0
            if not Customer.objects.exists() and not User.objects.exists():
                days = _load(settings.BASE_DIR / "fixtures")
                _add_logins()
        if days:
            self.stdout.write(f"Loaded the demo program and scored {days} days.")
        self.stdout.write(f"RSOLV Customer Success: {options['address']}")
        logins = _demo_logins()
        if not logins:
            self.stdout.write(
                "The database holds data of your own; log in with an account of yours (`manage.py createsuperuser`)."
            )
        for name in logins:
            self.stdout.write(f"  {name:<8} password {PASSWORD}   {LOGINS[name][0]}")


def _load(folder: Path) -> int:
    try:
        outcomes = import_folder(folder, None, Options(started_by="demo"))
    except Busy:
        raise CommandError("An import is running; the demo program was not loaded.") from None
    refused = [f"{outcome.file}: {outcome.reason}" for outcome in outcomes if not outcome.loaded]
    if refused:
        raise CommandError("; ".join(refused))
    first, last = Customer.objects.aggregate(first=Min("signup_date"))["first"], data_date()
    days = (last - first).days + 1
    for number in range(days):
        score_day(first + timedelta(days=number))
    return days


def _add_logins() -> None:
    for name, (role, first, last) in LOGINS.items():
        user = User.objects.create_user(
            name,
            f"{name}@rsolv.example",
            PASSWORD,
            first_name=first,
            last_name=last,
            is_staff=True,
            is_superuser=role == roles.ADMINISTRATOR,
        )
        user.groups.add(Group.objects.get(name=role))
    owner = User.objects.get(username="success")
    CustomerCare.objects.bulk_create(CustomerCare(customer_id=pk, owner=owner) for pk in IN_CARE_OF_SUCCESS)


def _demo_logins() -> list[str]:
    """The logins that still are as the demo made them."""
    users = {user.username: user for user in User.objects.filter(email__endswith="@rsolv.example")}
    return [name for name in LOGINS if name in users and users[name].check_password(PASSWORD)]

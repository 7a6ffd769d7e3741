"""Behind a pooler of transactions: each transaction may get another session of PostgreSQL."""

import json
import sys
from datetime import date
from subprocess import run
from typing import Any

import pytest
from django.conf import settings
from django.urls import reverse
from pytest_django.fixtures import Settings

from analytics.models import PortfolioDay
from customers.core.sql import is_postgres
from customers.jobs import lock
from customers.jobs.lock import LockHeld, job_lock
from customers.models import Customer, ImportRun
from tests.factories import make_staff
from tests.support.pooled import pooled, surroundings
from tests.support.processes import environment, lock_held, manage

__all__ = ["pooled"]

pytestmark = pytest.mark.django_db(transaction=True)

PAGES = """
import json, sys
from concurrent.futures import ThreadPoolExecutor
import pytest  # Static files need not be collected for tests.
import django
django.setup()
from django.contrib.auth.models import User
from django.test import Client

def ask(_number):
    client = Client(SERVER_NAME="localhost")
    client.force_login(User.objects.get(username="mary"), "rsolv_cs.login.second_factor.Backend")
    return [client.get(page).status_code for page in sys.argv[1:]]

with ThreadPoolExecutor(4) as threads:
    print(json.dumps(list(threads.map(ask, range(12)))))
"""


def done(pooled: str, *command: Any) -> str:
    ended = manage(pooled, *command, **surroundings())
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_a_night_its_pages_and_its_undo(pooled: str) -> None:
    make_staff(username="mary", is_superuser=True)
    done(pooled, "import_csvs", "--dir", settings.BASE_DIR / "fixtures")
    done(pooled, "score", "--from", "2025-05-09", "--to", "2025-05-10")
    customers = Customer.objects.count()
    assert customers
    assert PortfolioDay.objects.filter(date__in=[date(2025, 5, 9), date(2025, 5, 10)]).count() == 2

    dashboard = reverse("analytics:dashboard")
    customer = reverse("analytics:customer", args=[Customer.objects.earliest("pk").pk])
    pages = [dashboard, f"{dashboard}?status=at_risk&q=a", customer]
    asked = run(
        [sys.executable, "-c", PAGES, *pages],
        cwd=settings.BASE_DIR,
        env=environment(pooled, **surroundings(PYTHONWARNINGS="default")),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert asked.returncode == 0, asked.stderr
    assert json.loads(asked.stdout) == [[200, 200, 200]] * 12

    for imported in ImportRun.objects.order_by("-pk"):
        done(pooled, "undo_import", imported.pk)
    assert (customers, Customer.objects.count()) == (customers, 0)


def test_a_lock_is_held_by_one_alone(pooled: str) -> None:
    """Also by one that is behind the pooler against one that is not."""
    with lock_held(pooled, "import", **surroundings()) as process:
        with pytest.raises(LockHeld), job_lock("import"):
            pass
        assert manage(pooled, "expire", **surroundings()).returncode == 75
        process.kill()
        process.wait()
    assert manage(pooled, "expire", **surroundings()).returncode == 0
    with job_lock("import"):
        assert manage(pooled, "expire", **surroundings()).returncode == 75


def test_a_pooled_lock_is_taken_again_where_its_connection_was_lost(settings: Settings) -> None:
    if not is_postgres():
        pytest.skip("SQLite has no pooler")
    settings.DATABASE_POOLER = True
    with job_lock("import") as first:
        assert isinstance(first, lock._TransactionLock)
        with pytest.raises(LockHeld), job_lock("import", shared=True):
            pass
        first._own.close()
        with job_lock("import"), pytest.raises(LockHeld):
            first.renew()
        first.renew()
        with pytest.raises(LockHeld), job_lock("import"):
            pass
    with job_lock("import", shared=True), job_lock("import", shared=True):
        pass

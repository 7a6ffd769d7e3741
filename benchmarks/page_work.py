"""What ``pages.py`` has done by processes of their own, with the project set up: load, score, prepare, count, edit."""

import json
import logging
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

HISTORY_DAYS = 30
LIST, CUSTOMER, PALETTE = "list", "customer", "palette"
PAGES = [
    ("dashboard", "/admin/", LIST),
    ("filtered table", "/admin/?cohort=VIP&status=at_risk&status=needs_attention&sort=-score", LIST),
    ("search", "/admin/?q=customer-99&sort=customer", LIST),
    ("cohorts", "/admin/cohorts/", LIST),
    ("signup months", "/admin/cohorts/?by=month", LIST),
    ("customer page", "/admin/customer/c000007/", CUSTOMER),
    ("palette", "/admin/search/?q=customer-99&part=1", PALETTE),
]


def load(folder: str) -> dict[str, Any]:
    """Import the feeds of a folder."""
    from customers.imports.folder import import_folder
    from customers.imports.interface import Options

    names = ["customers", "onboarding", "engagement"]
    outcomes = import_folder(Path(folder), names, Options(started_by="benchmark"))
    assert [outcome.status for outcome in outcomes] == ["loaded"] * len(names)
    return {}


def load_feed(folder: str, feed: str) -> dict[str, Any]:
    """Import one feed of a folder: what it took."""
    from customers.imports.folder import import_folder
    from customers.imports.interface import Options

    start = time.perf_counter(), time.process_time()
    [outcome] = import_folder(Path(folder), [feed], Options(started_by="benchmark"))
    assert outcome.status == "loaded", outcome
    return _taken(*start)


def _taken(clock: float, processor: float) -> dict[str, Any]:
    """What was taken since: seconds by the clock and of the processor; and the process's peak memory."""
    taken = {"seconds": time.perf_counter() - clock, "processor": time.process_time() - processor}
    # Not getrusage: its maximum counts what the parent held when it forked.
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return {**taken, "peak_mib": int(status["VmHWM"].split()[0]) / 1024}


def score(days_before: str) -> dict[str, Any]:
    """Score a date so many days before the newest one: what it took."""
    from analytics.scoring.snapshots import score_day
    from customers.models import data_date

    newest = data_date()
    day = newest - timedelta(days=int(days_before))
    start = time.perf_counter(), time.process_time()
    # The commands know the newest date, too.
    score_day(day, newest)
    return {**_taken(*start), "day": str(day)}


def score_as_the_seed() -> dict[str, Any]:
    """The same scores by the ORM, a handful of queries for each customer, as the seed had it: seconds."""
    from analytics.models import ScoringPolicy, Snapshot
    from analytics.scoring.score import health
    from benchmarks.seed import measures_of
    from customers.models import Customer, data_date

    day, policy = data_date(), ScoringPolicy.objects.get()
    before = dict(Snapshot.objects.filter(date=day).values_list("customer_id", "score"))
    start = time.perf_counter()
    customers = Customer.objects.filter(signup_date__lte=day)
    scores = {customer.pk: health(measures_of(customer, day), policy, day).score for customer in customers}
    seconds = time.perf_counter() - start
    assert scores == before
    return {"seconds": seconds}


def prepare(history_days: str = f"{HISTORY_DAYS}") -> dict[str, Any]:
    """Give the program a history, and a visitor: what the visitor's browser sends of cookies."""
    from django.apps import apps
    from django.contrib.auth import get_user_model
    from django.db import connection
    from django.test import Client

    from customers.core.months.partitions import make_months
    from customers.core.postgresql.vacuum import vacuum_after
    from customers.models import data_date

    newest = data_date()
    scored = newest - timedelta(days=7)
    for model in apps.get_app_config("analytics").get_models():
        columns = [field.column for field in model._meta.concrete_fields if field.name != "id"]
        if "date" not in columns:
            continue
        names = ", ".join(columns)
        values = ", ".join("%s" if name == "date" else name for name in columns)
        copy = (
            f"INSERT INTO {model._meta.db_table} ({names}) SELECT {values} FROM {model._meta.db_table} WHERE date = %s"
        )
        dates = [newest - timedelta(days=days) for days in range(1, int(history_days)) if days != 7]
        make_months(model._meta.db_table, dates)
        with connection.cursor() as cursor:
            for day in dates:
                cursor.execute(copy, [day, scored])
                # As each night does that scores a date.
                vacuum_after(cursor.rowcount, model._meta.db_table)
            cursor.execute(f"ANALYZE {model._meta.db_table}")
    client = Client(headers={"host": "127.0.0.1"})
    client.force_login(get_user_model().objects.create_superuser("benchmark"))
    client.get("/admin/")
    return {"cookies": "; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items())}


def sessions(number: str) -> dict[str, Any]:
    """Log so many people in: what the browser of each sends of cookies."""
    from django.contrib.auth import get_user_model
    from django.test import Client

    cookies = []
    for one in range(int(number)):
        client = Client(headers={"host": "127.0.0.1"})
        client.force_login(get_user_model().objects.create_superuser(f"benchmark-{one}"))
        cookies.append("; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items()))
    return {"cookies": cookies}


def edit(action: str) -> None:
    """For each line that comes in, what any such action of anybody leaves in the audit; then a line goes out."""
    from django.db import OperationalError

    from customers.audit import trail

    print(flush=True)
    for _line in sys.stdin:
        # An import may hold SQLite's only lock for longer than an edit waits.
        with suppress(OperationalError):
            trail.record(trail.Action(action), "something")
        print(flush=True)


def count_queries(cookies: str) -> dict[str, Any]:
    """How many queries each page takes: when it has been asked for before, and after an edit."""
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    from customers.audit import trail

    client = Client(headers={"host": "127.0.0.1"})
    client.cookies.load(cookies)
    found: dict[str, list[int]] = {name: [] for name, _address, _kind in PAGES}
    for name, address, _kind in PAGES:
        client.get(address)
        for is_after_an_edit in (False, True):
            if is_after_an_edit:
                trail.record(trail.Action.CHANGE, "something")
            with CaptureQueriesContext(connection) as queries:
                assert client.get(address).status_code == 200, address
            found[name].append(len(queries))
    return found


WORK: dict[str, Callable[..., dict[str, Any]]] = {
    work.__name__: work for work in (load, load_feed, score, score_as_the_seed, prepare, sessions, count_queries)
}
EDIT = "edit"


def main(name: str, *arguments: str) -> None:
    """Do one of the above, and print its answer as JSON, or make edits."""
    import django

    django.setup()
    logging.getLogger("rsolv_cs.web.requests").setLevel(logging.WARNING)
    if name == EDIT:
        edit(*arguments)
    else:
        json.dump(WORK[name](*arguments), sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])

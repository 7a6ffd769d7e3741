"""Two visitors who send at the very same moment, on a database of its own: ``python -m tests.support.racing NAME``.

A process of its own, because the tests' SQLite lies in memory and knows one connection only. What is printed is JSON.
"""

import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Barrier, Thread
from typing import Any

import django

django.setup()

from django.db import connection  # noqa: E402
from django.test import Client  # noqa: E402
from django.test.utils import setup_test_environment  # noqa: E402

from analytics.models import Snapshot  # noqa: E402
from customers.core.months.partitions import make_months  # noqa: E402
from customers.core.sql import table_of  # noqa: E402
from customers.imports.folder import import_folder  # noqa: E402
from customers.imports.interface import Options  # noqa: E402
from customers.models import Customer, CustomerCare, Fix, Note, QuarantinedRow  # noqa: E402
from tests.factories import (  # noqa: E402
    csv_row,
    make_customer,
    make_day,
    make_snapshot,
    make_staff,
    write_feeds,
)
from tests.support.forms import as_, form_on  # noqa: E402

ROUNDS = 5


def together(*jobs: Callable[[], Any]) -> list[Any]:
    """What the jobs give, that begin at the same moment; one that fails gives None."""
    start, results = Barrier(len(jobs)), [None] * len(jobs)

    def run(place: int, job: Callable[[], Any]) -> None:
        try:
            start.wait(60)
            results[place] = job()
        finally:
            connection.close()

    threads = [Thread(target=run, args=pair) for pair in enumerate(jobs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    return results


def post(visitor: Client, page: str, sent: Any) -> int:
    return visitor.post(page, sent).status_code


def staff() -> tuple[Client, Client]:
    for name in ("anna", "bea"):
        make_staff(username=name, is_superuser=True)
    return as_("anna"), as_("bea")


def care() -> Any:
    """Two save other notes of one customer."""
    anna, bea = staff()
    ends = []
    for number in range(ROUNDS):
        CustomerCare.objects.create(customer=make_customer(id=f"c{number}"), notes="Before")
        page = f"/admin/customers/customercare/c{number}/change/"
        first, second = form_on(anna.get(page), notes="Anna"), form_on(bea.get(page), notes="Bea")
        codes = together(partial(post, anna, page, first), partial(post, bea, page, second))
        ends.append([codes, CustomerCare.objects.get(pk=f"c{number}").notes])
    return ends


def new_care() -> Any:
    """Two add the first entry of one customer."""
    anna, bea = staff()
    page = "/admin/customers/customercare/add/"
    ends = []
    for number in range(ROUNDS):
        make_customer(id=f"c{number}")
        first, second = ({"customer": f"c{number}", "notes": name, "owner": ""} for name in ("Anna", "Bea"))
        codes = together(partial(post, anna, page, first), partial(post, bea, page, second))
        ends.append([codes, CustomerCare.objects.get(pk=f"c{number}").notes])
    return ends


def note() -> Any:
    """One form of a note is sent twice."""
    anna, _bea = staff()
    day = make_day()
    make_months(table_of(Snapshot), [day.date])
    make_snapshot(make_customer(id="c1"))
    ends = []
    for _number in range(ROUNDS):
        Note.objects.all().delete()
        sent = form_on(anna.get("/admin/customer/c1/"), "text", text="Called him")
        send = partial(post, anna, "/admin/customer/c1/notes/", sent)
        ends.append([together(send, send), Note.objects.count()])
    return ends


def fix() -> Any:
    """Two fix one quarantined row with other addresses."""
    anna, bea = staff()
    ends = []
    for number in range(ROUNDS):
        with TemporaryDirectory() as folder:
            write_feeds(Path(folder), customers=[csv_row("customers", id=f"c{number}", email="wrong")])
            import_folder(Path(folder), None, Options(started_by="test"))
        row = QuarantinedRow.objects.get(status="open")
        page = f"/admin/customers/quarantinedrow/{row.pk}/fix/"
        first = form_on(anna.get(page), email="anna@example.com")
        second = form_on(bea.get(page), email="bea@example.com")
        codes = together(partial(post, anna, page, first), partial(post, bea, page, second))
        row.refresh_from_db()
        loaded = Customer.objects.get(pk=f"c{number}").email
        ends.append([codes, loaded, row.cells[1], Fix.objects.latest("pk").cells[1]])
    return ends


if __name__ == "__main__":
    setup_test_environment()
    sys.stdout.write(json.dumps(globals()[sys.argv[1]]()))

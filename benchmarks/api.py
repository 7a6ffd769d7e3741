"""How long the API takes for a page of customers, on both databases: ``make bench-api``.

Whole requests with a token to gunicorn as ``make run`` starts it, a connection for each; the program is that of
``pages.py``, scored on two dates. A page is asked for as it stays, after an edit by somebody, and page after page;
beside it with a filter, and in the table's own order; and the metrics.
"""

import argparse
import http.client
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.pages import (
    SIZES,
    WARM_UP,
    Installation,
    machine,
    new_database,
    row,
    verdict,
    write_program,
    yardstick_ms,
)

REQUESTS = 60
WORK = "make-token"
CUSTOMERS, METRICS = "/api/v1/customers", "/metrics"
AIMS = {CUSTOMERS: 60, METRICS: 50}
"""Milliseconds: of a page of a hundred of 100,000 customers, and of what Prometheus asks for of as many."""
ASKED = {
    "100 customers": CUSTOMERS,
    "at risk in a cohort": f"{CUSTOMERS}?cohort=VIP&status=at_risk",
    "the worst first": f"{CUSTOMERS}?sort=status",
    "snapshots": "/api/v1/snapshots",
    "metrics": METRICS,
}


def make_token() -> None:
    """Make a token of a superuser, without a limit that a benchmark would reach, and print it."""
    import django

    django.setup()
    from django.contrib.auth.models import User

    from customers.models import ApiToken

    user, _made = User.objects.get_or_create(username="benchmark", is_superuser=True, is_staff=True)
    _token, secret = ApiToken.make(user, "benchmark", ["read", "metrics"], per_minute=1_000_000)
    sys.stdout.write(secret)


def asked(port: int, address: str, token: str) -> tuple[float, dict[str, Any]]:
    """Milliseconds of one whole request, from the connection to the last byte, and what it told."""
    start = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", address, headers={"Authorization": f"Token {token}"})
    response = connection.getresponse()
    body = response.read()
    connection.close()
    milliseconds = 1000 * (time.perf_counter() - start)
    assert response.status == 200, (response.status, address, body[:500])
    return milliseconds, {} if address == METRICS else json.loads(body)


def path_of(address: str) -> str:
    """The path and query of an address that an answer names."""
    return address[address.index("/api/") :]


def prepare(ours: Installation, folder: Path) -> None:
    """Load a program, and score it on two dates."""
    ours.manage("migrate", "--verbosity", "0")
    ours.work("load", str(folder))
    ours.work("score", "7")
    ours.work("score", "0")


def measure(where: str, ours: Installation) -> None:
    """The rows of one program on one database."""
    command = [sys.executable, "-m", "benchmarks.api", WORK]
    token = subprocess.run(command, env=ours.environment, check=True, stdout=subprocess.PIPE, text=True).stdout
    with ours.server() as port, ours.editor() as make_an_edit:
        for name, address in ASKED.items():
            for _number in range(WARM_UP):
                asked(port, address, token)
            figures = [page_by_page(port, address, token)]
            for before in (lambda: None, make_an_edit):
                figures.append(repeated(port, address, token, before))
            middle = max(statistics.median(one) for one in figures)
            aim = AIMS.get(address)
            state = [f"<= {aim} ms", verdict(middle <= aim)] if aim else ["", ""]
            stick = f"{statistics.median(yardstick_ms() for _number in range(WARM_UP)):.1f} ms"
            cells = [f"{statistics.median(one):.0f} / {one[len(one) * 95 // 100]:.0f} ms" for one in figures]
            row(where, name, *cells, stick, *state)


def repeated(port: int, address: str, token: str, before: Callable[[], None]) -> list[float]:
    """Milliseconds of the same page, each time after something else, sorted."""
    times = []
    for _number in range(REQUESTS):
        before()
        times.append(asked(port, address, token)[0])
    return sorted(times)


def page_by_page(port: int, address: str, token: str) -> list[float]:
    """Milliseconds of pages that go on from one another, some of them skipped, sorted."""
    chance, times = random.Random(1), []
    following = address
    while len(times) < REQUESTS:
        milliseconds, told = asked(port, following, token)
        if chance.random() < 0.5:
            times.append(milliseconds)
        following = path_of(told["next"]) if told.get("next") else address
    return sorted(times)


def main() -> None:
    """Measure what was asked for, by default 100,000 customers on both databases."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, choices=SIZES, default=100_000)
    parser.add_argument("--database", choices=["SQLite", "PostgreSQL"], action="append")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="rsolv-bench-") as name:
        folder = Path(name)
        os.environ["ARCHIVE_DIR"] = str(folder / "archive")
        Installation(f"sqlite:///{folder}/none.sqlite3").manage("collectstatic", "--no-input", "--verbosity", "0")
        print(f"{machine()}\n")
        row(
            "database, customers", "what", "page after page", "the same again", "after an edit", "yardstick", "aim", ""
        )
        print("|---|---|---:|---:|---:|---:|---|---|")
        size = SIZES[options.customers]
        files = write_program(folder / "program", size.customers, size.rows)
        for database in options.database or ["SQLite", "PostgreSQL"]:
            with new_database(database, folder) as url:
                ours = Installation(url)
                prepare(ours, files)
                measure(f"{database}, {options.customers:,}", ours)


if __name__ == "__main__":
    make_token() if sys.argv[-1] == WORK else main()

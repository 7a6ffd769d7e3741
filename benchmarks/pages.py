"""How long the pages and the score take, on both databases: ``make bench-pages``.

Whole requests to gunicorn as ``make run`` starts it, with DEBUG off and a session of a real user; a connection for
each request. The pages take turns in several rounds: a page is asked for as it stays while nothing changes, then each
time after an edit by somebody, which is when all that is kept of it is made anew. Between the requests a fixed piece
of work is timed: the yardstick, because the speed of a machine that others share is not the same from one minute to
the next. The program is that of ``program.py``, imported and scored; 28 dates between are copies of scored ones, so
that histories have their length. The score is measured in a process of its own, whose start is left out of the seconds
but not of the peak memory; it is scored five times.
"""

import argparse
import http.client
import json
import os
import platform
import secrets
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks import program
from benchmarks.page_work import CUSTOMER, EDIT, LIST, PAGES, PALETTE
from tests.support.postgres import throwaway_postgres

REQUESTS, ROUNDS, WARM_UP, MAX_QUERIES, MAX_MIB = 200, 8, 20, 15, 400
SCORED_TIMES = 5
RETURNS = 10
"""Requests that are not counted after edits: until each worker has the page again."""
SEED_CUSTOMERS, SEED_ROWS = 1_000, 100_000


@dataclass(frozen=True)
class Size:
    """A program: how large it is, and the aims: a list kept, a list after an edit (ms), the score (s)."""

    customers: int
    rows: int
    list_ms: int
    edit_ms: int
    score_seconds: float


SIZES = {10_000: Size(10_000, 1_000_000, 60, 60, 0.8), 100_000: Size(100_000, 3_000_000, 90, 100, 8)}
CUSTOMER_MS, PALETTE_MS = 50, 50


@dataclass
class Installation:
    """A database, our commands on it, and our server."""

    url: str
    environment: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "rsolv_cs.settings",
            "DATABASE_URL": self.url,
            "DEBUG": "0",
            "SECRET_KEY": secrets.token_urlsafe(50),
        }

    def manage(self, *arguments: str) -> None:
        """One of the management commands."""
        command = [sys.executable, "manage.py", *arguments]
        subprocess.run(command, env=self.environment, check=True, stdout=subprocess.DEVNULL)

    def work(self, name: str, *arguments: str) -> dict[str, Any]:
        """One of ``page_work`` in a process of its own."""
        command = [sys.executable, "-m", "benchmarks.page_work", name, *arguments]
        return json.loads(subprocess.run(command, env=self.environment, check=True, stdout=subprocess.PIPE).stdout)

    @contextmanager
    def editor(self, action: str = "change") -> Iterator[Callable[[], None]]:
        """What makes an edit, or does something else that the audit calls ``action``, by a process of its own."""
        command = [sys.executable, "-m", "benchmarks.page_work", EDIT, action]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "bufsize": 1}
        with subprocess.Popen(command, env=self.environment, **pipes) as process:
            process.stdout.readline()

            def make() -> None:
                process.stdin.write("\n")
                process.stdout.readline()

            yield make
            process.stdin.close()

    @contextmanager
    def server(self, workers: int = 2) -> Iterator[int]:
        """The port of our server, started as ``make serve`` does."""
        with closing(socket.create_server(("127.0.0.1", 0))) as free:
            port = free.getsockname()[1]
        command = [sys.executable, "-m", "gunicorn", "--config", "deploy/gunicorn.conf.py", "rsolv_cs.wsgi"]
        environment = {**self.environment, "PORT": str(port), "WORKERS": str(workers)}
        # A log record for each request is not what a benchmark is read for; it is shown where something fails.
        with tempfile.TemporaryFile() as log:
            process = subprocess.Popen(command, env=environment, stderr=log)
            try:
                for _attempt in range(100):
                    try:
                        socket.create_connection(("127.0.0.1", port)).close()
                        break
                    except ConnectionRefusedError:
                        time.sleep(0.1)
                yield port
            except BaseException:
                log.seek(0)
                sys.stderr.write(log.read().decode(errors="replace"))
                raise
            finally:
                process.terminate()
                process.wait()


def request_ms(port: int, address: str, cookies: str) -> float:
    """Milliseconds of one whole request, from the connection to the last byte."""
    start = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", address, headers={"Cookie": cookies})
    response = connection.getresponse()
    response.read()
    connection.close()
    assert response.status == 200, (response.status, address)
    return 1000 * (time.perf_counter() - start)


def yardstick_ms() -> float:
    """Milliseconds of a piece of work that is always the same, by which to tell a slow page from a slow machine."""
    start = time.perf_counter()
    sum(number * number for number in range(50_000))
    return 1000 * (time.perf_counter() - start)


def write_program(folder: Path, customers: int, rows: int, per_day: int = 10_000) -> Path:
    """The three required feeds in a folder of their own."""
    folder.mkdir()
    program.write(folder, "customers", program.customers(customers))
    program.write(folder, "onboarding", program.onboarding(customers))
    program.write(folder, "engagement", program.engagement(rows, customers, per_day=per_day))
    return folder


def verdict(met: bool) -> str:
    """Whether an aim is reached, in the table's words."""
    return "met" if met else "**missed**"


def row(*cells: object) -> None:
    """A row of a Markdown table."""
    print(f"| {' | '.join(str(cell) for cell in cells)} |", flush=True)


def measure_score(where: str, ours: Installation, size: Size) -> None:
    """The rows of the score: its seconds, and its memory."""
    scored, waits = [], []
    for _time in range(SCORED_TIMES):
        waits += [yardstick_ms() for _number in range(WARM_UP)]
        scored.append(ours.work("score", "0"))
    seconds, stick = statistics.median(one["seconds"] for one in scored), statistics.median(waits)
    most = size.score_seconds
    row(where, "score", f"{seconds:.2f} s", "", "", f"{stick:.1f} ms", "", f"<= {most} s", verdict(seconds <= most))
    peak, aim = max(one["peak_mib"] for one in scored), f"<= {MAX_MIB} MiB"
    row(where, "score, memory", f"{peak:.0f} MiB", "", "", "", "", aim, verdict(peak <= MAX_MIB))


def measure(database: str, url: str, folder: Path, size: Size, requests: int) -> None:
    """The rows of one program on one database."""
    where = f"{database}, {size.customers:,}"
    ours = Installation(url)
    ours.manage("migrate", "--verbosity", "0")
    ours.work("load", str(folder))
    ours.work("score", "7")
    measure_score(where, ours, size)
    cookies = ours.work("prepare")["cookies"]
    queries = ours.work("count_queries", cookies)
    times: dict[str, list[float]] = {name: [] for name, _address, _kind in PAGES}
    firsts: dict[str, list[float]] = {name: [] for name in times}
    sticks: dict[str, list[float]] = {name: [] for name in times}
    with ours.server() as port, ours.editor() as make_an_edit:
        for _name, address, _kind in PAGES:
            for _number in range(WARM_UP):
                request_ms(port, address, cookies)
        for _round in range(ROUNDS):
            for name, address, _kind in PAGES:
                for _number in range(RETURNS):
                    request_ms(port, address, cookies)
                for _number in range(requests // ROUNDS):
                    times[name].append(request_ms(port, address, cookies))
                    sticks[name].append(yardstick_ms())
                for _number in range(requests // ROUNDS):
                    make_an_edit()
                    firsts[name].append(request_ms(port, address, cookies))
    for name, _address, kind in PAGES:
        most = {LIST: size.list_ms, CUSTOMER: CUSTOMER_MS, PALETTE: PALETTE_MS}[kind]
        seen = [sorted(those[name]) for those in (times, firsts, sticks)]
        row(where, name, *page_figures(*seen, queries[name], most, max(most, size.edit_ms)))


def page_figures(
    took: Sequence[float],
    firsts: Sequence[float],
    sticks: Sequence[float],
    queries: Sequence[int],
    most: int,
    first: int,
) -> list[str]:
    """A page's cells, from sorted milliseconds: as it is kept, after an edit, of the yardstick; and the aims."""
    middle, late, edited = statistics.median(took), took[len(took) * 95 // 100], statistics.median(firsts)
    state = verdict(middle <= most and edited <= first) if queries[1] <= MAX_QUERIES else "**too many queries**"
    figures = [f"{ms:.0f} ms" for ms in (middle, late, edited)]
    return [
        *figures,
        f"{statistics.median(sticks):.1f} ms",
        f"{queries[0]}, {queries[1]}",
        f"<= {most} / {first} ms",
        state,
    ]


def compare_with_the_seed(database: str, url: str, folder: Path) -> None:
    """The row that states how many times longer a query for each customer takes."""
    ours = Installation(url)
    ours.manage("migrate", "--verbosity", "0")
    ours.work("load", str(folder))
    ours.work("score", "0")
    seconds = ours.work("score", "0")["seconds"]
    seed = ours.work("score_as_the_seed")["seconds"]
    where = f"{database}, {SEED_CUSTOMERS:,}"
    row(where, "score", f"{seconds:.2f} s", "", "", "", "", "", "")
    row(where, "score, queries for each customer", f"{seed:.2f} s", "", "", "", "", "", f"{seed / seconds:.0f} x")


@contextmanager
def new_database(kind: str, folder: Path) -> Iterator[str]:
    """The URL of an empty database."""
    if kind == "PostgreSQL":
        with throwaway_postgres() as url:
            yield url
    else:
        with tempfile.TemporaryDirectory(dir=folder) as name:
            yield f"sqlite:///{name}/bench.sqlite3"


def machine() -> str:
    """What it ran on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next(
        (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine()
    )
    packages = ", ".join(f"{name} {version(name)}" for name in ("Django", "gunicorn", "psycopg"))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{os.cpu_count()} x {model}, {memory:.0f} GiB; Python {platform.python_version()}, {packages}; "
        f"median and 95th percentile of each page's requests; {date.today()}"
    )


def main() -> None:
    """Measure what was asked for, by default everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, choices=SIZES, action="append")
    parser.add_argument("--database", choices=["SQLite", "PostgreSQL"], action="append")
    parser.add_argument("--requests", type=int, default=REQUESTS)
    options = parser.parse_args()
    databases = options.database or ["SQLite", "PostgreSQL"]
    with tempfile.TemporaryDirectory(prefix="rsolv-bench-") as name:
        folder = Path(name)
        os.environ["ARCHIVE_DIR"] = str(folder / "archive")
        sizes = [SIZES[customers] for customers in options.customers or SIZES]
        programs = {size: write_program(folder / str(size.customers), size.customers, size.rows) for size in sizes}
        small = write_program(folder / "seed", SEED_CUSTOMERS, SEED_ROWS, per_day=SEED_ROWS // 100)
        Installation(f"sqlite:///{folder}/none.sqlite3").manage("collectstatic", "--no-input", "--verbosity", "0")
        print(f"{machine()}\n")
        row("database, customers", "what", "median", "95 %", "after an edit", "yardstick", "queries", "aim", "")
        print("|---|---|---:|---:|---:|---:|---:|---:|---|")
        for database in databases:
            with new_database(database, folder) as url:
                compare_with_the_seed(database, url, small)
            for size, files in programs.items():
                with new_database(database, folder) as url:
                    measure(database, url, files, size, options.requests)


if __name__ == "__main__":
    main()

"""People on the pages while a night's import runs beside them: ``make bench-load``.

Fifty people on PostgreSQL, ten on SQLite, for five minutes on our server: each opens a page, reads for some seconds,
and opens the next one; every tenth step is the dashboard's own question for what is new. After half a minute
``nightly`` begins, with a million rows of engagement of which a quarter have changed, so that no short way is taken:
it reads, compares, scores, sends what there is to send and exports. An answer that is not the page is an error.
"""

import argparse
import http.client
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import program
from benchmarks.pages import Installation, machine, new_database, row, verdict, write_program

CUSTOMERS, ROWS, MAX_SECONDS = 10_000, 1_000_000, 1.0
PEOPLE = {"PostgreSQL": 50, "SQLite": 10}
BEGINS_AFTER = 30
READING = (2.0, 8.0)
"""Between so many seconds from one page to the next."""
ADDRESSES = (
    "/admin/",
    "/admin/",
    "/admin/",
    "/admin/?cohort=VIP&status=at_risk&sort=-score",
    "/admin/?q=customer-9{number}&sort=customer",
    "/admin/customer/c{number:06}/",
    "/admin/customer/c{number:06}/",
    "/admin/cohorts/",
    "/admin/alerts/",
)


COLUMNS = ("people", "requests", "errors", "median", "95 %", "longest", "nightly took", "aim: 95 % in 1 s")


@dataclass
class Person:
    """Somebody at work, and what became of their requests."""

    port: int
    cookies: str
    chance: random.Random
    begun: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    tag: str = ""

    def work(self, until: float) -> None:
        """Open pages until then."""
        time.sleep(self.chance.uniform(0, READING[1]))
        while time.monotonic() < until:
            if self.tag and self.chance.random() < 0.1:
                self.ask("/admin/", {"If-None-Match": self.tag})
            else:
                address = self.chance.choice(ADDRESSES)
                self.ask(address.format(number=self.chance.randrange(CUSTOMERS)), {})
            time.sleep(self.chance.uniform(*READING))

    def ask(self, address: str, headers: dict[str, str]) -> None:
        """One whole request, from the connection to the last byte."""
        start = time.perf_counter()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request("GET", address, headers={"Cookie": self.cookies, **headers})
            response = connection.getresponse()
            response.read()
        except OSError as error:
            self.errors.append(f"{address}: {error}")
        else:
            if response.status not in ({200, 304} if headers else {200}):
                self.errors.append(f"{address}: {response.status}")
            elif address == "/admin/":
                self.tag = response.headers.get("ETag", self.tag)
        finally:
            connection.close()
        self.begun.append(start)
        self.seconds.append(time.perf_counter() - start)


def write_night(folder: Path, drop: Path) -> None:
    """The next night's feeds: the same, with every fourth row of engagement changed."""
    drop.mkdir()
    for feed in ("customers", "onboarding"):
        (drop / f"{feed}.csv").write_bytes((folder / f"{feed}.csv").read_bytes())
    lines = (folder / "engagement.csv").read_text(encoding="utf-8").splitlines()[1:]
    changed = (program.changed(line) if number % 4 == 0 else line for number, line in enumerate(lines))
    program.write(drop, "engagement", changed)


def night(ours: Installation, drop: Path) -> tuple[int, float]:
    """One night, as ``deploy/crontab`` starts it; its exit code and its seconds."""
    start = time.perf_counter()
    command = ["nice", "-n", "10", sys.executable, "manage.py", "nightly", "--dir", str(drop)]
    done = subprocess.run(command, env=ours.environment, capture_output=True, text=True, check=False)
    print(done.stdout[-500:], done.stderr[-500:], file=sys.stderr)
    return done.returncode, time.perf_counter() - start


def nightly(ours: Installation, drop: Path, ended: list[tuple[int, float]]) -> None:
    """The same, when people have been at work for a while."""
    time.sleep(BEGINS_AFTER)
    ended.append(night(ours, drop))


def prepare(ours: Installation, folder: Path) -> str:
    """Load the program into an empty database, and score it; the cookies of who may open all pages."""
    ours.manage("migrate", "--verbosity", "0")
    ours.work("load", str(folder))
    for days in ("7", "0"):
        ours.work("score", days)
    cookies: str = ours.work("prepare")["cookies"]
    return cookies


def cells_of_a_night(ours: Installation, people: list[Person], drop: Path, minutes: float) -> list[str]:
    """Let the people work while a night begins; what became of them, as cells of the table."""
    ended: list[tuple[int, float]] = []
    until = time.monotonic() + 60 * minutes
    threads = [threading.Thread(target=person.work, args=[until]) for person in people]
    threads.append(threading.Thread(target=nightly, args=[ours, drop, ended]))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    times = sorted(seconds for person in people for seconds in person.seconds)
    errors = [error for person in people for error in person.errors]
    late = times[len(times) * 95 // 100]
    code, night = ended[0]
    state = verdict(late <= MAX_SECONDS) if not errors and code == 0 else f"**errors**: {errors[:3]}, nightly {code}"
    return [
        str(len(people)),
        f"{len(times):,}",
        str(len(errors)),
        f"{1000 * statistics.median(times):.0f} ms",
        f"{1000 * late:.0f} ms",
        f"{1000 * times[-1]:.0f} ms",
        f"{night:.0f} s",
        state,
    ]


def measure(database: str, url: str, folder: Path, drop: Path, minutes: float) -> None:
    """The row of one database."""
    ours = Installation(url)
    cookies = prepare(ours, folder)
    with ours.server() as port:
        people = [Person(port, cookies, random.Random(number)) for number in range(PEOPLE[database])]
        row(database, *cells_of_a_night(ours, people, drop, minutes))


def main() -> None:
    """Measure both databases, or one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", choices=PEOPLE, action="append")
    parser.add_argument("--minutes", type=float, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="rsolv-bench-") as name:
        base = Path(name)
        os.environ |= {"ARCHIVE_DIR": str(base / "archive"), "EXPORT_DIR": str(base / "exports")}
        folder, drop = write_program(base / "program", CUSTOMERS, ROWS), base / "night"
        write_night(folder, drop)
        Installation(f"sqlite:///{folder}/none.sqlite3").manage("collectstatic", "--no-input", "--verbosity", "0")
        print(f"{machine()}\n")
        row("database", *COLUMNS)
        print("|---|---:|---:|---:|---:|---:|---:|---:|---|")
        for database in options.database or PEOPLE:
            with new_database(database, base) as url:
                measure(database, url, folder, drop, options.minutes)


if __name__ == "__main__":
    main()

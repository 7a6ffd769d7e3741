"""How long ``POST /metrics/track`` takes, and whether a killed server loses an event: ``make bench-track``.

Sixteen clients on our server as ``make run`` starts it, a connection for each event, as RSOLV's Action has it. First
each reports ten events a second, which is what a token may; then as fast as it is answered; on SQLite once more while
another process keeps the lock of all writers, as a long import does. Then the server and all of its processes are
killed, again and again, while the clients report on, each repeating an event by its id until it is answered 202. In
the end each event must be there once.
"""

import argparse
import http.client
import json
import os
import random
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.pages import Installation, machine, new_database, row, verdict

CLIENTS, A_SECOND, MEDIAN_MS, LATE_MS = 16, 10, 20, 60
KILLS = 20
PREPARE = """
import json
from django.contrib.auth.models import Group, User
from customers.models import ApiToken
user = User.objects.create_user("action", is_staff=True)
user.groups.add(Group.objects.get(name="Program manager"))
made = [ApiToken.make(user, f"client {number}", ["ingest"], per_minute=1_000_000) for number in range(%d)]
print(json.dumps([secret for _token, secret in made]))
"""
STORED = """
import json
from customers.inbox.store import collect
from customers.models import InboxEvent
collect()
print(json.dumps(list(InboxEvent.objects.exclude(state="duplicate").values_list("event_id", flat=True))))
"""


@dataclass
class Reporter:
    """One client: what it reported, and how long each answer took."""

    port: int
    secret: str
    name: str
    milliseconds: list[float] = field(default_factory=list)
    answered: list[str] = field(default_factory=list)
    repeated: int = 0

    def report(self, name: str) -> int:
        """Report one event; return the status of the answer, 0 for none."""
        event = {"customer_id": "c1001", "event_type": "issue_resolution", "event_id": name}
        event |= {"metadata": {"issue_url": "https://github.com/o/r/issues/1", "pr_url": None, "success": True}}
        headers = {"Content-Type": "application/json", "x-api-key": self.secret}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        start = time.perf_counter()
        try:
            connection.request("POST", "/metrics/track", json.dumps(event), headers)
            response = connection.getresponse()
            response.read()
        except (OSError, http.client.HTTPException):
            return 0
        finally:
            connection.close()
        self.milliseconds.append(1000 * (time.perf_counter() - start))
        return response.status

    def work(self, until: Callable[[], bool], pause: float) -> None:
        """Report events until then, each until it is answered, one each ``pause`` seconds at most."""
        time.sleep(random.uniform(0, pause))
        number = 0
        due = time.monotonic()
        while not until():
            event = f"{self.name}-{number}"
            while (status := self.report(event)) != http.HTTPStatus.ACCEPTED:
                if status and status < http.HTTPStatus.INTERNAL_SERVER_ERROR:
                    raise AssertionError(f"{event}: {status}")
                self.repeated += 1
                time.sleep(0.1)
            self.answered.append(event)
            number += 1
            due = max(due + pause, time.monotonic() - pause)
            time.sleep(max(0.0, due - time.monotonic()))


def report(port: int, secrets: list[str], tag: str, until: Callable[[], bool], pause: float) -> list[Reporter]:
    """Let all clients report until then."""
    clients = [Reporter(port, secret, f"{tag}-{number}") for number, secret in enumerate(secrets)]
    threads = [threading.Thread(target=client.work, args=[until, pause]) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return clients


def shell(ours: Installation, code: str) -> list[str]:
    """What a piece of Python prints as JSON."""
    command = [sys.executable, "manage.py", "shell", "--no-imports", "-c", code]
    done = subprocess.run(command, env=ours.environment, check=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout)


def lost_and_doubled(ours: Installation, clients: list[Reporter]) -> tuple[int, int]:
    """How many of the answered events are not there, and how many are there more than once."""
    there = Counter(shell(ours, STORED))
    answered = [event for client in clients for event in client.answered]
    return sum(there[event] == 0 for event in answered), sum(there[event] > 1 for event in answered)


def speed(where: str, ours: Installation, clients: list[Reporter], seconds: float, aimed: bool) -> None:
    """The row of one way to report."""
    took = sorted(one for client in clients for one in client.milliseconds)
    middle, late = statistics.median(took), took[len(took) * 95 // 100]
    lost, doubled = lost_and_doubled(ours, clients)
    met = middle <= MEDIAN_MS and late <= LATE_MS and not lost + doubled
    aim = [f"<= {MEDIAN_MS} / {LATE_MS} ms", verdict(met)] if aimed else ["", ""]
    rate = f"{len(took) / seconds:.0f} a second"
    row(where, f"{len(took):,}", rate, f"{middle:.1f} ms", f"{late:.1f} ms", f"{took[-1]:.0f} ms", lost, doubled, *aim)


@contextmanager
def write_lock(url: str) -> Iterator[None]:
    """Keep all other writers out of a database of SQLite."""
    with closing(sqlite3.connect(urlsplit(url).path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@dataclass
class Killable:
    """A server on one port that is killed with all of its processes, and started again."""

    ours: Installation
    port: int
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it."""
        how = ["--workers", "2", "--threads", "4", "--log-level", "critical", "--no-control-socket"]
        how += ["--worker-class", "rsolv_cs.server.BufferedWorker"]
        command = [sys.executable, "-m", "gunicorn", "rsolv_cs.wsgi", "--bind", f"127.0.0.1:{self.port}", *how]
        self.process = subprocess.Popen(
            command, env=self.ours.environment, start_new_session=True, stderr=subprocess.DEVNULL
        )

    def kill(self) -> None:
        """Kill it by SIGKILL."""
        assert self.process
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def kill_it(where: str, ours: Installation, secrets: list[str], port: int, kills: int) -> None:
    """The row of the server that is killed."""
    server = Killable(ours, port)
    server.start()
    over = threading.Event()
    clients = [Reporter(port, secret, f"kill-{number}") for number, secret in enumerate(secrets)]
    threads = [threading.Thread(target=client.work, args=[over.is_set, 0.0]) for client in clients]
    for thread in threads:
        thread.start()
    for _kill in range(kills):
        before = sum(len(client.answered) for client in clients)
        while sum(len(client.answered) for client in clients) < before + CLIENTS:
            time.sleep(0.05)
        time.sleep(random.uniform(0, 0.5))
        server.kill()
        server.start()
    over.set()
    for thread in threads:
        thread.join()
    server.kill()
    lost, doubled = lost_and_doubled(ours, clients)
    answered, repeated = sum(len(client.answered) for client in clients), sum(client.repeated for client in clients)
    what, said = f"{where}, killed {kills} times", f"{repeated:,} repeated"
    row(what, f"{answered:,}", said, "", "", "", lost, doubled, "none", verdict(not lost + doubled))


def measure(database: str, url: str, seconds: float, kills: int) -> None:
    """The rows of one database."""
    ours = Installation(url)
    ours.manage("migrate", "--verbosity", "0")
    secrets = shell(ours, PREPARE % CLIENTS)
    with ours.server() as port:

        def run(tag: str, pause: float) -> list[Reporter]:
            last = time.monotonic() + seconds
            return report(port, secrets, tag, lambda: time.monotonic() > last, pause)

        run("warm", 0.1)
        speed(f"{database}, {A_SECOND} a second each", ours, run("paced", 1 / A_SECOND), seconds, True)
        speed(f"{database}, as fast as answered", ours, run("fast", 0), seconds, False)
        if database == "SQLite":
            with write_lock(url):
                clients = run("held", 1 / A_SECOND)
            speed(f"{database}, while an import writes", ours, clients, seconds, False)
    kill_it(database, ours, secrets, port, kills)


def main() -> None:
    """Measure both databases, or one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", choices=["SQLite", "PostgreSQL"], action="append")
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--kills", type=int, default=KILLS)
    options = parser.parse_args()
    print(f"{machine()}\n")
    row("database", "events", "", "median", "95 %", "longest", "lost", "twice", "aim", "")
    print("|---|---:|---:|---:|---:|---:|---:|---:|---|---|")
    with tempfile.TemporaryDirectory(prefix="rsolv-bench-") as name:
        for database in options.database or ["SQLite", "PostgreSQL"]:
            with new_database(database, Path(name)) as url:
                measure(database, url, options.seconds, options.kills)


if __name__ == "__main__":
    main()

"""How soon webhooks have their events while one of them is slow: ``python -m benchmarks.webhooks``.

1,000 events wait for five endpoints. Four answer at once, the fifth after ten seconds each time. What is measured is
one run of ``manage.py deliver``, its start included, until the last of the four has its last event; then the same with
ten events, which is what a usual minute has. The receivers are a process of their own, over real HTTP.
"""

import argparse
import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path

from benchmarks.pages import Installation, new_database, row, verdict

EVENTS, ENDPOINTS, SLOW_SECONDS, SECONDS, MIB = 1_000, 5, 10.0, 30, 200
FILL = "fill"


def serve(port: "Synchronized[int]", taken: "Synchronized[int]", last: "Synchronized[float]") -> None:
    """Take events; say how many came to the fast ones, and when the last one did."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # The answer's head and end leave at once.
        wbufsize = -1

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            if self.path == "/0":
                time.sleep(SLOW_SECONDS)
            else:
                with taken.get_lock():
                    taken.value += 1
                    last.value = time.time()
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        port.value = int(server.server_address[1])
        server.serve_forever()


def fill(events: int, port: int) -> None:
    """Store so many events for the endpoints."""
    import django

    django.setup()
    from analytics.models import EventKind, WebhookEndpoint, WebhookEvent
    from analytics.webhooks.signing import new_seed

    for number in range(ENDPOINTS):
        url = f"http://127.0.0.1:{port}/{number}"
        values = {"kinds": EventKind.values, "secret": new_seed(), "name": str(number)}
        WebhookEndpoint.objects.get_or_create(url=url, defaults=values)
    data = {"old": "running", "new": "loaded", "run": 1, "feed": "customers", "created": 3}
    news = (WebhookEvent(kind=EventKind.RUN_FINISHED, data=data) for _number in range(events))
    WebhookEvent.objects.bulk_create(news)


def measure(database: str, url: str) -> None:
    """The rows of one database."""
    port, taken, last = (multiprocessing.Value(kind, 0) for kind in ("i", "i", "d"))
    receivers = multiprocessing.Process(target=serve, args=(port, taken, last), daemon=True)
    receivers.start()
    ours = Installation(url)
    ours.environment |= {"WEBHOOK_INSECURE": "1", "WEBHOOK_PRIVATE": "1"}
    ours.manage("migrate", "--verbosity", "0")
    while not port.value:
        time.sleep(0.05)
    for events in (EVENTS, 10):
        command = [sys.executable, "-m", "benchmarks.webhooks", FILL, str(events), str(port.value)]
        subprocess.run(command, env=ours.environment, check=True)
        taken.value, start = 0, time.time()
        ours.manage("deliver", "--seconds", str(SECONDS))
        expected, seconds = events * (ENDPOINTS - 1), last.value - start
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
        is_good = taken.value == expected and seconds <= SECONDS and peak <= MIB
        aim = f"<= {SECONDS} s, {MIB} MiB"
        had = f"{taken.value:,} of {expected:,}"
        row(f"{database}, {events:,}", had, f"{seconds:.1f} s", f"{peak} MiB", aim, verdict(is_good))
    receivers.terminate()


def main() -> None:
    """Measure what was asked for, by default both databases."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", choices=["SQLite", "PostgreSQL"], action="append")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="rsolv-bench-") as name:
        os.environ["ARCHIVE_DIR"] = f"{name}/archive"
        row("database, events", "the four have", "seconds", "memory", "aim", "")
        print("|---|---:|---:|---:|---|---|")
        for database in options.database or ["SQLite", "PostgreSQL"]:
            with new_database(database, Path(name)) as url:
                measure(database, url)


if __name__ == "__main__":
    if sys.argv[1:2] == [FILL]:
        fill(int(sys.argv[2]), int(sys.argv[3]))
    else:
        main()

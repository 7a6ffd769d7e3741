"""How long 100,000 events take from the inbox to the scores, on both databases: ``python -m benchmarks.ingest``.

The program is that of ``program.py``, imported and scored. The events are of the days since, of as many customers as
there are, ten of which in a hundred are of steps. The ingest is a process of its own, as the timer starts it: its
start is part of the seconds. Then once more with a single event, which is what a usual minute has.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from benchmarks.pages import SIZES, Installation, new_database, row, verdict, write_program

EVENTS, MIB = 100_000, 250
MOST_SECONDS = {EVENTS: 20, 1: 3}
FILL, INGEST = "fill", "ingest"


def fill(events: int) -> None:
    """Put so many events into the inbox, from the day of the data on."""
    import django

    django.setup()
    from django.contrib.auth.models import User
    from django.utils import timezone

    from customers.inbox.events import TYPES
    from customers.models import ApiToken, Batch, Customer, InboxEvent, Step

    user, _created = User.objects.get_or_create(username="action", is_staff=True)
    token, _secret = ApiToken.make(user, "benchmark", ["ingest"])
    keys = list(Customer.objects.order_by("pk").values_list("pk", flat=True))
    counters = [kind for kind in TYPES if not kind.startswith("onboarding")]
    steps = [f"onboarding_step_{step.value}" for step in Step]
    now = timezone.now()
    batch = Batch.objects.create(token=token, entries=events)
    InboxEvent.objects.bulk_create(
        (
            InboxEvent(
                batch=batch,
                token=token,
                position=number,
                event_type=steps[number // 10 % 5] if number % 10 == 0 else counters[number % len(counters)],
                customer_key=keys[number * 7 % len(keys)],
                occurred_at=now - timedelta(minutes=number % 2_000),
                metadata={"issue_url": f"https://x/{number}", "pr_url": f"https://x/{number}", "success": True},
            )
            for number in range(1, events + 1)
        ),
        batch_size=2_000,
    )


def ingest() -> None:
    """Run the command; print the peak memory of its process after what it says."""
    import django

    django.setup()
    from django.core.management import call_command

    from benchmarks.policy_lab import peak_mib

    call_command("ingest")
    sys.stdout.write(f"{peak_mib():.0f}\n")


def work(ours: Installation, *arguments: object) -> list[str]:
    command = [sys.executable, "-m", "benchmarks.ingest", *map(str, arguments)]
    done = subprocess.run(command, env=ours.environment, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout.splitlines()


def measure(database: str, url: str, folder: Path, customers: int) -> None:
    """The rows of one program on one database."""
    ours = Installation(url)
    ours.manage("migrate", "--verbosity", "0")
    ours.work("load", str(folder))
    ours.work("score", "0")
    ours.manage("send_alerts")
    for events, most in MOST_SECONDS.items():
        work(ours, FILL, events)
        start = time.perf_counter()
        *_said, summary, peak = work(ours, INGEST)
        seconds = time.perf_counter() - start
        is_good = seconds <= most and int(peak) <= MIB
        aim = f"<= {most} s, {MIB} MiB"
        row(
            f"{database}, {customers:,}, {events:,}", summary, f"{seconds:.1f} s", f"{peak} MiB", aim, verdict(is_good)
        )


def main() -> None:
    """Measure what was asked for, by default everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, choices=SIZES, action="append")
    parser.add_argument("--database", choices=["SQLite", "PostgreSQL"], action="append")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="rsolv-bench-") as name:
        folder = Path(name)
        os.environ["ARCHIVE_DIR"] = str(folder / "archive")
        row("database, customers, events", "what it says", "seconds", "memory", "aim", "")
        print("|---|---|---:|---:|---|---|")
        for customers in options.customers or SIZES:
            size = SIZES[customers]
            files = write_program(folder / str(customers), size.customers, size.rows)
            for database in options.database or ["SQLite", "PostgreSQL"]:
                with new_database(database, folder) as url:
                    measure(database, url, files, customers)


if __name__ == "__main__":
    if sys.argv[1:2] == [FILL]:
        fill(int(sys.argv[2]))
    elif sys.argv[1:2] == [INGEST]:
        ingest()
    else:
        main()

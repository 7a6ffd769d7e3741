"""How long the preview and the back-test of a draft take, on both databases: ``python -m benchmarks.policy_lab``.

The program is that of ``program.py``, imported, scored and evaluated, with a history of a month, so that alerts look
back as far as they do in use. The draft gives activity nearly twice its points, so that most scores move. The preview
is made in a process of its own, whose start is left out of the seconds but not of the peak memory. The date is scored
beside it, by which to tell a slow preview from a slow machine. Of the back-test it is a month end with everybody in
the population, every tenth of whom went quiet, and the figures of twelve that are the same.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from benchmarks.pages import SIZES, Installation, new_database, row, verdict, write_program

AIMS = {10_000: 2.0, 100_000: 12.0}
"""Seconds by customers, of a preview."""
BACK_TEST_AIMS = {10_000: 1.5, 100_000: 12.0}
"""Seconds by customers, of a month end of a back-test."""
TIMES = 3
WORK, BACK_TEST = "work", "back-test"


def make_preview() -> None:
    """Make the preview once; print how long it took, what it found and the process's peak memory."""
    import django

    django.setup()
    from analytics.models import PortfolioDay, ScoringPolicy
    from analytics.policy_lab.changes import changes
    from analytics.scoring.snapshots import score_day

    draft, _created = ScoringPolicy.objects.get_or_create(
        name="Draft",
        state=ScoringPolicy.State.DRAFT,
        defaults={"activity_max": 50, "activity_points_per_day": 10, "pr_max": 5},
    )
    newest = PortfolioDay.objects.newest()
    start = time.perf_counter()
    score_day(newest.date)
    scored = time.perf_counter() - start
    start = time.perf_counter()
    found = changes(draft, newest.date)
    seconds = time.perf_counter() - start
    told = {
        "seconds": seconds,
        "scored": scored,
        "peak_mib": peak_mib(),
        "moves": f"{found.moves.status_moves:,} statuses, {len(found.opened or ()):,} alerts open, "
        f"{len(found.closed or ()):,} close, {len(found.added):,} actions come",
    }
    sys.stdout.write(json.dumps(told))


def make_back_test() -> None:
    """Score a month end once and calculate the figures of twelve; print how long both took, and the peak memory."""
    import django

    django.setup()
    from analytics.models import ForecastCase, PolicyTrial, PortfolioDay, ScoringPolicy
    from analytics.page_cache.version import DataVersion
    from analytics.policy_lab.back_test.page import back_test_page
    from analytics.policy_lab.back_test.trials import MONTHS, PolicyBackTest
    from customers.core.sql import copy_rows, table_of
    from customers.models import Customer

    newest, version = PortfolioDay.objects.newest().date, DataVersion(1, "", 0)
    days = [newest - timedelta(days=30 * number) for number in range(1, MONTHS + 1)]
    keys = list(Customer.objects.filter(signup_date__lte=days[0]).order_by("pk").values_list("pk", flat=True))
    ForecastCase.objects.all().delete()
    rows = (("quiet", day.isoformat(), key, place % 10 == 0, False) for day in days for place, key in enumerate(keys))
    copy_rows(table_of(ForecastCase), ("target", "date", "customer_id", "came_true", "acted"), rows)
    asked = PolicyBackTest.of(ScoringPolicy.objects.get(name="Draft"), newest, version)
    start = time.perf_counter()
    asked.make(days[0])
    seconds = time.perf_counter() - start
    made = PolicyTrial.objects.get(date=days[0])
    PolicyTrial.objects.exclude(pk=made.pk).delete()
    for day in days[1:]:
        made.pk, made.date = None, day
        made.save()
    start = time.perf_counter()
    back_test_page(asked, version)
    told = {"seconds": seconds, "figures": time.perf_counter() - start, "customers": len(keys), "peak_mib": peak_mib()}
    sys.stdout.write(json.dumps(told))


def peak_mib() -> float:
    """The most memory that this process has had."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["VmHWM"].split()[0]) / 1024


def worked(ours: Installation, work: str) -> list[dict[str, Any]]:
    """Do a piece of work some times, each in a process of its own, and return what each printed."""
    command = [sys.executable, "-m", "benchmarks.policy_lab", work]
    return [
        json.loads(subprocess.run(command, env=ours.environment, check=True, stdout=subprocess.PIPE).stdout)
        for _time in range(TIMES)
    ]


def measure(database: str, url: str, folder: Path, customers: int) -> None:
    """The row of one program on one database."""
    ours = Installation(url)
    ours.manage("migrate", "--verbosity", "0")
    ours.work("load", str(folder))
    ours.work("score", "7")
    ours.work("score", "0")
    ours.work("prepare")
    ours.manage("send_alerts")
    made = worked(ours, WORK)
    seconds, scored = (statistics.median(one[name] for one in made) for name in ("seconds", "scored"))
    peak, aim = max(one["peak_mib"] for one in made), AIMS[customers]
    figures = [f"{seconds:.2f} s", f"{scored:.2f} s", f"{peak:.0f} MiB", f"<= {aim:.0f} s", verdict(seconds <= aim)]
    row(f"{database}, {customers:,}", made[0]["moves"], *figures)
    tested = worked(ours, BACK_TEST)
    seconds, twelve = (statistics.median(one[name] for one in tested) for name in ("seconds", "figures"))
    peak, aim = max(one["peak_mib"] for one in tested), BACK_TEST_AIMS[customers]
    what = f"a month end of {tested[0]['customers']:,}; the figures of twelve take {twelve:.2f} s"
    figures = [f"{seconds:.2f} s", f"{scored:.2f} s", f"{peak:.0f} MiB", f"<= {aim:.1f} s", verdict(seconds <= aim)]
    row(f"{database}, {customers:,}, back-test", what, *figures)


def main() -> None:
    """Measure what was asked for, by default everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, choices=SIZES, action="append")
    parser.add_argument("--database", choices=["SQLite", "PostgreSQL"], action="append")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="rsolv-bench-") as name:
        folder = Path(name)
        os.environ["ARCHIVE_DIR"] = str(folder / "archive")
        Installation(f"sqlite:///{folder}/none.sqlite3").manage("collectstatic", "--no-input", "--verbosity", "0")
        row("database, customers", "what", "seconds", "score of a date", "memory", "aim", "")
        print("|---|---|---:|---:|---:|---|---|")
        for customers in options.customers or SIZES:
            size = SIZES[customers]
            files = write_program(folder / str(customers), size.customers, size.rows)
            for database in options.database or ["SQLite", "PostgreSQL"]:
                with new_database(database, folder) as url:
                    measure(database, url, files, customers)


if __name__ == "__main__":
    {WORK: make_preview, BACK_TEST: make_back_test}.get(sys.argv[-1], main)()

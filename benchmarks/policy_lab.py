"""How long the preview of a draft takes, on both databases: ``python -m benchmarks.policy_lab``.

The program is that of ``program.py``, imported, scored and evaluated, with a history of a month, so that alerts look
back as far as they do in use. The draft gives activity nearly twice its points, so that most scores move. The preview
is made in a process of its own, whose start is left out of the seconds but not of the peak memory. The date is scored
beside it, by which to tell a slow preview from a slow machine.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.pages import SIZES, Installation, new_database, row, verdict, write_program

AIMS = {10_000: 2.0, 100_000: 12.0}
"""Seconds by customers."""
TIMES = 3
WORK = "work"


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
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    told = {
        "seconds": seconds,
        "scored": scored,
        "peak_mib": int(status["VmHWM"].split()[0]) / 1024,
        "moves": f"{found.moves.status_moves:,} statuses, {len(found.opened or ()):,} alerts open, "
        f"{len(found.closed or ()):,} close, {len(found.added):,} actions come",
    }
    sys.stdout.write(json.dumps(told))


def measure(database: str, url: str, folder: Path, customers: int) -> None:
    """The row of one program on one database."""
    ours = Installation(url)
    ours.manage("migrate", "--verbosity", "0")
    ours.work("load", str(folder))
    ours.work("score", "7")
    ours.work("score", "0")
    ours.work("prepare")
    ours.manage("send_alerts")
    command = [sys.executable, "-m", "benchmarks.policy_lab", WORK]
    made = [
        json.loads(subprocess.run(command, env=ours.environment, check=True, stdout=subprocess.PIPE).stdout)
        for _time in range(TIMES)
    ]
    seconds, scored = (statistics.median(one[name] for one in made) for name in ("seconds", "scored"))
    peak, aim = max(one["peak_mib"] for one in made), AIMS[customers]
    figures = [f"{seconds:.2f} s", f"{scored:.2f} s", f"{peak:.0f} MiB", f"<= {aim:.0f} s", verdict(seconds <= aim)]
    row(f"{database}, {customers:,}", made[0]["moves"], *figures)


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
        row("database, customers", "the preview finds", "preview", "score of a date", "memory", "aim", "")
        print("|---|---|---:|---:|---:|---|---|")
        for customers in options.customers or SIZES:
            size = SIZES[customers]
            files = write_program(folder / str(customers), size.customers, size.rows)
            for database in options.database or ["SQLite", "PostgreSQL"]:
                with new_database(database, folder) as url:
                    measure(database, url, files, customers)


if __name__ == "__main__":
    make_preview() if sys.argv[1:] == [WORK] else main()

"""How long an import takes, beside the database's own loader in the same run: ``make bench``.

The floor is ``.import`` of the sqlite3 shell, or ``\\copy`` of psql, of the same file into an empty table with the
same columns, key, foreign key and index; it is measured just before each of ours, so that noise hits both. Ours has
everything on: checks, ledger, provenance, archive; every result is checked. Each measurement begins with a copy of a
prepared database and archive, and has a process of its own. The interpreter's start is left out, the peak memory is
that of the whole process. What is printed is Markdown.
"""

import argparse
import gzip
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import django

from benchmarks import program
from benchmarks.databases import Database, Postgres, Spent, Sqlite
from tests.support.postgres import throwaway_postgres

ROWS, CUSTOMERS, TAIL = 1_000_000, 10_000, 10_000
BULK_ROWS = 50_000
"""As many rows django-import-export gets; a million would take it the better part of an hour."""
COUNTS = ("created", "updated", "unchanged", "quarantined")


@dataclass(frozen=True)
class Case:
    """A file that is loaded into a prepared state, and the targets: the ratio to the floor at most."""

    title: str
    state: str
    file: str
    expected: tuple[int, int, int, int]
    sqlite: float | None = None
    postgres: float | None = None


def cases(rows: int) -> list[Case]:
    """What is measured, with the ``COUNTS`` that have to come out."""
    few = rows // 100
    return [
        Case("first load into an empty table", "empty", "base", (rows, 0, 0, 0), 1.4, 0.6),
        Case("first load beside as many other rows", "other", "base", (rows, 0, 0, 0), 1.5, 1.25),
        Case("reload, 1 % changed", "base", "changed", (0, few, rows - few, 0), 0.9, 0.4),
        Case("reload, 1 % of the rows bad", "base", "bad", (0, 0, rows - few, few), 1.2, 0.7),
        Case("one day's tail", "base", "tail", (TAIL, 0, rows, 0), 0.1, 0.06),
        Case("the same file again", "base", "base", (0, 0, rows, 0)),
    ]


BEST = 1.5
"""The target for a first load, to what an administrator needs at best."""
PEAK = {"sqlite": 250, "postgres": 200}
"""The target for the memory of each, in MiB."""


def write_files(folder: Path, rows: int, bulk_rows: int) -> dict[int, list[str]]:
    """A folder of CSV files for each name; returns the lines of the bad one with the reasons against them."""
    folders = {name: folder / name for name in ("base", "other", "changed", "bad", "tail", "bulk", "bulk-changed")}
    for path in folders.values():
        path.mkdir()
    program.write(folders["base"], "customers", program.customers(CUSTOMERS))
    lines = list(program.engagement(rows, CUSTOMERS))
    program.write(folders["base"], "engagement", lines)
    program.write(folders["other"], "engagement", (f"other-{line}" for line in lines))
    few = lines[:bulk_rows]
    program.write(folders["bulk"], "engagement", few)
    for place in program.some(bulk_rows, bulk_rows // 100):
        few[place] = program.changed(few[place])
    program.write(folders["bulk-changed"], "engagement", few)
    more = program.engagement(TAIL, CUSTOMERS, first=rows, seed=3)
    program.write(folders["tail"], "engagement", [*lines, *more])
    places = program.some(rows, rows // 100)
    changed = list(lines)
    for place in places:
        changed[place] = program.changed(lines[place])
    program.write(folders["changed"], "engagement", changed)
    planted: dict[int, list[str]] = {}
    for number, place in enumerate(places):
        # The header is line 1.
        lines[place], planted[place + 2] = program.spoilt(lines[place], number)
    program.write(folders["bad"], "engagement", lines)
    return planted


# --- One measurement, in a process of its own ---------------------------------------------------------------------


def measure(job: Callable[[], dict[str, Any]]) -> None:
    """Print seconds, peak memory and what the job returns."""
    begun, start = time.process_time(), time.perf_counter()
    result = job()
    seconds = time.perf_counter() - start
    # Not getrusage: its maximum counts what the parent held when it forked.
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    peak = int(status["VmHWM"].split()[0]) / 1024
    json.dump({"seconds": seconds, "start": begun, "peak": peak, **result}, sys.stdout)


def load(folder: Path, feed: str) -> dict[str, Any]:
    """Import one feed as the command does."""
    from customers.imports.folder import import_folder
    from customers.imports.interface import Options

    return import_folder(folder, [feed], Options(started_by="benchmark"))[0].as_dict()


def bulk(file: Path) -> dict[str, Any]:
    """Import a file by django-import-export's bulk mode, with the options that make it fastest."""
    import tablib
    from import_export import resources
    from import_export.instance_loaders import CachedInstanceLoader

    from customers.feeds.declarations import ENGAGEMENT
    from customers.models import Engagement

    class Resource(resources.ModelResource):
        customer_id = resources.Field("customer_id", "customer_id")

        class Meta:
            model = Engagement
            fields = ENGAGEMENT.column_names
            instance_loader_class = CachedInstanceLoader
            use_bulk = True
            batch_size = 5_000
            skip_unchanged = True
            skip_html_diff = True
            report_skipped = False

        def before_save_instance(self, instance: Engagement, row: Any, **kwargs: Any) -> None:
            instance.run_id, instance.line = 1, kwargs["row_number"] + 1

    with file.open() as opened:
        dataset = tablib.Dataset().load(opened, format="csv")
    result = Resource().import_data(dataset, use_transactions=True, raise_errors=True)
    totals = zip(COUNTS, ("new", "update", "skip", "invalid"), strict=True)
    return {name: result.totals[total] for name, total in totals}


# --- The comparison -----------------------------------------------------------------------------------------------


def prepare(database: Database, files: Path, states: list[str]) -> None:
    """The states that the cases start from: customers and no engagement, and engagement of the files named."""
    command = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
    subprocess.run(command, env=database.environment, check=True)
    database.archive.mkdir()
    assert database.run("customers", files / "base")["created"] == CUSTOMERS
    database.save("empty")
    for state in states:
        database.restore("empty")
        assert database.run("engagement", files / state)["status"] == "loaded"
        database.save(state)


def verify(database: Database, case: Case, result: dict[str, Any], file: Path, planted: dict[int, list[str]]) -> None:
    """The very counts, the very lines and reasons, the line of every row, and the file in the archive."""
    assert tuple(result[name] for name in COUNTS) == case.expected, result
    found = {problem["line"]: problem["reasons"] for problem in result["problems"]}
    assert found == (planted if case.file == "bad" else {}), "other lines or reasons than the planted ones"
    # The program's rows are numbered from 0, and the first one is on line 2.
    rightly = (
        "SELECT COUNT(*) FROM customers_engagement WHERE run_id = {} AND line = CAST(SUBSTR(id, 2) AS integer) + 2;"
    )
    written = case.expected[0] + case.expected[1]
    assert database.sql(rightly.format(result["run"])) == f"{written}", "a row with another run or line"
    content = file.read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    kept = database.archive / sha256[:2] / f"{sha256}.csv.gz"
    assert gzip.decompress(kept.read_bytes()) == content, "the archive has something else"


def compare(
    database: Database, files: Path, rows: int, repeat: int, bulk_rows: int, planted: dict[int, list[str]]
) -> None:
    """Print a Markdown table of every case and its ratio to the floor."""
    base = files / "base" / "engagement.csv"
    floors: dict[str, list[float]] = {}
    results: dict[str, list[dict[str, Any]]] = {}
    for _ in range(repeat):
        for case in cases(rows):
            database.restore("empty")
            floors.setdefault(case.title, []).append(database.floor(base).clock)
            database.restore(case.state)
            result = database.run("engagement", files / case.file)
            verify(database, case, result, files / case.file / "engagement.csv", planted)
            results.setdefault(case.title, []).append(result)
    print(f"\n## {database.name}\n")
    print("| case | seconds | the floor just before | ratio | target | | peak memory |\n|---|---|---|---|---|---|---|")
    for case in cases(rows):
        seconds = sorted(result["seconds"] for result in results[case.title])
        beside = sorted(floors[case.title])
        target, ratio = getattr(case, database.kind), seconds[0] / beside[0]
        peak = max(result["peak"] for result in results[case.title])
        print(
            f"| {case.title} | {listed(seconds)} | {listed(beside)} | {ratio:.3f} x "
            f"| {f'{target} x' if target else ''} | {met(ratio, target)} | {peak:.0f} MiB |"
        )
    peak = max(result["peak"] for some in results.values() for result in some)
    target = PEAK[database.kind]
    print(f"| peak memory of them all | | | | {target} MiB | {met(peak, target)} | {peak:.0f} MiB |")
    if bulk_rows:
        compare_bulk(database, files, bulk_rows, rows, min(min(some) for some in floors.values()))


def compare_all(database: Database, files: Path, options: argparse.Namespace, planted: dict[int, list[str]]) -> None:
    """Prepare a database, and print what was asked for."""
    prepare(database, files, [] if options.best else ["other", "base"])
    compare_best(database, files, options.rows, options.repeat)
    if not options.best:
        compare(database, files, options.rows, options.repeat, options.bulk_rows, planted)


def listed(seconds: list[float]) -> str:
    """The least of all measurements, and the others."""
    return ", ".join(f"{one:.2f}" for one in seconds)


def met(value: float, target: float | None) -> str:
    """Whether the target is, in a word."""
    return "" if target is None else "met" if value <= target else "**missed**"


def compare_best(database: Database, files: Path, rows: int, repeat: int) -> None:
    """Print a table of the first load beside what an administrator needs at best for the same table."""
    base, spent = files / "base", []
    for _ in range(repeat):
        database.restore("empty")
        theirs = database.best(base / "engagement.csv")
        database.restore("empty")
        ours = database.run("engagement", base)
        assert ours["created"] == rows, ours
        spent.append((Spent(ours["seconds"], ours["processor"]), theirs))
    print(f"\n## {database.name}: a first load beside the best of an administrator\n")
    print("| | ours | copy, then build key, foreign key and indexes | ratio | target | |\n|---|---|---|---|---|---|")
    for name in ("clock", "processor"):
        ours_least, least = (min(getattr(both[side], name) for both in spent) for side in (0, 1))
        ratio = ours_least / least
        print(f"| {name} | {ours_least:.2f} s | {least:.2f} s | {ratio:.2f} x | {BEST} x | {met(ratio, BEST)} |")


def compare_bulk(database: Database, files: Path, lines: int, rows: int, floor: float) -> None:
    """Two more rows of the table: django-import-export, scaled from fewer rows to as many as the floor has."""
    database.restore("empty")
    for title, folder, expected in (
        ("first load", "bulk", (lines, 0, 0, 0)),
        ("reload, 1 % changed", "bulk-changed", (0, lines // 100, lines - lines // 100, 0)),
    ):
        result = database.run("bulk", files / folder / "engagement.csv")
        assert tuple(result[name] for name in COUNTS) == expected, result
        seconds = result["seconds"] * rows / lines
        print(
            f"| django-import-export, {title} | {seconds:.0f}, scaled from {result['seconds']:.1f} for {lines:,} rows "
            f"| {floor:.2f}, the least | {seconds / floor:.0f} x | | | {result['peak']:.0f} MiB |"
        )


# --- The command --------------------------------------------------------------------------------------------------


def machine() -> str:
    """What it ran on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    processor = names[0] if names else platform.machine()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{processor}, {os.cpu_count()} cores, {memory:.0f} GiB of memory, Linux {platform.release().split('-')[0]}"


def check_shells(chosen: list[str]) -> None:
    """Stop where the databases' own shells, which load the floor, are not there."""
    for database, shell, package, other in (
        ("sqlite", "sqlite3", "sqlite3", "postgres"),
        ("postgres", "psql", "postgresql-client", "sqlite"),
    ):
        if database in chosen and not shutil.which(shell):
            sys.exit(
                f"The program '{shell}', which loads the floor, is not there. On Debian and Ubuntu: "
                f"apt install {package}. Or leave its database out: make bench ARGS='--database {other}'"
            )


def main() -> None:
    """Run the comparison on both databases."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--repeat", type=int, default=3, help="the least of so many measurements counts")
    parser.add_argument("--database", choices=["sqlite", "postgres"], action="append")
    parser.add_argument("--bulk-rows", type=int, default=BULK_ROWS, help="for django-import-export; 0 leaves it out")
    parser.add_argument("--best", action="store_true", help="only beside the best of an administrator")
    parser.add_argument("--job", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.job:
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "rsolv_cs.settings")
        django.setup()
        job, path = options.job[0], Path(options.job[1])
        measure(partial(bulk, path) if job == "bulk" else partial(load, path, job))
        return
    chosen = options.database or ["sqlite", "postgres"]
    check_shells(chosen)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # The server's user has no business here, and psql reads the files itself.
        files = folder / "files"
        files.mkdir()
        planted = write_files(files, options.rows, options.bulk_rows)
        versions = [f"Python {platform.python_version()}", f"Django {django.__version__}"]
        print(f"{options.rows:,} rows of engagement for {CUSTOMERS:,} customers; the least of {options.repeat} runs.")
        print(f"Machine: {machine()}; {', '.join(versions)}.", flush=True)
        if "postgres" in chosen:
            with throwaway_postgres() as url:
                database: Database = Postgres(folder / "postgres", url)
                compare_all(database, files, options, planted)
                print(f"\n{database.version}.", flush=True)
        if "sqlite" in chosen:
            database = Sqlite(folder / "sqlite")
            compare_all(database, files, options, planted)
            print(f"\n{database.version}.", flush=True)


if __name__ == "__main__":
    main()

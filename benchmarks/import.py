"""How long an import takes, beside the database's own loader in the same run: ``make bench``.

The floor is ``.import`` of the sqlite3 shell, or ``\\copy`` of psql, of the same file into an empty table with the
same columns, key, foreign key and index. Ours has everything on: checks, ledger, provenance. The interpreter's start
is left out, the peak memory is that of the whole process.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import program
from tests.postgres import throwaway_postgres

ROWS, CUSTOMERS, TAIL = 1_000_000, 10_000, 10_000
FLOOR_TABLE = """
CREATE TABLE floor (
    id varchar(64) NOT NULL PRIMARY KEY,
    customer_id varchar(64) NOT NULL REFERENCES customers_customer (id),
    date date NOT NULL,
    issues_tagged integer NOT NULL, prs_generated integer NOT NULL, prs_merged integer NOT NULL,
    prs_rejected integer NOT NULL, support_requests integer NOT NULL);
CREATE INDEX floor_customer_date ON floor (customer_id, date);
"""


def write_files(folder: Path, rows: int) -> dict[str, Path]:
    """The folders of CSV files, by scenario."""
    folders = {name: folder / name for name in ("base", "other", "changed", "bad", "tail")}
    for path in folders.values():
        path.mkdir()
    program.write(folders["base"], "customers", program.customers(CUSTOMERS))
    base = program.write(folders["base"], "engagement", program.engagement(rows, CUSTOMERS))
    program.write(folders["other"], "engagement", program.engagement(rows, CUSTOMERS, first=5 * rows))
    with base.open() as file:
        header, *lines = file.read().splitlines()
    chance = random.Random(2)
    changed, bad = list(lines), list(lines)
    for place in chance.sample(range(rows), rows // 100):
        changed[place] = lines[place].rsplit(",", 1)[0] + ",7"
        bad[place] = lines[place].replace("2025-", "2025/", 1)
    for name, content in (("changed", changed), ("bad", bad)):
        (folders[name] / "engagement.csv").write_text("\n".join([header, *content, ""]))
    shutil.copy(base, folders["tail"])
    with (folders["tail"] / "engagement.csv").open("a") as file:
        file.writelines(f"{line}\n" for line in program.engagement(TAIL, CUSTOMERS, first=rows))
    return folders


def work(folder: Path, feed: str) -> None:
    """In a process of its own: import one feed and print seconds, peak memory and counts."""
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "rsolv_cs.settings")
    django.setup()
    from customers.load import Options, import_folder

    start = time.perf_counter()
    outcome = import_folder(folder, [feed], Options(started_by="benchmark"))[0].as_dict()
    seconds = time.perf_counter() - start
    # Not getrusage: its maximum counts what the parent held when it forked.
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    peak = int(status["VmHWM"].split()[0]) / 1024
    counts = {name: outcome[name] for name in ("status", "rows", "created", "updated", "unchanged", "quarantined")}
    json.dump({"seconds": seconds, "peak_mib": peak, **counts, "reason": outcome["reason"]}, sys.stdout)


class Database:
    """Our commands and the floor on one database."""

    def __init__(self, url: str, sqlite_file: Path | None = None) -> None:
        self.environment = {**os.environ, "DATABASE_URL": url, "DEBUG": "1"}
        self.url, self.sqlite_file = url, sqlite_file

    def manage(self, *arguments: str) -> None:
        """One of our commands."""
        command = [sys.executable, "manage.py", *arguments]
        subprocess.run(command, env=self.environment, check=True, stdout=subprocess.DEVNULL)

    def sql(self, text: str) -> None:
        """SQL by the database's own shell."""
        shell = ["sqlite3", str(self.sqlite_file)] if self.sqlite_file else ["psql", "-qX", "-d", self.url]
        subprocess.run(shell, input=text, text=True, check=True, stdout=subprocess.DEVNULL)

    def load(self, folder: Path, feed: str = "engagement") -> dict[str, Any]:
        """Our import of one feed."""
        command = [sys.executable, "-m", "benchmarks.import", "--work", str(folder), feed]
        done = subprocess.run(command, env=self.environment, check=True, stdout=subprocess.PIPE)
        return json.loads(done.stdout)

    def empty(self, *, keep_rows: bool = False) -> None:
        """No engagement and no runs of it; customers stay."""
        tables = ["customers_quarantinedrow", *([] if keep_rows else ["customers_engagement"])]
        clear = "DELETE FROM {};" if self.sqlite_file else "TRUNCATE {} CASCADE;"
        self.sql("".join(clear.format(table) for table in tables))
        self.sql("VACUUM;")

    def floor(self, file: Path) -> float:
        """Seconds that the shell needs for the file."""
        if self.sqlite_file:
            self.sql(f"PRAGMA journal_mode=WAL; {FLOOR_TABLE}")
            load = (
                "PRAGMA synchronous=NORMAL;\nPRAGMA foreign_keys=ON;\nPRAGMA cache_size=-65536;\n.mode csv\n"
                f".import --skip 1 {file} floor\n"
            )
        else:
            self.sql(FLOOR_TABLE)
            load = f"\\copy floor FROM '{file}' WITH (FORMAT csv, HEADER)\n"
        start = time.perf_counter()
        self.sql(load)
        seconds = time.perf_counter() - start
        self.sql("DROP TABLE floor;")
        return seconds


def compare(database: Database, folders: dict[str, Path]) -> None:
    """Print a Markdown table of every case and its ratio to the floor."""
    database.manage("migrate", "--verbosity", "0")
    database.load(folders["base"], "customers")
    print("\n| case | time | to the floor | peak memory | rows |\n|---|---|---|---|---|")
    floor = min(database.floor(folders["base"] / "engagement.csv") for _ in range(2))
    print(f"| floor | {floor:.2f} s | 1.00 x | | |")
    cases: list[tuple[str, dict[str, Any]]] = []
    database.empty()
    cases.append(("first load into an empty table", database.load(folders["base"])))
    cases.append(("the same file again", database.load(folders["base"])))
    cases.append(("one day's tail", database.load(folders["tail"])))
    cases.append(("reload, 1 % changed", database.load(folders["changed"])))
    cases.append(("reload, 1 % of the rows bad", database.load(folders["bad"])))
    database.empty()
    database.load(folders["other"])
    cases.append(("first load into a table with other rows", database.load(folders["base"])))
    for name, result in cases:
        counts = ", ".join(
            f"{result[state]} {state}" for state in ("created", "updated", "unchanged", "quarantined") if result[state]
        )
        print(
            f"| {name} | {result['seconds']:.2f} s | {result['seconds'] / floor:.2f} x | "
            f"{result['peak_mib']:.0f} MiB | {counts or result['reason']} |",
            flush=True,
        )


def main() -> None:
    """Run the comparison on both databases."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--database", choices=["sqlite", "postgres"], action="append")
    parser.add_argument("--work", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work(Path(options.work[0]), options.work[1])
        return
    chosen = options.database or ["sqlite", "postgres"]
    with tempfile.TemporaryDirectory() as name:
        folders = write_files(Path(name), options.rows)
        if "sqlite" in chosen:
            print(f"\nSQLite, {options.rows} rows")
            file = Path(name) / "bench.sqlite3"
            compare(Database(f"sqlite:///{file}", file), folders)
        if "postgres" in chosen:
            print(f"\nPostgreSQL, {options.rows} rows")
            with throwaway_postgres() as url:
                compare(Database(url), folders)


if __name__ == "__main__":
    main()

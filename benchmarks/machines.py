"""200 people on the pages of two machines while a night runs beside them: ``make bench-machines``.

Two web servers of a process each, as two machines have them, reach the primary and its replica through PgBouncer in
transaction mode, one pooler for each. People and night are those of ``load.py``; somebody edits something every
ten seconds, so that pages are made anew and whoever edits reads from the primary. Everything is on one machine.
"""

import argparse
import os
import random
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.load import COLUMNS, CUSTOMERS, ROWS, Person, cells_of_a_night, prepare, write_night
from benchmarks.pages import Installation, machine, row, write_program
from tests.support.pooler import pooler
from tests.support.postgres import server_folders

PEOPLE, MACHINES, EDIT_SECONDS = 200, 2, 10.0
BEHIND = 5
"""So many seconds may the replica be behind."""


@contextmanager
def servers() -> Iterator[dict[str, str]]:
    """A primary and its replica, as the settings of the application that name the poolers before them."""
    with server_folders("p", "r") as [primary, replica], ExitStack() as stack:
        primary.initialise()
        primary.start()
        replica.follow(primary)
        urls = [stack.enter_context(pooler(server.url)).url for server in (primary, replica)]
        yield {
            "DATABASE_URL": urls[0],
            "DATABASE_REPLICA_URL": urls[1],
            "DATABASE_REPLICA_LAG": str(BEHIND),
            "DATABASE_POOLER": "1",
        }


@contextmanager
def edited(ours: Installation) -> Iterator[None]:
    """Let somebody edit something now and then beside the block."""
    is_over = threading.Event()

    def keep_editing() -> None:
        while not is_over.wait(EDIT_SECONDS):
            edit()

    with ours.editor() as edit:
        editing = threading.Thread(target=keep_editing)
        editing.start()
        try:
            yield
        finally:
            is_over.set()
            editing.join()


def measure(settings: dict[str, str], folder: Path, drop: Path, count: int, minutes: float) -> None:
    """The row of so many people."""
    ours = Installation(settings["DATABASE_URL"])
    ours.environment |= settings
    cookies = prepare(ours, folder)
    with ExitStack() as stack:
        ports = [stack.enter_context(ours.server(workers=1)) for _machine in range(MACHINES)]
        people = [Person(ports[number % MACHINES], cookies, random.Random(number)) for number in range(count)]
        stack.enter_context(edited(ours))
        row(f"{MACHINES} web processes, replica, poolers", *cells_of_a_night(ours, people, drop, minutes))


def main() -> None:
    """Measure it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=PEOPLE)
    parser.add_argument("--minutes", type=float, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="rsolv-bench-") as name:
        base = Path(name)
        os.environ |= {"ARCHIVE_DIR": str(base / "archive"), "EXPORT_DIR": str(base / "exports")}
        folder, drop = write_program(base / "program", CUSTOMERS, ROWS), base / "night"
        write_night(folder, drop)
        Installation(f"sqlite:///{folder}/none.sqlite3").manage("collectstatic", "--no-input", "--verbosity", "0")
        print(f"{machine()}\n")
        row("on one machine", *COLUMNS)
        print("|---|---:|---:|---:|---:|---:|---:|---:|---|")
        with servers() as settings:
            measure(settings, folder, drop, options.people, options.minutes)


if __name__ == "__main__":
    main()

"""How the work of a night and the pages grow with the program, on PostgreSQL: ``make bench-scale``.

Two programs, of which the second is ten times the first. Each begins with a tenth of its rows; then a file comes that
has ten times as many, with all of the first changed; then the night's tail, a hundredth more. The newest date is
scored, and the pages are asked for: each for the first time after the data have changed, and again while nothing
changes. Each piece of work has a process of its own, whose start is left out.

Beside the seconds by the clock stand those of the processors, of our process and of the server's, by which a machine
that others use can be judged, too. The ratios are of both.
"""

import argparse
import os
import statistics
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any

from benchmarks import program
from benchmarks.page_work import PAGES, PALETTE
from benchmarks.pages import RETURNS, Installation, machine, request_ms, row, verdict
from tests.support.postgres import throwaway_postgres

TIMES = 10
"""As many times as large is the second program."""
DAYS = 300
SMALL = (100_000, 3_000_000)
MAX_LOAD, MAX_SCORE, MAX_MIB = 1.3, 1.2, 250
MAX_TAIL_SECONDS, MAX_FIRST_MS, MAX_AGAIN_MS = 8, 400, 60
FIRST_VIEWS, AGAIN = 4, 20
MY_DAY = ("needs", "/admin/my-day/?owner=", "list")
ASKED = [MY_DAY, *(page for page in PAGES if page[0] in ("dashboard", "filtered table", "search", PALETTE))]
BASE, GROWN, TAIL = "base", "grown", "tail"


@dataclass(frozen=True)
class Cost:
    """What a piece of work took: seconds by the clock, of our processor and of the server's, and our memory."""

    seconds: float
    ours: float
    servers: float
    peak_mib: float

    @property
    def processor(self) -> float:
        """The seconds of all processors."""
        return self.ours + self.servers

    def cells(self) -> list[str]:
        """What a row of the table says of it."""
        return [f"{self.seconds:.1f} s", f"{self.ours:.1f} + {self.servers:.1f} s", f"{self.peak_mib:.0f} MiB"]


@dataclass(frozen=True)
class Server:
    """The processes of a PostgreSQL, those that have ended included."""

    postmaster: int

    def processor_seconds(self) -> float:
        """The seconds that they have worked, in user's mode and in the kernel's."""
        everyone = [*Path("/proc").glob("[0-9]*")]
        stats = [stat for path in everyone if (stat := _stat(path))]
        mine = [stat for stat in stats if self.postmaster in (int(stat["pid"]), int(stat["parent"]))]
        ticks = sum(stat["worked"] for stat in mine)
        ticks += sum(stat["children"] for stat in mine if int(stat["pid"]) == self.postmaster)
        return ticks / os.sysconf("SC_CLK_TCK")


def _stat(process: Path) -> dict[str, int]:
    try:
        text = (process / "stat").read_text()
    except OSError:
        return {}
    fields = text.rpartition(")")[2].split()
    worked, children = sum(map(int, fields[11:13])), sum(map(int, fields[13:15]))
    return {"pid": int(process.name), "parent": int(fields[1]), "worked": worked, "children": children}


@contextmanager
def new_program(folder: Path) -> Iterator[tuple[Installation, Server]]:
    """An empty server with our tables, and an archive of its own."""
    import psycopg

    with throwaway_postgres() as url:
        os.environ["ARCHIVE_DIR"] = str(folder / "archive")
        ours = Installation(url)
        ours.manage("migrate", "--verbosity", "0")
        with psycopg.connect(url) as connection:
            [data] = connection.execute("SHOW data_directory").fetchone() or [""]
        yield ours, Server(int((Path(data) / "postmaster.pid").read_text().split("\n", 1)[0]))


def write_files(folder: Path, customers: int, rows: int) -> dict[str, Path]:
    """A folder for each state of the program; a file is written as it is made, since it may have 30,000,000 rows."""
    folders = {name: folder / name for name in (BASE, GROWN, TAIL)}
    for path in folders.values():
        path.mkdir(parents=True)
    program.write(folders[BASE], "customers", program.customers(customers))
    program.write(folders[BASE], "onboarding", program.onboarding(customers))

    def lines(of: int) -> Iterator[str]:
        return program.engagement(of, customers, per_day=rows // DAYS)

    def grown() -> Iterator[str]:
        every = lines(rows)
        return chain(map(program.changed, islice(every, rows // TIMES)), every)

    program.write(folders[BASE], "engagement", lines(rows // TIMES))
    program.write(folders[GROWN], "engagement", grown())
    more = program.engagement(rows // 100, customers, first=rows, seed=3, per_day=rows // DAYS)
    program.write(folders[TAIL], "engagement", chain(grown(), more))
    return folders


def cost(server: Server, work: Callable[[], dict[str, Any]]) -> Cost:
    """Do a piece of work, and say what it took."""
    before = server.processor_seconds()
    done = work()
    return Cost(done["seconds"], done["processor"], server.processor_seconds() - before, done["peak_mib"])


def measure_night(ours: Installation, server: Server, files: dict[str, Path]) -> dict[str, Cost]:
    """Load the program in its three steps, and score it."""
    ours.work("load_feed", str(files[BASE]), "customers")
    ours.work("load_feed", str(files[BASE]), "onboarding")
    found = {}
    for name, folder in files.items():
        found[name] = cost(server, partial(ours.work, "load_feed", str(folder), "engagement"))
    ours.work("score", "7")
    return found | {"score": cost(server, partial(ours.work, "score", "0"))}


def measure_pages(ours: Installation, history: int) -> dict[str, tuple[float, float]]:
    """Each page's milliseconds for the first time after the data have changed, and again: medians."""
    cookies = ours.work("prepare", str(history))["cookies"]
    found = {}
    with ours.server() as port, ours.editor("command") as change_the_data:
        for name, address, _kind in ASKED:
            request_ms(port, address, cookies)
            firsts, again = [], []
            for _time in range(FIRST_VIEWS):
                change_the_data()
                firsts.append(request_ms(port, address, cookies))
            for number in range(RETURNS + AGAIN):
                took = request_ms(port, address, cookies)
                again += [took] if number >= RETURNS else []
            found[name] = statistics.median(firsts), statistics.median(again)
    return found


def compare(small: dict[str, Cost], large: dict[str, Cost]) -> None:
    """The rows of both programs' nights, and the ratios."""
    titles = {
        BASE: ("first load of a tenth of the rows", None),
        GROWN: ("load of nine times as many new rows, the first ones changed", MAX_LOAD),
        TAIL: ("a night's tail, a hundredth of the rows", None),
        "score": ("score of the newest date", MAX_SCORE),
    }
    row("work", "size", "clock", "processor, ours + the server's", "memory", "of ten times the small one", "aim", "")
    row(*["---"] * 8)
    for name, (title, most) in titles.items():
        row(title, "small", *small[name].cells(), "", "", "")
        by_clock = large[name].seconds / small[name].seconds / TIMES
        by_processor = large[name].processor / small[name].processor / TIMES
        ratio = f"{by_clock:.2f}, processor {by_processor:.2f}"
        aim = (f"<= {most}", verdict(by_clock <= most)) if most else ("", "")
        row(title, "large", *large[name].cells(), ratio, *aim)
    took, most = large[TAIL].seconds, MAX_TAIL_SECONDS
    row("a night's tail", "large", f"{took:.1f} s", "", "", "", f"<= {most} s", verdict(took <= most))
    peak = max(small["score"].peak_mib, large["score"].peak_mib)
    row("score, memory at either", "", "", "", f"{peak:.0f} MiB", "", f"<= {MAX_MIB} MiB", verdict(peak <= MAX_MIB))


def print_pages(found: dict[str, tuple[float, float]]) -> None:
    """The rows of the large program's pages."""
    print()
    row("page, large", "first view", "again", "aim", "")
    row(*["---"] * 5)
    for name, (first, again) in found.items():
        met = first <= MAX_FIRST_MS and again <= MAX_AGAIN_MS
        row(name, f"{first:.0f} ms", f"{again:.0f} ms", f"<= {MAX_FIRST_MS} / {MAX_AGAIN_MS} ms", verdict(met))


def main() -> None:
    """Measure both programs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=SMALL[0], help="of the small program")
    parser.add_argument("--rows", type=int, default=SMALL[1], help="of the small program")
    parser.add_argument("--history", type=int, default=30, help="scored dates of the large program, for its pages")
    options = parser.parse_args()
    print(f"{machine()}\n")
    nights = []
    with tempfile.TemporaryDirectory(prefix="rsolv-bench-") as name:
        for times in (1, TIMES):
            folder = Path(name) / str(times)
            files = write_files(folder, options.customers * times, options.rows * times)
            with new_program(folder) as (ours, server):
                nights.append(measure_night(ours, server, files))
                if times == TIMES:
                    ours.manage("collectstatic", "--no-input", "--verbosity", "0")
                    compare(*nights)
                    print_pages(measure_pages(ours, options.history))


if __name__ == "__main__":
    main()

"""Open pages that follow while nights' imports run: ``make bench-live``.

The people and the night of ``load.py``, in four turns: without sockets, with 500 of them (100 people, five pages
each), with them again, and without. A turn begins with half a minute in which people and sockets arrive; then nights
follow one another, each with a million rows of which every fourth has changed. All the while somebody edits something
every half second, so that there is always something to be told. Each socket notes when it is told; one that is closed
is a drop. The 95 % are of those requests alone that began while a night ran: with sockets and without.
"""

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from benchmarks.load import BEGINS_AFTER, CUSTOMERS, PEOPLE, ROWS, Person, night, prepare, write_night
from benchmarks.pages import Installation, machine, new_database, row, verdict, write_program

SOCKETS, OF_A_PERSON = 500, 5
MAX_MIB, MAX_SLOWER, MOST_A_SECOND = 250, 1.10, 1.02
EDIT_SECONDS, OPEN_SECONDS = 0.5, 30


# --- The sockets, in a process of their own -----------------------------------------------------------------------


async def follow(port: int, cookies: str, until: float) -> tuple[bool, list[float]]:
    """Keep a socket open until then; whether it stayed so, and when it was told something."""
    told: list[float] = []
    origin, address = f"http://127.0.0.1:{port}", f"ws://127.0.0.1:{port}/ws/state"
    try:
        async with connect(
            address,
            origin=origin,
            additional_headers={"Cookie": cookies},
            compression=None,
            proxy=None,
            open_timeout=OPEN_SECONDS,
        ) as socket:
            while (left := until - time.monotonic()) > 0:
                try:
                    await asyncio.wait_for(socket.recv(), left)
                except TimeoutError:
                    break
                told.append(time.monotonic())
    except (ConnectionClosed, InvalidHandshake, OSError) as error:
        print(error, file=sys.stderr)
        return False, told
    return True, told


async def follow_all(port: int, cookies: list[str], seconds: float) -> None:
    """Keep all of them open so long, and print what became of them."""
    until = time.monotonic() + seconds
    opened = []
    for one in cookies:
        opened.append(asyncio.create_task(follow(port, one, until)))
        await asyncio.sleep(0.01)
    ends = await asyncio.gather(*opened)
    rates = [(len(told) - 1) / (told[-1] - told[0]) for _stayed, told in ends if len(told) > 1]
    print(
        json.dumps(
            {
                "dropped": sum(not stayed for stayed, _told in ends),
                "told": sum(len(told) for _stayed, told in ends),
                "deaf": sum(not told for _stayed, told in ends),
                "rate": max(rates, default=0),
            }
        )
    )


# --- The night ----------------------------------------------------------------------------------------------------


@dataclass
class Turns:
    """What the turns with sockets, or those without, have found; seconds are of requests beside a night."""

    seconds: list[float] = field(default_factory=list)
    nights: int = 0
    codes: set[int] = field(default_factory=set)
    ends: list[dict[str, float]] = field(default_factory=list)
    mib: float = 0

    @property
    def late(self) -> float:
        """What 95 % of the requests took at most."""
        return sorted(self.seconds)[len(self.seconds) * 95 // 100]

    @property
    def words(self) -> str:
        """The same, and of how much, for the table."""
        return f"{1000 * self.late:.0f} ms of {len(self.seconds):,} requests, {self.nights} nights"


@contextmanager
def live_process(ours: Installation) -> Iterator[subprocess.Popen[bytes]]:
    """The process of the sockets."""
    socket = Path(ours.environment["LIVE_SOCKET"])
    socket.unlink(missing_ok=True)  # that of an earlier turn
    process = subprocess.Popen([sys.executable, "manage.py", "live"], env=ours.environment)
    try:
        while not socket.is_socket():
            time.sleep(0.1)
        yield process
    finally:
        process.terminate()
        process.wait()


def peak_mib(process: subprocess.Popen[bytes]) -> float:
    """The most memory that a process has had."""
    status = dict(line.split(":", 1) for line in Path(f"/proc/{process.pid}/status").read_text().splitlines())
    return int(status["VmHWM"].split()[0]) / 1024


def nights(ours: Installation, drops: Iterator[Path], until: float, ran: list[tuple[float, float, int]]) -> None:
    """One night after another until then; when each began and ended, and its exit code."""
    time.sleep(BEGINS_AFTER)
    while time.perf_counter() < until:
        began = time.perf_counter()
        code, seconds = night(ours, next(drops))
        ran.append((began, began + seconds, code))


@dataclass(frozen=True)
class Place:
    """Where a turn takes place: the program, its server, the cookies of a visitor and of each socket, the nights."""

    database: str
    ours: Installation
    port: int
    visitor: str
    sockets: list[str]
    drops: Iterator[Path]
    minutes: float


def people_at_work(place: Place, found: Turns) -> None:
    """One turn: people at the pages, nights beside them, and somebody who edits."""
    ran: list[tuple[float, float, int]] = []
    people = [Person(place.port, place.visitor, random.Random(number)) for number in range(PEOPLE[place.database])]
    seconds = 60 * place.minutes
    until = time.monotonic() + seconds
    threads = [threading.Thread(target=person.work, args=[until]) for person in people]
    night_after_night = [place.ours, place.drops, time.perf_counter() + seconds, ran]
    threads.append(threading.Thread(target=nights, args=night_after_night))
    with place.ours.editor() as edit:
        for thread in threads:
            thread.start()
        while time.monotonic() < until:
            edit()
            time.sleep(EDIT_SECONDS)
        for thread in threads:
            thread.join()
    errors = [error for person in people for error in person.errors]
    assert not errors, errors[:3]
    took = [one for person in people for one in zip(person.begun, person.seconds, strict=True)]
    found.seconds += [seconds for at, seconds in took if any(began <= at < ended for began, ended, _code in ran)]
    found.nights += len(ran)
    found.codes |= {code for _began, _ended, code in ran}


def with_sockets(place: Place, found: Turns) -> None:
    """One turn with 500 sockets; and what became of them, and the memory of their process."""
    with live_process(place.ours) as live:
        # Five hundred browsers are on other machines, so they take nothing from the pages of this one.
        command = ["nice", "-n", "19", sys.executable, "-m", "benchmarks.live"]
        command += ["--follow", str(place.port), "--minutes", str(place.minutes)]
        client = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert client.stdin
        client.stdin.write(json.dumps(place.sockets))
        client.stdin.close()
        people_at_work(place, found)
        assert client.stdout
        found.ends.append(json.loads(client.stdout.read()))
        found.mib = max(found.mib, peak_mib(live))


def measure(database: str, base: Path, folder: Path, drops: Iterator[Path], minutes: float) -> None:
    """The row of one database."""
    without, sockets = Turns(), Turns()
    with new_database(database, base) as url:
        ours = Installation(url)
        ours.environment |= {"LIVE_SOCKET": str(base / "live"), "ARCHIVE_DIR": str(base / f"archive-{database}")}
        visitor = prepare(ours, folder)
        # Before the first one there is no alert: the first turn's pages would cost less than those of the others.
        code, _seconds = night(ours, next(drops))
        assert code == 0
        people = ours.work("sessions", str(SOCKETS // OF_A_PERSON))["cookies"]
        with ours.server() as port:
            place = Place(database, ours, port, visitor, people * OF_A_PERSON, drops, minutes)
            people_at_work(place, without)
            with_sockets(place, sockets)
            with_sockets(place, sockets)
            people_at_work(place, without)
    dropped, deaf, told = (sum(end[what] for end in sockets.ends) for what in ("dropped", "deaf", "told"))
    rate = max(end["rate"] for end in sockets.ends)
    is_reached = not dropped and not deaf and rate <= MOST_A_SECOND and sockets.mib <= MAX_MIB
    codes = without.codes | sockets.codes
    row(
        database,
        SOCKETS,
        f"{dropped:.0f}",
        f"{told:,.0f}",
        f"{rate:.2f}",
        f"{sockets.mib:.0f} MiB",
        without.words,
        sockets.words,
        verdict(is_reached and sockets.late <= MAX_SLOWER * without.late) if codes == {0} else f"**nightly {codes}**",
    )


def main() -> None:
    """Measure both databases, or one; or be the 500."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", choices=PEOPLE, action="append")
    parser.add_argument("--minutes", type=float, default=2.5, help="of each turn")
    parser.add_argument("--follow", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.follow:
        asyncio.run(follow_all(options.follow, json.load(sys.stdin), 60 * options.minutes - 5))
        return
    with tempfile.TemporaryDirectory(prefix="rsolv-bench-") as name:
        base = Path(name)
        os.environ |= {"EXPORT_DIR": str(base / "exports")}
        folder, drop = write_program(base / "program", CUSTOMERS, ROWS), base / "night"
        write_night(folder, drop)
        drops = cycle((drop, folder))
        Installation(f"sqlite:///{folder}/none.sqlite3").manage("collectstatic", "--no-input", "--verbosity", "0")
        print(f"{machine()}\n")
        row(
            "database",
            "sockets",
            "dropped",
            "messages",
            "most a second to one",
            "peak memory",
            "pages' 95 % beside nights, without",
            "with",
            "aim: none dropped, 1 a second, 250 MiB, 10 % slower",
        )
        print("|---|---:|---:|---:|---:|---:|---:|---:|---|")
        for database in options.database or PEOPLE:
            measure(database, base, folder, drops, options.minutes)


if __name__ == "__main__":
    main()

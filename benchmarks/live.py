"""Open pages that follow while a night's import runs: ``make bench-live``.

The people and the night of ``load.py``, twice: without sockets, and with 500 of them (100 people, five pages each),
which a process of its own keeps open from before the night until after it. All the while somebody edits something
every half second, so that there is always something to be told. Each socket notes when it is told; one that is closed
is a drop. The pages' 95 % are compared with those of the night without sockets.
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
from pathlib import Path

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from benchmarks.load import CUSTOMERS, PEOPLE, ROWS, Person, nightly, write_night
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
    except (ConnectionClosed, InvalidStatus, OSError) as error:
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


@contextmanager
def live_process(ours: Installation) -> Iterator[subprocess.Popen[bytes]]:
    """The process of the sockets."""
    process = subprocess.Popen([sys.executable, "manage.py", "live"], env=ours.environment)
    try:
        while not Path(ours.environment["LIVE_SOCKET"]).is_socket():
            time.sleep(0.1)
        yield process
    finally:
        process.terminate()
        process.wait()


def peak_mib(process: subprocess.Popen[bytes]) -> float:
    """The most memory that a process has had."""
    status = dict(line.split(":", 1) for line in Path(f"/proc/{process.pid}/status").read_text().splitlines())
    return int(status["VmHWM"].split()[0]) / 1024


def people_at_work(
    database: str, ours: Installation, port: int, drop: Path, minutes: float
) -> tuple[list[float], int]:
    """The seconds of each request while the night runs, sorted, and the night's exit code."""
    cookies = ours.work("prepare")["cookies"]
    ended: list[tuple[int, float]] = []
    people = [Person(port, cookies, random.Random(number)) for number in range(PEOPLE[database])]
    until = time.monotonic() + 60 * minutes
    threads = [threading.Thread(target=person.work, args=[until]) for person in people]
    threads.append(threading.Thread(target=nightly, args=[ours, drop, ended]))
    with ours.editor() as edit:
        for thread in threads:
            thread.start()
        while time.monotonic() < until:
            edit()
            time.sleep(EDIT_SECONDS)
        for thread in threads:
            thread.join()
    errors = [error for person in people for error in person.errors]
    assert not errors, errors[:3]
    return sorted(seconds for person in people for seconds in person.seconds), ended[0][0]


def with_sockets(
    database: str, ours: Installation, port: int, drop: Path, minutes: float
) -> tuple[list[float], int, dict[str, float], float]:
    """The same with 500 sockets; and what became of them, and the memory of their process."""
    sessions = ours.work("sessions", str(SOCKETS // OF_A_PERSON))["cookies"]
    with live_process(ours) as live:
        # Five hundred browsers are on other machines, so they take nothing from the pages of this one.
        command = ["nice", "-n", "19", sys.executable, "-m", "benchmarks.live"]
        command += ["--follow", str(port), "--minutes", str(minutes)]
        client = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert client.stdin
        client.stdin.write(json.dumps(sessions * OF_A_PERSON))
        client.stdin.close()
        seconds, code = people_at_work(database, ours, port, drop, minutes)
        assert client.stdout
        return seconds, code, json.loads(client.stdout.read()), peak_mib(live)


def measure(database: str, base: Path, folder: Path, drop: Path, minutes: float) -> None:
    """The row of one database."""
    late = {}
    for has_sockets in (False, True):
        with new_database(database, base) as url:
            ours = Installation(url)
            archive = base / f"archive-{database}-{has_sockets}"
            ours.environment |= {"LIVE_SOCKET": str(base / "live"), "ARCHIVE_DIR": str(archive)}
            ours.manage("migrate", "--verbosity", "0")
            ours.work("load", str(folder))
            for days in ("7", "0"):
                ours.work("score", days)
            with ours.server() as port:
                if has_sockets:
                    seconds, code, ends, mib = with_sockets(database, ours, port, drop, minutes)
                else:
                    seconds, code = people_at_work(database, ours, port, drop, minutes)
            late[has_sockets] = seconds[len(seconds) * 95 // 100]
    is_reached = not ends["dropped"] and not ends["deaf"] and ends["rate"] <= MOST_A_SECOND and mib <= MAX_MIB
    row(
        database,
        SOCKETS,
        f"{ends['dropped']:.0f}",
        f"{ends['told']:,.0f}",
        f"{ends['rate']:.2f}",
        f"{mib:.0f} MiB",
        f"{1000 * late[False]:.0f} ms",
        f"{1000 * late[True]:.0f} ms",
        verdict(is_reached and late[True] <= MAX_SLOWER * late[False]) if code == 0 else f"**nightly {code}**",
    )


def main() -> None:
    """Measure both databases, or one; or be the 500."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", choices=PEOPLE, action="append")
    parser.add_argument("--minutes", type=float, default=5)
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
        Installation(f"sqlite:///{folder}/none.sqlite3").manage("collectstatic", "--no-input", "--verbosity", "0")
        print(f"{machine()}\n")
        row(
            "database",
            "sockets",
            "dropped",
            "messages",
            "most a second to one",
            "peak memory",
            "pages' 95 % without",
            "with",
            "aim: none dropped, 1 a second, 250 MiB, 10 % slower",
        )
        print("|---|---:|---:|---:|---:|---:|---:|---:|---|")
        for database in options.database or PEOPLE:
            measure(database, base, folder, drop, options.minutes)


if __name__ == "__main__":
    main()

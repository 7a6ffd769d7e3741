"""Counts of all processes of a machine, each in files of its own, with which the next process in its place goes on.

prometheus_client's files are by process id as a rule: with each worker that is replaced there are more, and every
scrape reads all of them. Here a process takes the first place that is free, such as ``web-0``, and holds it by a lock
until it ends, however it ends. There are as many files as there were ever processes at once, and no count goes back.
"""

import atexit
import fcntl
import json
import logging
import os
import shutil
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from django.conf import settings
from prometheus_client import Counter, Gauge, Histogram, values
from prometheus_client.metrics_core import Metric

from customers.core.files import open_to_lock
from rsolv_cs.monitoring.merging import merged

logger = logging.getLogger(__name__)

WEB, LIVE = "web", "live"
_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
_MOST_PLACES = 1_000
_FILE_BYTES = 1 << 20
"""How large prometheus_client makes a file at first."""
_declared: list[str] = []


@dataclass(frozen=True)
class Process:
    """A process that lives, by its place; ``pid`` is None where it is in another container, whose numbers differ."""

    place: str
    pid: int | None


class _Own:
    """The place of this process, taken when it first counts something."""

    def __init__(self) -> None:
        self.kind = WEB
        self.guard = threading.Lock()
        self.place = ""
        self.lock: BinaryIO | None = None

    def name(self) -> str:
        """Return the place."""
        if not self.place:
            with self.guard:
                if not self.place:
                    self.place, self.lock = _take(self.kind)
        return self.place

    def forget(self) -> None:
        """Let go of what a fork has given this process: the place is its parent's."""
        self.guard = threading.Lock()
        self.place = ""
        if self.lock:
            self.lock.close()
            self.lock = None


_own = _Own()
os.register_at_fork(after_in_child=_own.forget)


def be(kind: str) -> None:
    """Say what this process is, before it counts anything; by default it serves pages."""
    _own.kind = kind


# --- Declaring ----------------------------------------------------------------------------------------------------


def declare_counter(name: str, what: str, labels: Sequence[str]) -> Counter:
    """Declare a count that only grows."""
    return Counter(_noted(name, what, labels), what, labels, registry=None)


def declare_gauge(name: str, what: str, labels: Sequence[str]) -> Gauge:
    """Declare a number that is the sum over the processes that live."""
    return Gauge(_noted(name, what, labels), what, labels, registry=None, multiprocess_mode="livesum")


def declare_histogram(name: str, what: str, labels: Sequence[str], buckets: Sequence[float]) -> Histogram:
    """Declare a distribution over upper bounds."""
    return Histogram(_noted(name, what, labels, buckets), what, labels, registry=None, buckets=buckets)


def _noted(name: str, *declared: object) -> str:
    _declared.append(repr((name, declared)))
    return name


@cache
def _value_class() -> type:
    kind: type = values.MultiProcessValue(_own.name)
    return kind


def _value(*arguments: object, **named: object) -> object:
    """Make a number that lies in this process's files; what declares one must not take a place by that yet."""
    return _value_class()(*arguments, **named)


values.ValueClass = _value


# --- Places -------------------------------------------------------------------------------------------------------


def _take(kind: str) -> tuple[str, BinaryIO]:
    """Take a place in the folder that is shared; where that cannot be written, in one that nobody else reads."""
    try:
        return _take_in(settings.METRICS_DIR, kind)
    except OSError as error:
        logger.warning("The metrics of this process are counted apart: %s", error.strerror)
    apart = Path(tempfile.mkdtemp(prefix="rsolv-metrics-"))
    try:
        taken = _take_in(apart, kind)
    except OSError:
        # The next request tries again, in another one.
        shutil.rmtree(apart, ignore_errors=True)
        raise
    # Workers are replaced again and again, and each would leave one.
    atexit.register(_remove, apart, os.getpid())
    return taken


def _remove(folder: Path, pid: int) -> None:
    """Remove the folder of a process, which does it itself: a fork of it has one of its own."""
    if os.getpid() == pid:
        shutil.rmtree(folder, ignore_errors=True)


def _take_in(folder: Path, kind: str) -> tuple[str, BinaryIO]:
    folder.mkdir(mode=0o750, parents=True, exist_ok=True)
    for number in range(_MOST_PLACES):
        place = f"{kind}-{number}"
        lock = open_to_lock(folder / f"{place}.lock")
        if not _is_locked(lock):
            try:
                _prepare(folder, place, lock)
            except OSError:
                lock.close()
                raise
            os.environ[_VARIABLE] = str(folder)
            return place, lock
        lock.close()
    raise OSError(0, "there are too many processes")


def _prepare(folder: Path, place: str, lock: BinaryIO) -> None:
    """Make the files of a place that was locked just now, or keep the counts of the process before."""
    is_known = _said(lock).get("layout") == _layout()
    for path in folder.glob(f"*_{place}.db"):
        if not is_known or path.name.startswith("gauge"):
            path.unlink(missing_ok=True)
    for kind in ("counter", "histogram"):
        with (folder / f"{kind}_{place}.db").open("ab") as file:
            # A full disk is then an error here, instead of the end of the process when it counts.
            os.posix_fallocate(file.fileno(), 0, _FILE_BYTES)
    lock.seek(0)
    lock.truncate()
    lock.write(json.dumps({"layout": _layout(), "pid": os.getpid(), "space": _pid_space()}).encode())


def _is_locked(lock: BinaryIO) -> bool:
    """Whether another process holds a place; where none does, it is ours until the file is closed."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


def _said(lock: BinaryIO) -> dict[str, object]:
    """What the process in a place has said of itself."""
    lock.seek(0)
    try:
        said = json.loads(lock.read())
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _layout() -> str:
    """A fingerprint of all that is declared: other counts are another version's."""
    return sha256("\n".join(_declared).encode()).hexdigest()[:16]


def _pid_space() -> str:
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


# --- Reading ------------------------------------------------------------------------------------------------------


def counted_families() -> tuple[list[Metric], list[Process]]:
    """Return the counts of all processes together, and the processes that live."""
    _own.name()
    folder = Path(os.environ[_VARIABLE])
    places: set[str] = set()
    living: list[Process] = []
    for path in sorted(folder.glob("*.lock")):
        with open_to_lock(path) as lock:
            lives, said = _is_locked(lock), _said(lock)
            if said.get("layout") == _layout():
                places.add(path.stem)
            if lives:
                living.append(Process(path.stem, _pid(said)))
            else:
                (folder / f"gauge_livesum_{path.stem}.db").unlink(missing_ok=True)
    files = [path for path in sorted(folder.glob("*.db")) if path.stem.rpartition("_")[2] in places]
    return list(merged(files)), living


def _pid(said: dict[str, object]) -> int | None:
    """The process's number, where it is one among ours."""
    pid = said.get("pid")
    return pid if isinstance(pid, int) and said.get("space") == _pid_space() else None

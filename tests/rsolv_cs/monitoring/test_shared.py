"""Counts of several processes: each has a place, the next one goes on there, and what died is not told as alive."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from prometheus_client.multiprocess import MultiProcessCollector
from pytest_django.fixtures import Settings

from rsolv_cs.monitoring import shared
from tests.support import ROOT
from tests.support.metrics import Samples, samples

COUNT = """
import os, sys
from rsolv_cs.monitoring import counted, shared
shared.be(sys.argv[1])
counted.count_messages("state", int(sys.argv[2]))
counted.count_sockets(int(sys.argv[3]))
{}
print("ready", flush=True)
sys.stdin.readline()
"""
FORK = """
child = os.fork()
if child == 0:
    counted.count_messages("state", 100)
    os._exit(0)
os.waitpid(child, 0)
counted.count_messages("state", 1)
"""
READ = """
from prometheus_client import generate_latest
from rsolv_cs.monitoring import counted, processes, shared
class Told:
    def collect(self):
        counts, living = shared.counted_families()
        yield from counts
        yield from processes.process_families(living)
{}
print(generate_latest(Told()).decode())
"""
SAYS = "rsolv_websocket_messages_total"


def start(folder: Path, program: str, *arguments: object) -> subprocess.Popen[str]:
    surroundings = {
        **os.environ,
        "DEBUG": "1",
        "METRICS_DIR": str(folder),
        "DJANGO_SETTINGS_MODULE": "rsolv_cs.settings",
    }
    surroundings |= {"DATABASE_URL": f"sqlite:///{folder.parent}/none.sqlite3"}
    command = [sys.executable, "-c", program, *map(str, arguments)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    return subprocess.Popen(command, cwd=ROOT, env=surroundings, text=True, **pipes)


@contextmanager
def counting(
    folder: Path, kind: str, messages: int, sockets: int = 0, more: str = ""
) -> Iterator[subprocess.Popen[str]]:
    """A process that has counted, and stays."""
    with start(folder, COUNT.format(more), kind, messages, sockets) as process:
        assert process.stdout and process.stdin
        assert process.stdout.readline() == "ready\n"
        yield process
        if process.poll() is None:
            process.communicate("\n", timeout=30)


def read(folder: Path, before: str = "") -> Samples:
    with start(folder, READ.format(before)) as process:
        told, _nothing = process.communicate(timeout=60)
    assert process.returncode == 0
    return samples(told)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "metrics"


def test_processes_add_up_and_each_has_a_place(folder: Path) -> None:
    with counting(folder, "web", 1), counting(folder, "web", 2), counting(folder, "live", 4, sockets=7):
        told = read(folder)
        assert told[SAYS, "state"] == 7
        assert told["rsolv_websockets", "open"] == 7
        places = {key[1] for key in told if key[0] == "process_cpu_seconds_total"}
        # The last one is the reader.
        assert places == {"web-0", "web-1", "live-0", "web-2"}


def test_what_has_ended_is_counted_on_and_no_longer_alive(folder: Path) -> None:
    with counting(folder, "live", 3, sockets=5) as process:
        process.kill()
        process.wait()
    told = read(folder)
    assert (told[SAYS, "state"], told.get(("rsolv_websockets", "open"))) == (3, None)
    assert ("process_cpu_seconds_total", "live-0") not in told
    with counting(folder, "live", 10, sockets=2):
        told = read(folder)
    assert (told[SAYS, "state"], told["rsolv_websockets", "open"]) == (13, 2)
    assert {path.name for path in folder.glob("*live*")} == {
        *("live-0.lock", "counter_live-0.db", "histogram_live-0.db", "gauge_livesum_live-0.db")
    }


def test_however_many_processes_come_one_after_the_other_the_files_stay_few(folder: Path) -> None:
    for _ in range(4):
        with counting(folder, "web", 1):
            pass
    assert len(list(folder.glob("*.lock"))) == 1
    assert read(folder)[SAYS, "state"] == 4


def test_a_forked_process_has_a_place_of_its_own(folder: Path) -> None:
    with counting(folder, "web", 1, more=FORK):
        told = read(folder)
    assert told[SAYS, "state"] == 102
    assert {path.name for path in folder.glob("*.lock")} == {"web-0.lock", "web-1.lock"}


def test_counts_of_another_version_are_not_told_and_begin_anew(folder: Path) -> None:
    with counting(folder, "web", 5), counting(folder, "web", 7):
        pass
    told = read(folder, 'shared.declare_counter("rsolv_new", "New.", ("x",))')
    assert (SAYS, "state") not in told
    # The reader took the first place, and nobody the second one yet.
    assert read(folder).get((SAYS, "state")) == 7


def test_the_system_is_not_asked_about_a_process_of_another_container(folder: Path) -> None:
    with counting(folder, "live", 1):
        lock = folder / "live-0.lock"
        lock.write_text(lock.read_text().replace("pid:[", "pid:[9"))
        told = read(folder)
    assert told[SAYS, "state"] == 1
    assert ("process_cpu_seconds_total", "live-0") not in told
    assert ("process_cpu_seconds_total", "web-0") in told


def test_a_folder_that_cannot_be_written_costs_a_warning(tmp_path: Path) -> None:
    blocked = tmp_path / "metrics"
    # What only root could write, and root is who runs tests in a container: so a folder that cannot be one.
    blocked.symlink_to(tmp_path / "nowhere" / "else")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(tmp_path))
        assert read(blocked, 'counted.count_messages("state", 3)')[SAYS, "state"] == 3
        with counting(blocked, "web", 1):
            assert list(tmp_path.glob("rsolv-metrics-*/web-0.lock"))
    assert not list(tmp_path.glob("rsolv-metrics-*"))


def test_where_nothing_can_be_written_no_folder_is_left(tmp_path: Path, settings: Settings) -> None:
    def on_a_full_disk(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    settings.METRICS_DIR = tmp_path / "metrics"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tempfile.tempdir", str(tmp_path))
        patch.setattr("os.posix_fallocate", on_a_full_disk)
        for _request in range(3):
            with pytest.raises(OSError, match="No space"):
                shared._take(shared.WEB)
    assert not list(tmp_path.glob("rsolv-metrics-*"))


def test_numbers_are_added_up_as_prometheus_clients_own_collector_does(folder: Path) -> None:
    more = 'counted._seconds.labels("a").observe(0.02); counted._seconds.labels("a").observe(99)'
    with counting(folder, "web", 1, more=more), counting(folder, "web", 2, more=more):
        told = read(folder)
    own = samples(MultiProcessCollector.merge([str(path) for path in folder.glob("*.db")]))
    assert {key: value for key, value in told.items() if not key[0].startswith("process_")} == own
    name = "rsolv_http_request_duration_seconds"
    assert [own[name + "_bucket", bound, "a"] for bound in ("0.01", "0.025", "10.0", "+Inf")] == [0, 2, 2, 4]
    assert (own[name + "_count", "a"], own[name + "_sum", "a"]) == (4, pytest.approx(198.04))


def test_many_at_once_lose_nothing(folder: Path) -> None:
    with ExitStack() as stack:
        running = [stack.enter_context(start(folder, COUNT.format(""), "web", 1, 0)) for _ in range(6)]
        for process in running:
            assert process.stdout
            assert process.stdout.readline() == "ready\n"
        for process in running[:3]:
            process.kill()
            process.wait()
        assert read(folder)[SAYS, "state"] == 6
        for process in running[3:]:
            process.communicate("\n", timeout=30)
    assert len(list(folder.glob("*.lock"))) <= 7

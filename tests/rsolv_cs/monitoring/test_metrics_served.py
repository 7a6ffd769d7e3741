"""The metrics of the pages as they are served: several web processes that end, and the process of the sockets."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from tests.factories import make_staff
from tests.support.live import cookies_of, said, serving
from tests.support.metrics import Samples, samples
from tests.support.own_databases import own, unblocked, url
from tests.support.processes import environment
from tests.support.serving import ask, served

__all__ = ["own", "unblocked", "url"]

HEALTH = ("rsolv_http_requests_total", "GET", "healthz", "200")


def told(port: int) -> Samples:
    status, _headers, text = ask(port, "/metrics")
    assert status == 200, text
    return samples(text)


def soon(port: int, is_so: Callable[[Samples], bool]) -> Samples:
    until = time.monotonic() + 30
    while not is_so(found := told(port)):
        assert time.monotonic() < until, found
        time.sleep(0.2)
    return found


def web_pids(folder: Path) -> set[int]:
    """The workers, by the files that they hold."""
    return {int(path.read_text().partition('"pid": ')[2].partition(",")[0]) for path in folder.glob("web-*.lock")}


def test_whichever_process_answers_tells_of_all_of_them_and_of_those_that_ended(
    migrated_database: str, tmp_path: Path
) -> None:
    folder = tmp_path / "metrics"
    more = {"WORKERS": "2", "METRICS_DIR": str(folder), "METRICS_NETWORKS": "127.0.0.1"}
    with served(tmp_path, environment(migrated_database, **more)) as port:
        for _ in range(40):
            assert ask(port, "/healthz")[0] == 200
        first = told(port)
        assert first[HEALTH] == 40
        before = web_pids(folder)
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        found = soon(port, lambda _found: not before & web_pids(folder))
        assert found[HEALTH] == 40
        assert ask(port, "/healthz")[0] == 200
        assert told(port)[HEALTH] == 41
        assert len(list(folder.glob("*.lock"))) <= 2


def test_sockets_are_told_while_they_are_open(url: str, tmp_path: Path) -> None:
    more = {"METRICS_DIR": str(tmp_path / "metrics"), "METRICS_NETWORKS": "127.0.0.1"}
    with serving(url, **more) as site:
        cookies = cookies_of(make_staff("Viewer"))
        with site.socket(cookies) as one, site.socket(cookies) as two:
            assert len(said(one, 3)) == len(said(two, 1)) == 1
            found = soon(site.port, lambda found: found.get(("rsolv_websockets", "open")) == 2)
            assert found["rsolv_websocket_messages_total", "state"] == 2
            assert {key[1] for key in found if key[0] == "process_open_fds"} == {"web-0", "live-0"}
        soon(site.port, lambda found: found["rsolv_websockets", "open"] == 0)
        site.live.kill()
        site.live.wait()
        soon(site.port, lambda found: ("rsolv_websockets", "open") not in found)

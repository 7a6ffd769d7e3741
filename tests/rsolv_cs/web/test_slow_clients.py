"""Slow clients, and what is half a request: all others are answered meanwhile, and none is waited for for ever."""

import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from tests.support.serving import ask, served

SOON = 5.0
"""Seconds in which a page comes on a machine that is busy with other tests."""
HALF_A_HEADER = b"GET /admin/login/ HTTP/1.1\r\nHost: localhost\r\nX-A: "
HALF_A_BODY = (
    b"POST /admin/login/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    b"Content-Length: 500\r\n\r\nusername=a"
)


@pytest.fixture(scope="module")
def port(ready: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Two processes of four threads each, as they are by default."""
    with served(tmp_path_factory.mktemp("served"), {**ready, "WORKERS": "2"}) as found:
        assert ask(found, "/admin/login/")[0] == 200
        yield found


@contextmanager
def open_sockets(port: int, count: int, begin: bytes) -> Iterator[list[socket.socket]]:
    with ExitStack() as stack:
        found = []
        for _ in range(count):
            one = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=30))
            one.sendall(begin)
            found.append(one)
        yield found


def answers_soon(port: int, times: int = 3) -> bool:
    slowest = 0.0
    for _ in range(times):
        began = time.monotonic()
        assert ask(port, "/admin/login/")[0] == 200
        slowest = max(slowest, time.monotonic() - began)
    return slowest < SOON


@pytest.mark.parametrize("count", [10, 200])
@pytest.mark.parametrize("begin", [b"", HALF_A_HEADER, HALF_A_BODY], ids=["nothing", "header", "body"])
def test_half_open_connections_keep_nobody_else_waiting(port: int, begin: bytes, count: int) -> None:
    with open_sockets(port, count, begin):
        assert answers_soon(port)


@pytest.mark.parametrize("begin", [HALF_A_HEADER, HALF_A_BODY], ids=["header", "body"])
def test_a_byte_now_and_then_keeps_nobody_else_waiting_and_ends(port: int, begin: bytes) -> None:
    stop = threading.Event()

    def drip(found: list[socket.socket]) -> None:
        while not stop.wait(0.3):
            for one in found:
                try:
                    one.sendall(b"a")
                except OSError:
                    return

    with open_sockets(port, 12, begin) as found:
        dripping = threading.Thread(target=drip, args=(found,))
        dripping.start()
        try:
            assert answers_soon(port)
            if begin == HALF_A_HEADER:
                # Its time is over, although something always came.
                with suppress(ConnectionResetError):
                    assert found[0].recv(100) == b""
        finally:
            stop.set()
            dripping.join()


def test_who_does_not_take_an_answer_keeps_nobody_else_waiting(port: int) -> None:
    style = b"GET /static/unfold/css/styles.css HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with ExitStack() as stack:
        for _ in range(12):
            one = stack.enter_context(socket.socket())
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            one.connect(("127.0.0.1", port))
            one.sendall(style * 20)
        time.sleep(0.5)
        assert answers_soon(port)


def test_half_received_bodies_take_so_much_room_together_and_no_more(ready: dict[str, str], tmp_path: Path) -> None:
    """Uploads of 1 MB at most make bodies of 6 MB at most, and two of these may lie about."""
    megabyte = b"x" * 1024 * 1024
    head = b"POST /admin/login/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % (5 * len(megabyte))
    with served(tmp_path, {**ready, "UPLOAD_MAX_MB": "1"}) as own, open_sockets(own, 8, head) as found:
        assert ask(own, "/healthz")[0] == 200
        for _ in range(4):
            for one in found:
                with suppress(OSError):
                    one.sendall(megabyte)
        time.sleep(2)
        alive = 0
        for one in found:
            one.settimeout(0.2)
            try:
                alive += bool(one.recv(100))
            except TimeoutError:
                alive += 1
            except ConnectionResetError:
                pass
        assert 1 <= alive <= 3
        assert answers_soon(own)


def raw(port: int, *parts: bytes) -> bytes:
    """What is answered to bytes that come one by one, until the connection ends."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as one:
        for part in parts:
            one.sendall(part)
            time.sleep(0.05)
        one.shutdown(socket.SHUT_WR)
        found = b""
        while more := one.recv(65536):
            found += more
    return found


def test_a_request_that_comes_in_pieces_is_answered(port: int) -> None:
    head, _, rest = HALF_A_BODY.partition(b"\r\n\r\n")
    found = raw(port, head[:30], head[30:], b"\r\n\r\n", rest, b"x" * 490)
    assert found.startswith(b"HTTP/1.1 403 "), "without the token of the form"
    assert b"Server:" not in found


@pytest.mark.parametrize(
    ("path", "status"),
    [("/admin/login/", b"200"), ("/nothing/", b"404"), ("/healthz", b"200"), ("/static/rsolv_cs/errors.css", b"200")],
)
def test_head_is_answered_by_a_head_alone(port: int, path: str, status: bytes) -> None:
    """The next answer on the connection begins where the first one's head ends."""
    ask_for = b"%b " + path.encode() + b" HTTP/1.1\r\nHost: localhost\r\n%b\r\n"
    found = raw(port, ask_for % (b"HEAD", b"") + ask_for % (b"GET", b"Connection: close\r\n"))
    first, second, body = found.split(b"\r\n\r\n", 2)
    assert [answer.split(b" ", 2)[:2] for answer in (first, second)] == [[b"HTTP/1.1", status]] * 2
    lengths = [re.search(rb"Content-Length: (\d+)", answer)[1] for answer in (first, second)]
    assert len(set(lengths)) == 1 or path == "/admin/login/", "the token of the form may be longer"
    assert len(body) == int(lengths[1])


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"400"),
        (b"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", b"400"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\nabc", b"400"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", b"501"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: b\nY: c\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", b"400"),
        ((b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 65_536)[:65_536], b"431"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 999999999999\r\n\r\n", b"413"),
    ],
)
def test_what_two_servers_could_read_differently_is_refused(port: int, request_: bytes, status: bytes) -> None:
    found = raw(port, request_)
    assert found.split(b" ", 2)[1] == status
    assert found.count(b"HTTP/1.") == 1


def test_what_is_running_is_ended_before_the_server_is(ready: dict[str, str], tmp_path: Path) -> None:
    with served(tmp_path, ready) as own:
        assert ask(own, "/healthz")[0] == 200
        idle = socket.create_connection(("127.0.0.1", own), timeout=30)
        began = time.monotonic()
    # A connection on which nothing comes is not waited for, see served().
    assert time.monotonic() - began < 10
    idle.close()

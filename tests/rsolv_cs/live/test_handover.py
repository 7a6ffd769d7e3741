"""Connections pass from the web server to the process of the sockets, hundreds of them at once."""

import asyncio
import socket
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rsolv_cs.live import handover
from tests.support.live import run_alone

MANY = 500


@pytest.fixture
def place() -> Iterator[Path]:
    # The path of a Unix socket must be short.
    with tempfile.TemporaryDirectory(prefix="live-") as folder:
        yield Path(folder) / "s"


def give(place: Path, number: int) -> tuple[bool, socket.socket]:
    """Hand one end of a connection over; whether it was taken, and the other end."""
    mine, theirs = socket.socketpair()
    with theirs:
        return handover.hand_over(theirs, f"head {number}".encode(), place), mine


async def take_all(ours: socket.socket, number: int) -> None:
    """Take so many connections, and say in each what its head was."""
    left = number
    while left:
        for giver in handover.waiting(ours):
            handed = await handover.taken(giver)
            assert handed is not None
            connection, head = handed
            with connection:
                connection.sendall(head)
            left -= 1
        await asyncio.sleep(0.01)


def test_of_five_hundred_at_once_none_is_refused_though_the_process_is_busy(place: Path) -> None:
    with handover.inbox(place) as ours, ThreadPoolExecutor(8) as givers:
        # Nobody takes any of them meanwhile.
        given = list(givers.map(lambda number: give(place, number), range(MANY)))
        assert [taken for taken, _mine in given] == [True] * MANY
        run_alone(take_all(ours, MANY))
        for number, (_taken, mine) in enumerate(given):
            with mine:
                assert mine.recv(100) == f"head {number}".encode()


def test_nothing_goes_wrong_behind_one_that_is_taken(place: Path) -> None:
    wrong: list[object] = []

    async def take() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: wrong.append(context))
        await take_all(ours, 1)

    with handover.inbox(place) as ours:
        _taken, mine = give(place, 1)
        run_alone(take())
        mine.close()
    assert wrong == []


def test_who_finds_no_place_waits_a_second_for_one(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handover, "WAITING", 1)
    with handover.inbox(place) as ours:
        filled = [give(place, number) for number in range(2)]
        began = time.monotonic()
        refused, other = give(place, 9)
        assert not refused
        assert 0.5 < time.monotonic() - began < 5
        assert all(taken for taken, _mine in filled)
        run_alone(take_all(ours, 2))
        for mine in (other, *(mine for _taken, mine in filled)):
            mine.close()


def test_who_gives_nothing_keeps_nobody_waiting(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As another process does that looks whether there is one, or one that is stopped in between."""
    with handover.inbox(place) as ours, socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as stuck:
        with pytest.raises(handover.AlreadyKept), handover.inbox(place):
            pass
        stuck.connect(str(place))

        async def take() -> list[object]:
            return await asyncio.gather(*map(handover.taken, handover.waiting(ours)))

        assert run_alone(take()) == [None, None]


def test_without_a_process_it_is_refused_at_once(place: Path) -> None:
    taken, mine = give(place, 1)
    mine.close()
    assert not taken
    with handover.inbox(place):
        pass
    assert not place.exists()


def test_a_head_arrives_whole_however_large_the_server_lets_it_be(place: Path) -> None:
    head = b"x" * 64 * 1024
    mine, theirs = socket.socketpair()
    with mine, theirs, handover.inbox(place) as ours:
        assert handover.hand_over(theirs, head, place)
        [giver] = handover.waiting(ours)
        handed = run_alone(handover.taken(giver))
        assert handed is not None
        assert handed[1] == head
        handed[0].close()

"""A browser's connection, handed from the web server to the process that keeps the sockets.

Pages and sockets so have one address and one origin, and a proxy has one server behind it. The connection itself goes
through a Unix socket, with the head of its request; what comes and goes afterwards never passes the web server.
"""

import asyncio
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_MOST_OF_A_HEAD = 128 * 1024
WAITING = 512
"""So many connections may wait for the process, as when a restarted server has all its pages back at once."""
_WAIT_SECONDS = 1


class AlreadyKept(Exception):
    """Another process keeps the sockets there."""


def hand_over(connection: socket.socket, head: bytes, place: Path) -> bool:
    """Give a connection and the head of its request to the process there; return whether there is one that takes it.

    The caller closes its own end afterwards.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as out:
        # A timeout of Python's would not wait for a place in the queue; a process that is stuck takes nothing.
        out.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", _WAIT_SECONDS, 0))
        try:
            out.connect(str(place))
            socket.send_fds(out, [head], [connection.fileno()])
        except OSError:
            return False
    return True


@contextmanager
def inbox(place: Path) -> Iterator[socket.socket]:
    """Give the socket at which connections are taken; raises ``AlreadyKept`` where another process has it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as ours:
        ours.setblocking(False)
        if _is_kept(place):
            raise AlreadyKept
        with suppress(FileNotFoundError):
            place.unlink()
        before = os.umask(0o177)
        try:
            ours.bind(str(place))
            ours.listen(WAITING)
        finally:
            os.umask(before)
        try:
            yield ours
        finally:
            with suppress(FileNotFoundError):
                place.unlink()


def waiting(ours: socket.socket) -> Iterator[socket.socket]:
    """Yield those who wait at an ``inbox``, each with one connection to hand over."""
    while True:
        try:
            yield ours.accept()[0]
        except BlockingIOError:
            return


async def taken(giver: socket.socket) -> tuple[socket.socket, bytes] | None:
    """Return the connection that is handed over, with the head of its request; None where there is none after all."""
    loop = asyncio.get_running_loop()
    giver.setblocking(False)
    with giver:
        is_there = loop.create_future()

        def note() -> None:
            # It can be read until it is read, and the loop would say so again before we are back.
            loop.remove_reader(giver)
            if not is_there.done():
                is_there.set_result(None)

        loop.add_reader(giver, note)
        try:
            await asyncio.wait_for(is_there, _WAIT_SECONDS)
        except TimeoutError:
            return None
        finally:
            loop.remove_reader(giver)
        head, descriptors, _flags, _address = socket.recv_fds(giver, _MOST_OF_A_HEAD, 1)
    return (socket.socket(fileno=descriptors[0]), head) if descriptors else None


def _is_kept(place: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as probe:
        try:
            probe.connect(str(place))
        except (FileNotFoundError, ConnectionRefusedError):
            return False
    return True

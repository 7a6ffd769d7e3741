"""A browser's connection, handed from the web server to the process that keeps the sockets.

Pages and sockets so have one address and one origin, and a proxy has one server behind it. The connection itself goes
through a Unix socket, with the head of its request; what comes and goes afterwards never passes the web server.
"""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_MOST_OF_A_HEAD = 128 * 1024
_WAIT_SECONDS = 1.0


class AlreadyKept(Exception):
    """Another process keeps the sockets there."""


def hand_over(connection: socket.socket, head: bytes, place: Path) -> bool:
    """Give a connection and the head of its request to the process there; return whether there is one that takes it.

    The caller closes its own end afterwards.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
        # The system queues ten at a time, and a busy machine takes a moment; a process that is stuck takes nothing.
        out.settimeout(_WAIT_SECONDS)
        try:
            out.connect(str(place))
            socket.send_fds(out, [head], [connection.fileno()])
        except OSError:
            return False
    return True


@contextmanager
def inbox(place: Path) -> Iterator[socket.socket]:
    """Give the socket at which connections are taken; raises ``AlreadyKept`` where another process has it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ours:
        ours.setblocking(False)
        if _is_kept(place):
            raise AlreadyKept
        with suppress(FileNotFoundError):
            place.unlink()
        before = os.umask(0o177)
        try:
            ours.bind(str(place))
        finally:
            os.umask(before)
        try:
            yield ours
        finally:
            with suppress(FileNotFoundError):
                place.unlink()


def taken(ours: socket.socket) -> Iterator[tuple[socket.socket, bytes]]:
    """Yield the connections that wait in an ``inbox``, each with the head of its request."""
    while True:
        try:
            head, descriptors, _flags, _address = socket.recv_fds(ours, _MOST_OF_A_HEAD, 1)
        except BlockingIOError:
            return
        for descriptor in descriptors:
            yield socket.socket(fileno=descriptor), head


def _is_kept(place: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(str(place))
        except (FileNotFoundError, ConnectionRefusedError):
            return False
    return True

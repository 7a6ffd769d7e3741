"""Connections to judged addresses alone, each ended by the clock however slowly the other side speaks."""

import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from threading import Timer

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.poolmanager import PoolManager

from analytics.webhooks.addresses import judged
from customers.text.say import english

_FOR_EACH_ADDRESS = 5.0
"""Before the next address of a name is tried."""


class Watch:
    """The time that one request may take in all; when it is over, the connection is shut down.

    A time-out of the socket would not do: it begins anew with every byte.
    """

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds
        self._handle: socket.socket | None = None
        self.is_over = False
        self.refusal: OSError | None = None
        """Why there is no connection, in our own words or the system's."""

    @property
    def left(self) -> float:
        """The seconds that are left."""
        return max(0.0, self._end - time.monotonic())

    def over(self, handle: socket.socket | None) -> None:
        """Watch over a connection from now on."""
        self._handle = handle
        if self.is_over:
            self.end()

    def end(self) -> None:
        """Shut the connection down, so that whoever waits for it goes on."""
        self.is_over = True
        if self._handle is not None:
            with suppress(OSError):
                self._handle.shutdown(socket.SHUT_RDWR)


_watch: ContextVar[Watch] = ContextVar("watch")


@contextmanager
def watched(seconds: float) -> Iterator[Watch]:
    """Give the requests made inside so many seconds in all."""
    watch = Watch(seconds)
    timer = Timer(seconds, watch.end)
    timer.daemon = True
    token = _watch.set(watch)
    timer.start()
    try:
        yield watch
    finally:
        timer.cancel()
        _watch.reset(token)


class _Judged(HTTPConnection):
    """A connection to a judged address, whatever a name leads to a moment later."""

    _handle: socket.socket | None = None
    """A second handle of the connection: TLS takes the first one over, and this one still shuts it down."""

    def _new_conn(self) -> socket.socket:
        watch = _watch.get()
        try:
            found = _connected(str(self._dns_host), int(self.port or 0), watch)
        except OSError as error:
            watch.refusal = error
            raise
        found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._handle = found.dup()
        watch.over(self._handle)
        return found

    def request(self, *args: object, **options: object) -> None:
        """Send a request, which is watched also where the connection was there already."""
        _watch.get().over(self._handle)
        super().request(*args, **options)  # type: ignore[arg-type]  # as they were given

    def close(self) -> None:
        """Close the connection with its second handle."""
        super().close()
        if self._handle is not None:
            self._handle.close()
            self._handle = None


class _JudgedTls(_Judged, HTTPSConnection):
    """The same with TLS, which verifies the name, not the address."""


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Judged


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _JudgedTls


class JudgedAdapter(HTTPAdapter):
    """Sends a request by such connections, and follows nothing: no redirect, no proxy, no setting of the machine.

    Its connections are kept for the next request. It trusts whom the machine trusts (``SSL_CERT_FILE``, too).
    """

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **options: object) -> None:
        """Make the pools that use our connections."""
        context = ssl.create_default_context()
        super().init_poolmanager(connections, maxsize, block, ssl_context=context, **options)
        manager: PoolManager = self.poolmanager
        manager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}


def _connected(host: str, port: int, watch: Watch) -> socket.socket:
    """Return a connection to the first address of a host that answers; raises ``OSError``."""
    failed: OSError = TimeoutError(english("The time is over."))
    for address in judged(host, port, watch.left):
        if not watch.left:
            break
        try:
            found = socket.create_connection((address, port), min(watch.left, _FOR_EACH_ADDRESS))
        except OSError as error:
            failed = error
            continue
        found.settimeout(max(watch.left, 0.001))
        return found
    raise failed

"""How requests get to the application: gunicorn keeps the processes, waitress reads in each of them.

A thread is given to a request only once all of it is there, and is free again while its answer is on the way: slow
clients cost a socket and some memory, not a thread. gunicorn's own threads each wait for one client. What is not there
in time is closed. Who asks for a socket is handed over to the process that keeps them.
"""

import os
import resource
import time
from collections.abc import Iterable
from types import FrameType
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from gunicorn.workers.base import Worker
from waitress import wasyncore
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.server import BaseWSGIServer, create_server
from waitress.task import WSGITask

from rsolv_cs.live import handover

HEADER_SECONDS = 10
"""How long a client may take for the head of a request."""
BODY_SECONDS = 20
SLOWEST = 2_000
"""A body may take BODY_SECONDS, and a second more for every so many bytes that have come."""
IDLE_SECONDS = 30
"""How long a connection is kept on which nothing comes and nothing is taken."""
HEADER_BYTES = 64 * 1024
BODIES_AT_ONCE = 2
"""So many of the largest bodies may lie about half received, in a process: anybody can send one."""
_MEGABYTE = 1024 * 1024
_FILES_OF_A_CONNECTION = 3


class Request(HTTPRequestParser):
    """Refuses what two servers could take for different requests."""

    handshake = b""
    """The head of a request for a socket; of any other nothing."""

    def parse_header(self, header_plus: bytes) -> None:
        """Read the head; raises where it says in two ways how long the body is."""
        super().parse_header(header_plus)
        if ("CONTENT_LENGTH" in self.headers and self.chunked) or "TRANSFER_ENCODING" in self.headers:
            raise ParsingError("The length of the body is said in two ways")
        is_upgrade = "upgrade" in map(str.strip, self.headers.get("CONNECTION", "").lower().split(","))
        if self.command == "GET" and is_upgrade and self.headers.get("UPGRADE", "").lower() == "websocket":
            self.handshake = header_plus


class Task(WSGITask):
    """Answers HEAD with the head alone: what came behind it would be taken for the next answer."""

    is_head_done = False

    @property
    def has_body(self) -> bool:
        """Whether anything may follow."""
        return not self.is_head_done and bool(super().has_body)

    def build_response_header(self) -> bytes:
        """The head of the answer, which says how long the body of a GET is."""
        head = super().build_response_header()
        if self.request.command == "HEAD":
            self.is_head_done, self.chunked_response = True, False
        return bytes(head)


class Channel(HTTPChannel):
    """A connection that knows since when it is sending its request."""

    parser_class = Request
    task_class = Task
    began: float | None = None

    def received(self, data: bytes) -> bool:
        """Take bytes of a request."""
        taken = super().received(data)
        # Once a request is complete, its thread may end the next one that has begun behind it.
        self.began = None if self.request is None else self.began or time.monotonic()
        return bool(taken)

    def service(self) -> None:
        """Answer the request that is next, in a thread of its own, or hand the connection over."""
        if self.requests[0].handshake and self._hand_over(self.requests[0]):
            # Only this end is closed: the other process has the connection.
            self.will_close = True
            self.server.pull_trigger()
        else:
            super().service()

    def _hand_over(self, request: Request) -> bool:
        from django.conf import settings

        if self.socket is None or not settings.LIVE or request.path != settings.LIVE_PATH or self.total_outbufs_len:
            return False
        return handover.hand_over(self.socket, request.handshake, settings.LIVE_SOCKET)

    @property
    def body_bytes(self) -> int:
        """How much of the body of the request that has begun is there."""
        return int(self.request.body_bytes_received) if self.request else 0

    def is_too_slow(self, now: float) -> bool:
        """Whether the request that has begun takes longer than it may."""
        request, began = self.request, self.began
        if request is None or began is None or self.requests:
            return False
        allowed = HEADER_SECONDS
        if request.headers_finished:
            allowed = BODY_SECONDS + request.body_bytes_received // SLOWEST
        return now - began > allowed


class BufferedWorker(Worker):
    """A process of gunicorn in which waitress reads, answers and closes."""

    def run(self) -> None:
        """Serve until told to stop, or until there were ``max_requests``; then end what has begun."""
        _allow_files(self.cfg.worker_connections)
        self._connections: dict[int, object] = {}
        create_server(
            self._answer,
            map=self._connections,
            sockets=[one.sock for one in self.sockets],
            threads=self.cfg.threads,
            backlog=self.cfg.backlog,
            connection_limit=self.cfg.worker_connections,
            max_request_header_size=HEADER_BYTES,
            max_request_body_size=self._most_of_a_body(),
            channel_timeout=IDLE_SECONDS,
            cleanup_interval=5,
            asyncore_use_poll=True,
            # Whether a proxy is believed is for TRUSTED_PROXIES to say.
            clear_untrusted_proxy_headers=False,
            log_socket_errors=False,
            ident=None,
        )
        for listener in self._listeners():
            listener.channel_class = Channel
        while self.alive and self.ppid == os.getppid():
            self._turn()
        self._finish()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop in an orderly way."""
        self.alive = False

    def _answer(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] == "HEAD":
            # waitress sends such a file past the task.
            environ.pop("wsgi.file_wrapper", None)
        self.nr += 1
        if self.nr == self.max_requests:
            self.log.info("Autorestarting worker after current request.")
            self.alive = False
        app: WSGIApplication = self.wsgi
        return app(environ, start_response)

    def _turn(self) -> None:
        """Do what there is to do for any connection, for a second at most."""
        self.notify()
        # Another process may have a thread to spare; this one would only let the client wait.
        is_busy = sum(bool(channel.requests) for channel in self._channels()) >= self.cfg.threads
        for listener in self._listeners():
            listener.accepting = not is_busy
        wasyncore.loop(timeout=1, use_poll=True, map=self._connections, count=1)
        now = time.monotonic()
        for channel in self._channels():
            if channel.is_too_slow(now):
                channel.handle_close()
        self._bound_bodies()

    def _bound_bodies(self) -> None:
        """Close the largest of the requests that are half received, while they take too much room together."""
        half = sorted((one for one in self._channels() if one.request), key=lambda one: one.body_bytes)
        room = BODIES_AT_ONCE * self._most_of_a_body()
        while half and sum(one.body_bytes for one in half) > room:
            half.pop().handle_close()

    def _finish(self) -> None:
        """Accept nothing more, and wait for answers on their way as long as gunicorn does."""
        for listener in self._listeners():
            listener.accepting = False
            listener.del_channel()
        until = time.monotonic() + self.cfg.graceful_timeout
        while time.monotonic() < until:
            for channel in self._channels():
                if not (channel.requests or channel.total_outbufs_len):
                    channel.handle_close()
            if not self._channels():
                return
            self._turn()

    def _channels(self) -> list[Channel]:
        return [one for one in list(self._connections.values()) if isinstance(one, Channel)]

    def _listeners(self) -> list[BaseWSGIServer]:
        return [one for one in list(self._connections.values()) if isinstance(one, BaseWSGIServer)]

    @staticmethod
    def _most_of_a_body() -> int:
        """Twice an upload, so that one that is too large by a little is refused by the page, in words."""
        from django.conf import settings

        return (2 * settings.UPLOAD_MAX_MB + 4) * _MEGABYTE


def _allow_files(connections: int) -> None:
    """Let the process have as many open files as its connections may need, if the system lets it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections * _FILES_OF_A_CONNECTION + 200
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))

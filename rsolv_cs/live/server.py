"""The process of the sockets: uvicorn, without a port of its own, takes what the web server hands over.

Beside it runs the process that loads what the product reports and delivers webhooks.
"""

import asyncio
import os
import socket
import sys
from contextlib import suppress
from pathlib import Path

from channels.sessions import CookieMiddleware
from django.conf import settings
from uvicorn import Config, Server
from uvicorn.protocols.http.h11_impl import H11Protocol

from rsolv_cs.live import handover
from rsolv_cs.live.sockets import Sockets, StateSocket

PING_SECONDS = 25
"""Below what proxies wait for a silent connection, which is a minute as a rule."""
_LONGEST_MESSAGE = 1_024
_AGAIN_SECONDS = 60


class LiveServer(Server):
    """Serves the connections that come through an inbox, until told to stop, or until its parent is gone."""

    def __init__(self, inbox: socket.socket, parent: int | None) -> None:
        self._sockets = Sockets()
        self._inbox = inbox
        self._parent = parent
        config = Config(
            CookieMiddleware(StateSocket.as_asgi(sockets=self._sockets)),
            lifespan="off",
            ws="websockets-sansio",
            ws_max_size=_LONGEST_MESSAGE,
            ws_ping_interval=PING_SECONDS,
            ws_ping_timeout=PING_SECONDS,
            # A name of 32 letters only grows by it, and each socket would cost tens of kilobytes.
            ws_per_message_deflate=False,
            log_config=None,
            timeout_graceful_shutdown=5,
        )
        super().__init__(config)

    def serve_inbox(self) -> None:
        """Serve until the end."""
        self.run(sockets=[])

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to take connections, and to ask for the state."""
        await super().startup(sockets=sockets)
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._sockets.run()), loop.create_task(_keep_working())]
        loop.add_reader(self._inbox, self._take)

    async def on_tick(self, counter: int) -> bool:
        """Say whether it is to end."""
        is_orphan = self._parent is not None and os.getppid() != self._parent
        return is_orphan or await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no more connections, and say good-bye to those that are there."""
        asyncio.get_running_loop().remove_reader(self._inbox)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await super().shutdown(sockets=sockets)

    def _take(self) -> None:
        for giver in handover.waiting(self._inbox):
            task = asyncio.get_running_loop().create_task(self._open(giver))
            self.server_state.tasks.add(task)
            task.add_done_callback(self.server_state.tasks.discard)

    async def _open(self, giver: socket.socket) -> None:
        # Whoever only looks whether this process is here gives nothing.
        if (handed := await handover.taken(giver)) is None:
            return
        connection, head = handed
        connection.setblocking(False)

        def protocol() -> H11Protocol:
            return H11Protocol(self.config, self.server_state, {})

        # It may be gone before it is ours.
        with suppress(OSError):
            _transport, opened = await asyncio.get_running_loop().connect_accepted_socket(protocol, connection)
            opened.data_received(head)


async def _keep_working() -> None:
    """Keep the process that loads and delivers what waits; one that has ended comes again in a minute."""
    while True:
        command = (sys.executable, "-m", "rsolv_cs.live.working")
        process = await asyncio.create_subprocess_exec(*command, cwd=settings.BASE_DIR)
        try:
            await process.wait()
        finally:
            if process.returncode is None:
                process.terminate()
                await process.wait()
        await asyncio.sleep(_AGAIN_SECONDS)


def keep_sockets(place: Path, parent: int | None = None) -> None:
    """Keep the sockets that are handed over at a place, until told to stop or ``parent`` is not our parent any more.

    Raises ``AlreadyKept`` where another process does.
    """
    with handover.inbox(place) as inbox:
        LiveServer(inbox, parent).serve_inbox()

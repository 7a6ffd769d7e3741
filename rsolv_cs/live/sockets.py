"""Every open socket of this process: who has it, whether they still may, and what it was told."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.db import Error, connection

from customers.core.replica.watch import is_used, position
from rsolv_cs.live.state import state_name
from rsolv_cs.live.visitor import is_of_our_page, visitor
from rsolv_cs.monitoring import counted

logger = logging.getLogger(__name__)

ASK_SECONDS, LONGEST_PAUSE = 1.0, 3.0
"""From one question to the next; the longer where many are told, and yet who is logged out hears of it in time."""
SHARE_OF_A_CORE = 0.02
"""Telling takes no more where something changes all the time: the more pages are open, the less often each is told."""
CHECK_SECONDS = 25.0
"""So that who is logged out elsewhere hears of it within half a minute."""
MOST_OF_A_USER = 5
MOST = 2_000
NOT_ALLOWED, TOO_MANY = 4401, 4429
"""Why a socket is closed: nobody is logged in there who may see a page that follows; there are enough of them."""
_TRY_LATER, _UNEXPECTED = 1013, 1008

Asked = ParamSpec("Asked")
Answer = TypeVar("Answer")
Cookies = Mapping[str, str]


@dataclass
class _Session:
    """Somebody's session with its newest cookies, and when it was last looked at whether it goes on."""

    user: int
    cookies: Cookies
    checked: float


class Sockets:
    """The sockets of a process, for which it asks for the state's name once a second or less often."""

    def __init__(self) -> None:
        # One thread, because one question at a time is asked.
        self._database = ThreadPoolExecutor(1, "database")
        self._waiting = 0
        self._open: set[StateSocket] = set()
        self._sessions: dict[str, _Session] = {}
        self._is_silent = False

    async def visitor(self, cookies: Cookies) -> int | None:
        """Return the user whom the cookies let have a socket, or None; raises where the database cannot be asked."""
        return await self._ask(visitor, cookies)

    def add(self, socket: "StateSocket", user: int) -> int:
        """Take a socket of a user who may have one; return 0, or the code with which it is to be closed."""
        of_user = sum(self._sessions[one.session].user == user for one in self._open)
        if len(self._open) >= MOST or of_user >= MOST_OF_A_USER:
            return TOO_MANY
        self._sessions[socket.session] = _Session(user, socket.cookies, time.monotonic())
        self._open.add(socket)
        counted.count_sockets(len(self._open))
        return 0

    def remove(self, socket: "StateSocket") -> None:
        """Forget a socket that is closed."""
        self._open.discard(socket)
        counted.count_sockets(len(self._open))
        if all(one.session != socket.session for one in self._open):
            self._sessions.pop(socket.session, None)

    async def run(self) -> None:
        """Ask once a second while there is anybody to be told, until cancelled; less often where that is much work."""
        while True:
            began, worked = time.monotonic(), time.thread_time()
            if self._open:
                await self._turn()
            pause = pause_after(time.thread_time() - worked)
            await asyncio.sleep(max(0.0, began + pause - time.monotonic()))

    async def _turn(self) -> None:
        """Close the sockets of who may have none any more, and tell the others what they were not told yet."""
        now = time.monotonic()
        due = {key: one for key, one in self._sessions.items() if now - one.checked > CHECK_SECONDS}
        try:
            name, told, over = await self._ask(_look, due)
        except Error as error:
            # Whatever changes meanwhile is told when the database answers again.
            if not self._is_silent:
                logger.warning("The state cannot be asked for: %s", type(error).__name__)
            self._is_silent = True
            return
        self._is_silent = False
        for one in due.values():
            one.checked = now
        ended = [socket for socket in self._open if socket.session in over]
        for socket in ended:
            self.remove(socket)
        behind = [socket for socket in self._open if socket.told != name]
        for socket in behind:
            socket.told = name
        # One that has gone meanwhile keeps nothing from the others.
        said = [*(socket.close(NOT_ALLOWED) for socket in ended), *(socket.send(told) for socket in behind)]
        await asyncio.gather(*said, return_exceptions=True)
        counted.count_messages("closed", len(ended))
        counted.count_messages("state", len(behind))

    async def _ask(self, question: Callable[Asked, Answer], *asked: Asked.args, **named: Asked.kwargs) -> Answer:
        def answer() -> Answer:
            try:
                return question(*asked, **named)
            finally:
                # None is held until the next second; hundreds of pages may come back at once, after a restart.
                if self._waiting <= 1:
                    connection.close()

        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._database, answer)
        finally:
            self._waiting -= 1


def pause_after(worked: float) -> float:
    """Return how many seconds after a turn's begin the next one begins, by how many its work took of a core."""
    return min(max(ASK_SECONDS, worked / SHARE_OF_A_CORE), LONGEST_PAUSE)


def _look(due: Mapping[str, _Session]) -> tuple[str, str, set[str]]:
    """Return the state's name, what is told of it, and which of the sessions are over."""
    over = {key for key, one in due.items() if visitor(one.cookies) != one.user}
    name = state_name()
    # A replica that is not as far as the primary is now may not have the state.
    return name, f"{name} {position()}" if is_used() else name, over


class StateSocket(AsyncWebsocketConsumer):
    """A page's socket: it is told the state's name when it opens and whenever that has changed, and nothing else."""

    def __init__(self, sockets: Sockets) -> None:
        super().__init__()
        self.sockets = sockets
        self.told = ""

    @property
    def cookies(self) -> Cookies:
        """The cookies that it was asked for with."""
        cookies: Cookies = self.scope["cookies"]
        return cookies

    @property
    def session(self) -> str:
        """The key of the session that it belongs to."""
        return self.cookies.get(settings.SESSION_COOKIE_NAME, "")

    async def connect(self) -> None:
        """Open it; a browser learns why it may not have it only from one that is open."""
        if not is_of_our_page(self.scope["headers"]):
            await self.close()
            return
        try:
            user = await self.sockets.visitor(self.cookies)
            code = 0 if user else NOT_ALLOWED
        except Error:
            user, code = None, _TRY_LATER
        await self.accept()
        if code := code or self.sockets.add(self, user or 0):
            await self.close(code)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Close it: a page has nothing to say."""
        await self.close(_UNEXPECTED)

    async def disconnect(self, code: int) -> None:
        """Forget it."""
        self.sockets.remove(self)

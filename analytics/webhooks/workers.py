"""The threads that send: one for each endpoint at a time, so that a slow one holds up nobody. They ask no database."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from queue import Empty, SimpleQueue

from django.utils import timezone

from analytics.webhooks import signing
from analytics.webhooks.sender import Answer, Sender

MOST_AT_ONCE = 16
"""Endpoints that are sent to at the same moment."""
BATCH_SECONDS = 10.0
"""After it a worker begins no further request of its batch, so that others have their turn."""
GIVES_UP_AFTER = 3
"""Failures in a row, after which an endpoint rests until the next run: what is down is not asked a thousand times."""


@dataclass(frozen=True)
class Parcel:
    """A delivery, by its key, with all that is needed to send it."""

    delivery: int
    uid: str
    body: bytes


@dataclass(frozen=True)
class Dispatched:
    """What came of a parcel; ``answer`` is None where the worker did not come to it."""

    endpoint: int
    delivery: int
    at: datetime
    answer: Answer | None


class Workers:
    """The threads, and what they have sent."""

    def __init__(self, sender: Callable[[], Sender] = Sender) -> None:
        self._make_sender = sender
        self._pool = ThreadPoolExecutor(MOST_AT_ONCE, "webhook")
        self._senders: dict[int, Sender] = {}
        self._busy: dict[int, Future[None]] = {}
        self._failures: dict[int, int] = {}
        self._done: SimpleQueue[Dispatched] = SimpleQueue()

    @property
    def are_busy(self) -> bool:
        """Whether anything is being sent, or waits to be recorded."""
        return bool(self._busy)

    def may_take(self, endpoint: int) -> bool:
        """Return whether an endpoint's next batch may be given."""
        return (
            endpoint not in self._busy
            and len(self._busy) < MOST_AT_ONCE
            and self._failures.get(endpoint, 0) < GIVES_UP_AFTER
        )

    def take(self, endpoint: int, url: str, secrets: Sequence[str], parcels: Sequence[Parcel]) -> None:
        """Send a batch to an endpoint."""
        sender = self._senders.setdefault(endpoint, self._make_sender())
        self._busy[endpoint] = self._pool.submit(self._send, sender, endpoint, url, secrets, parcels)

    def done(self, seconds: float) -> Iterator[Dispatched]:
        """Yield what was sent since; wait so long for the first one."""
        ended = [endpoint for endpoint, future in self._busy.items() if future.done()]
        with suppress(Empty):
            yield self._done.get(timeout=seconds) if not ended else self._done.get_nowait()
            while True:
                yield self._done.get_nowait()
        for endpoint in ended:
            self._busy.pop(endpoint).result()

    def close(self) -> None:
        """End the threads and the connections."""
        self._pool.shutdown()
        for sender in self._senders.values():
            sender.close()

    def _send(
        self, sender: Sender, endpoint: int, url: str, secrets: Sequence[str], parcels: Sequence[Parcel]
    ) -> None:
        began = time.monotonic()
        for parcel in parcels:
            moment, answer = timezone.now(), None
            if time.monotonic() - began < BATCH_SECONDS and self._failures.get(endpoint, 0) < GIVES_UP_AFTER:
                answer = send(sender, url, secrets, parcel, moment)
                self._failures[endpoint] = 0 if answer.is_success else self._failures.get(endpoint, 0) + 1
                if answer.retry_after or answer.is_gone:
                    # Whoever asks for rest is not asked again at once.
                    self._failures[endpoint] = GIVES_UP_AFTER
            self._done.put(Dispatched(endpoint, parcel.delivery, moment, answer))


def send(sender: Sender, url: str, secrets: Sequence[str], parcel: Parcel, moment: datetime) -> Answer:
    """Sign a parcel as of a moment, and send it."""
    headers = signing.signed_headers(parcel.uid, int(moment.timestamp()), parcel.body, secrets)
    return sender.post(url, headers, parcel.body)

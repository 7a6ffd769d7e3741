"""People who write notes and read pages while a server behind the site is gone for a moment."""

import http.client
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlencode

CSRF = "c" * 32
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
Moment = tuple[float, float]
"""From when until when a server was being killed."""


@dataclass(frozen=True)
class Asked:
    """A request, and its status; 0 where there was no answer."""

    what: str
    began: float
    ended: float
    status: int

    @property
    def is_well(self) -> bool:
        return self.status in {200, 302}

    def was_in_flight(self, moments: Iterable[Moment]) -> bool:
        return any(self.began <= ended and self.ended >= began for began, ended in moments)


@dataclass
class Person:
    """Somebody with a customer of their own: writes a note, looks for it on the page, and opens the dashboard.

    What was not stored is sent again, as a browser sends the same form again.
    """

    port: int
    cookies: str
    customer: str
    asked: list[Asked] = field(default_factory=list)
    written: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    """Notes that a page did not have after they were stored."""

    def work(self, is_over: threading.Event) -> None:
        number = 0
        while not is_over.is_set():
            number += 1
            text = f"Note {number} about {self.customer}."
            sent = {"kind": "note", "text": text, "form_key": text, "csrfmiddlewaretoken": CSRF}
            while self._ask("POST", f"/admin/customer/{self.customer}/notes/", urlencode(sent))[0] != 302:
                if is_over.is_set():
                    return
            self.written.append(text)
            status, page = self._ask("GET", f"/admin/customer/{self.customer}/")
            if status == 200 and text not in page:
                self.missed.append(text)
            self._ask("GET", "/admin/")

    def _ask(self, method: str, address: str, body: str | None = None) -> tuple[int, str]:
        began, status, page = time.monotonic(), 0, ""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            headers = {"Cookie": f"{self.cookies}; csrftoken={CSRF}", **(FORM if body else {})}
            connection.request(method, address, body, headers)
            response = connection.getresponse()
            status, page = response.status, response.read().decode()
            # A form that is sent without a login leads to the login.
            status = 403 if "/login/" in response.headers.get("Location", "") else status
        except (OSError, http.client.HTTPException):
            pass
        finally:
            connection.close()
        self.asked.append(Asked(f"{method} {address}", began, time.monotonic(), status))
        return status, page


@contextmanager
def at_work(people: Iterable[Person]) -> Iterator[None]:
    """Let them work beside the block; afterwards each ends what they are doing."""
    is_over = threading.Event()
    threads = [threading.Thread(target=one.work, args=[is_over]) for one in people]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        is_over.set()
        for thread in threads:
            thread.join()


def wait_until_more_is_written(people: Sequence[Person], seconds: float = 120) -> None:
    """Wait until they have written as many notes more as they are."""
    before, until = sum(len(one.written) for one in people), time.monotonic() + seconds
    while sum(len(one.written) for one in people) < before + len(people):
        assert time.monotonic() < until, "nothing is written"
        time.sleep(0.05)


def wrong(people: Iterable[Person], moments: Iterable[Moment]) -> list[object]:
    """What went wrong: requests that failed though nothing was killed under them, and pages without a stored note."""
    moments = [*moments]
    failed = [one for each in people for one in each.asked if not one.is_well and not one.was_in_flight(moments)]
    return [*failed, *(text for each in people for text in each.missed)]

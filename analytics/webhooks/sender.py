"""Sends a signed body to a URL, and says what came back, in little space and time."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

import requests
import urllib3
from urllib3.response import BaseHTTPResponse

from analytics.webhooks.addresses import NotAllowed, read_url
from analytics.webhooks.connections import JudgedAdapter, Watch, watched
from customers.text.say import english, in_english

SECONDS = 15.0
MOST_OF_ANSWER = 4_096
_HEADERS = {
    "Content-Type": "application/json",
    "User-Agent": "RSOLV-Customer-Success-Webhooks/1",
    "Accept": "*/*",
    # What is unpacked may be far longer than what came.
    "Accept-Encoding": "identity",
}
_WORDS = {
    ConnectionRefusedError: english("The connection was refused."),
    TimeoutError: english("No connection within {seconds:.0f} seconds."),
}


@dataclass(frozen=True)
class Answer:
    """What came of a request: a status with the beginning of the answer, or why there is none."""

    seconds: float
    status: int | None = None
    text: str = ""
    retry_after: str = ""
    error: str = ""

    @property
    def is_success(self) -> bool:
        """Whether the receiver has taken it: any 2xx, and nothing else."""
        return self.status is not None and HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES

    @property
    def is_gone(self) -> bool:
        """Whether the receiver wants no more."""
        return self.status == HTTPStatus.GONE


class Sender:
    """Sends to one endpoint, over a connection that is kept until ``close``."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self.seconds = seconds
        self._adapter = JudgedAdapter(pool_connections=1, pool_maxsize=1)

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send a body, and return what came of it; raises nothing that the other side causes."""
        began = time.monotonic()
        with in_english(), watched(self.seconds) as watch:  # What came back is stored.
            try:
                target = read_url(url)
                request = requests.Request("POST", target.url, {**_HEADERS, **headers}, data=body).prepare()
                response = self._adapter.send(request, stream=True, timeout=self.seconds)
                try:
                    text = _beginning(response.raw, watch)
                finally:
                    response.close()
            except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
                return Answer(time.monotonic() - began, error=self._words(error, watch))
        retry_after = str(response.headers.get("Retry-After", ""))[:100]
        return Answer(time.monotonic() - began, response.status_code, text, retry_after)

    def close(self) -> None:
        """Close the connection."""
        self._adapter.close()

    def _words(self, error: Exception, watch: Watch) -> str:
        """Say why there is no answer; nothing of the machine's network but what the URL says."""
        cause = watch.refusal or error
        if isinstance(cause, NotAllowed):
            return str(cause)
        if watch.is_over or isinstance(error, requests.Timeout):
            return english(f"No answer within {self.seconds:.0f} seconds.")
        if isinstance(error, requests.exceptions.SSLError):
            return english(f"The certificate was not accepted: {_reason(error)}")[:300]
        for kind, words in _WORDS.items():
            if isinstance(cause, kind):
                return words.format(seconds=self.seconds)
        return (
            english("There is no way to that address.")
            if watch.refusal
            else english("The connection ended before an answer came.")
        )


def _reason(error: BaseException) -> str:
    """Return what OpenSSL says, which stands at the end of a chain of errors."""
    said = str(error)
    return (
        said.rpartition(english("certificate verify failed: "))[2].partition(" (_ssl")[0]
        if english("verify failed") in said
        else said
    )


def _beginning(raw: BaseHTTPResponse, watch: Watch) -> str:
    """Read the beginning of an answer; what is missing when it breaks off or drips does not matter."""
    found = b""
    try:
        while len(found) < MOST_OF_ANSWER and not watch.is_over:
            part = raw.read1(MOST_OF_ANSWER - len(found), decode_content=False)
            if not part:
                break
            found += part
    except (urllib3.exceptions.HTTPError, OSError, ValueError):
        pass
    return "".join(one if one.isprintable() or one in "\n\t" else "�" for one in found.decode(errors="replace"))

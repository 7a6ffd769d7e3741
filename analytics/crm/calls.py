"""Calls of a CRM's API: with our token alone, never led elsewhere, and made again where that can help."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias, TypedDict, TypeVar, Unpack

import requests
from requests.auth import AuthBase

from analytics.crm.interface import CrmUnavailable
from customers.text.say import english

LONGEST_WAIT = 60.0
"""Seconds that a CRM may ask us to wait; a longer wait ends the push, which is resumed later."""
MOST_WAITS = 10
"""So often in a row it may ask."""
TOO_MANY, FAILURES = 429, range(500, 600)
Answer = TypeVar("Answer")
Body: TypeAlias = Mapping[str, Any]
"""A JSON object that is sent or answered."""


class CallContent(TypedDict, total=False):
    """What a call has beside its address."""

    data: bytes | Mapping[str, str]
    json: Body | None
    headers: Mapping[str, str]
    auth: AuthBase


class Interrupted(Exception):
    """No answer came, or only a part of one: nobody knows whether the CRM did what was asked."""


class AskedToWait(Interrupted):
    """The CRM did nothing, and says after how many ``seconds`` it would."""

    def __init__(self, words: str, seconds: float) -> None:
        super().__init__(words)
        self.seconds = seconds


def too_often(words: str, answer: requests.Response, otherwise: float | None = None) -> Interrupted:
    """Return what a 429 means: wait as long as it says, else so many seconds, or as after any other interruption."""
    said = answer.headers.get("Retry-After", "")
    seconds = float(said) if said.isascii() and said.isdigit() and len(said) < 10 else otherwise
    return Interrupted(words) if seconds is None else AskedToWait(words, seconds)


def call_once(
    session: requests.Session, method: str, address: str, timeout: tuple[float, float], **sent: Unpack[CallContent]
) -> requests.Response:
    """Call once; raise ``Interrupted`` where there is no whole answer, in words that repeat nothing that was sent.

    ``timeout`` has the seconds to connect, and those between two bytes of an answer.
    """
    try:
        return session.request(method, address, timeout=timeout, allow_redirects=False, **sent)
    except requests.Timeout as error:
        raise Interrupted(english("no answer within the time")) from error
    except requests.RequestException as error:
        raise Interrupted(english("the connection failed")) from error


def until_answered(crm: str, ask: Callable[[], Answer], pauses: Sequence[float]) -> Answer:
    """Ask until there is an answer, after each of the ``pauses``, and however long the CRM itself asks us to wait.

    What is asked must do no harm when it is asked twice.
    """
    waits, left = 0, iter(pauses)
    while True:
        try:
            return ask()
        except AskedToWait as asked:
            waits += 1
            if asked.seconds > LONGEST_WAIT or waits > MOST_WAITS:
                words = english(f"{crm} takes no more calls for now: {asked}. Resume the push later.")
                raise CrmUnavailable(words) from asked
            time.sleep(asked.seconds)
        except Interrupted as interrupted:
            pause = next(left, None)
            if pause is None:
                raise CrmUnavailable(
                    english(f"{crm} does not answer: {interrupted}. Resume the push later.")
                ) from interrupted
            time.sleep(pause)

"""Calls of a CRM's API: bounded in time, tried again where that can help, and never led elsewhere."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import requests
from requests.auth import AuthBase

from analytics.crm.interface import CrmUnavailable

Body: TypeAlias = Mapping[str, Any]
"""A JSON object that is sent or answered."""

TIMEOUT = (5.0, 30.0)
"""Seconds to connect, and between two bytes of an answer."""
PAUSES = (1.0, 4.0, 10.0)
"""Seconds before a call without an answer, or with a failure over there, is tried again."""
LONGEST_WAIT = 60.0
"""Seconds that a CRM may ask us to wait; a longer wait ends the push, which is resumed later."""
MOST_WAITS = 10
"""So often in a row it may ask."""
TOO_MANY, FAILURE = 429, 500


@dataclass(frozen=True)
class CrmAnswer:
    """What a CRM answered: the status, and the JSON, {} where there was none."""

    status: int
    body: Body


class _Bearer(AuthBase):
    """The token, which no login of a .netrc replaces."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class Caller:
    """Calls one address of a CRM, whose name its words have."""

    def __init__(self, crm: str, address: str, token: str) -> None:
        self.crm, self._address = crm, address.rstrip("/")
        self._session = requests.Session()
        self._session.headers["Accept"] = "application/json"
        self._session.auth = _Bearer(token)

    def call(self, method: str, path: str, body: Body | None = None) -> CrmAnswer:
        """Return the answer, once it is neither a failure over there nor a plea to wait.

        A call is made again after an answer that was cut off: only what may be done twice is called.
        """
        waits, pauses = 0, iter(PAUSES)
        while True:
            answer, why, asked_to_wait = self._once(method, path, body)
            if answer is not None:
                return answer
            if asked_to_wait is not None:
                waits += 1
                if asked_to_wait > LONGEST_WAIT or waits > MOST_WAITS:
                    raise CrmUnavailable(f"{self.crm} takes no more calls for now: {why}. Resume the push later.")
                time.sleep(asked_to_wait)
                continue
            pause = next(pauses, None)
            if pause is None:
                raise CrmUnavailable(f"{self.crm} {why}. Resume the push later.")
            time.sleep(pause)

    def _once(self, method: str, path: str, body: Body | None) -> tuple[CrmAnswer | None, str, float | None]:
        """Return an answer; or why there is none, and the seconds that we are asked to wait, if we are."""
        try:
            response = self._session.request(
                method, self._address + path, json=body, timeout=TIMEOUT, allow_redirects=False
            )
            if response.status_code == TOO_MANY:
                return None, words_of(_json(response)), _seconds(response.headers.get("Retry-After"))
            if response.status_code >= FAILURE:
                return None, f"answers {response.status_code}", None
            return CrmAnswer(response.status_code, _json(response)), "", None
        except (requests.RequestException, ValueError):
            # Why is in no words of ours: they would repeat addresses, and what was sent.
            return None, "gives no answer", None


def words_of(body: Body) -> str:
    """Return the CRM's own words about a failure."""
    return str(body.get("message") or "no reason given")


def _json(response: requests.Response) -> Body:
    """Return the JSON of an answer; raises ``ValueError`` where it was cut off, or is none."""
    found = response.json() if response.content else {}
    if not isinstance(found, dict):
        raise ValueError("no object")
    return found


def _seconds(text: str | None) -> float:
    """Return what ``Retry-After`` asks for; a second where it says nothing that we can read."""
    return float(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else 1.0

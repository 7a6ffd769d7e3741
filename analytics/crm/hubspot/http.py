"""Calls of HubSpot's API, with the private app's token, and its answers as JSON."""

from dataclasses import dataclass

import requests

from analytics.crm.calls import FAILURES, TOO_MANY, Body, Interrupted, call_once, too_often, until_answered
from customers.core.bearer import Bearer
from customers.text.say import english

TIMEOUT = (5.0, 30.0)
PAUSES = (1.0, 4.0, 10.0)
"""Seconds before a call without an answer, or with a failure over there, is tried again."""


@dataclass(frozen=True)
class CrmAnswer:
    """What HubSpot answered: the status, and the JSON, {} where there was none."""

    status: int
    body: Body


class Caller:
    """Calls HubSpot at an address."""

    def __init__(self, address: str, token: str) -> None:
        self._address = address.rstrip("/")
        self._session = requests.Session()
        self._session.headers["Accept"] = "application/json"
        self._session.auth = Bearer(token)

    def call(self, method: str, path: str, body: Body | None = None) -> CrmAnswer:
        """Return the answer, once it is neither a failure over there nor a plea to wait.

        A call is made again after an answer that was cut off: only what may be done twice is called.
        """
        return until_answered("HubSpot", lambda: self._once(method, path, body), PAUSES)

    def _once(self, method: str, path: str, body: Body | None) -> CrmAnswer:
        response = call_once(self._session, method, self._address + path, TIMEOUT, json=body)
        if response.status_code in FAILURES:
            raise Interrupted(english(f"HTTP {response.status_code}"))
        try:
            found = response.json() if response.content else {}
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise Interrupted(english("its answer was cut off, or is none of its own"))
        if response.status_code == TOO_MANY:
            raise too_often(words_of(found), response, otherwise=1.0)
        return CrmAnswer(response.status_code, found)


def words_of(body: Body) -> str:
    """Return HubSpot's own words about a failure."""
    return str(body.get("message") or english("no reason given"))

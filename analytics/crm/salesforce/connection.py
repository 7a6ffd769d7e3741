"""Requests to Salesforce: its token, and its errors in words."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Unpack
from urllib.parse import urljoin, urlsplit

import requests

from analytics.crm.calls import (
    FAILURES,
    TOO_MANY,
    CallContent,
    Interrupted,
    call_once,
    too_often,
    until_answered,
)
from analytics.crm.interface import CrmUnavailable
from analytics.wording import one_line
from customers.core.bearer import Bearer
from customers.text.say import english

VERSION = "v67.0"
DATA = f"/services/data/{VERSION}"
NOT_SALESFORCE = english("What answers at Salesforce’s address is not Salesforce. Check the address.")
_MAX_WORDS = 500
_OK = range(200, 300)
_MOVED = range(300, 400)
_UNAUTHORIZED = 401
_REFUSES_APP = {400, 401, 403}


@dataclass(frozen=True)
class Credentials:
    """The organisation's My Domain address, and the key and secret of the app that we are there."""

    url: str
    client_id: str
    client_secret: str = field(repr=False)


@dataclass(frozen=True)
class Patience:
    """How long Salesforce is waited for, in seconds; a request is tried again after each of the ``pauses``."""

    connect: float = 10
    answer: float = 120
    pauses: tuple[float, ...] = (1, 2, 4)
    poll: float = 1
    longest_poll: float = 20
    job: float = 1800


class RequestRefused(CrmUnavailable):
    """Salesforce refuses the request; ``code`` is its error code."""

    def __init__(self, status: int, code: str, words: str) -> None:
        super().__init__(english(f"Salesforce refuses the request: {words}"))
        self.status = status
        self.code = code


class Connection:
    """Asks one organisation. The token goes to its address alone: no redirect is followed."""

    def __init__(self, credentials: Credentials, patience: Patience) -> None:
        self._credentials = credentials
        self.patience = patience
        self._session = requests.Session()
        self._token = ""

    def json(self, method: str, path: str, body: Mapping[str, str] | None = None) -> dict[str, object]:
        """Ask until there is an answer, and return its object. What is asked must do no harm when asked twice."""
        answer = self._until_answered(method, path, json=body)
        try:
            told = answer.json()
        except ValueError:
            told = None
        if not isinstance(told, dict):
            raise CrmUnavailable(NOT_SALESFORCE)
        return told

    def content(self, path: str) -> bytes:
        """Return all bytes of a file."""
        return self._until_answered("GET", path).content

    def once(self, method: str, path: str, **sent: Unpack[CallContent]) -> requests.Response:
        """Ask once; raise ``Interrupted`` where nobody knows whether it was done."""
        answer = self._asked(method, path, **sent)
        if answer.status_code == _UNAUTHORIZED:
            self._token = ""
            answer = self._asked(method, path, **sent)
        if answer.status_code not in _OK:
            raise _as_error(answer)
        return answer

    def _until_answered(self, method: str, path: str, **sent: Unpack[CallContent]) -> requests.Response:
        return until_answered("Salesforce", lambda: self.once(method, path, **sent), self.patience.pauses)

    def _asked(self, method: str, path: str, **sent: Unpack[CallContent]) -> requests.Response:
        if not self._token:
            self._token = self._new_token()
        sent["auth"] = Bearer(self._token)
        return self._answer(method, path, **sent)

    def _answer(self, method: str, path: str, **sent: Unpack[CallContent]) -> requests.Response:
        timeout = (self.patience.connect, self.patience.answer)
        return call_once(self._session, method, self._address(path), timeout, **sent)

    def _address(self, path: str) -> str:
        address = urljoin(self._credentials.url + "/", path)
        if urlsplit(address)[:2] != urlsplit(self._credentials.url)[:2]:
            raise CrmUnavailable(english("Salesforce names an address that is not its own."))
        return address

    def _new_token(self) -> str:
        credentials = self._credentials
        asked = {
            "grant_type": "client_credentials",
            "client_id": credentials.client_id,
            "client_secret": credentials.client_secret,
        }
        answer = self._answer("POST", "/services/oauth2/token", data=asked, auth=Bearer())
        told = _told(answer)
        if answer.status_code in _OK and told.get("access_token"):
            return str(told["access_token"])
        if answer.status_code in _OK:
            raise CrmUnavailable(NOT_SALESFORCE)
        if answer.status_code not in _REFUSES_APP:
            raise _as_error(answer)
        words = one_line(str(told.get("error_description") or told.get("error") or answer.status_code), _MAX_WORDS)
        raise CrmUnavailable(
            english(f"Salesforce gives no token: {words}. Check the app’s key, its secret and its Run As user.")
        )


def _told(answer: requests.Response) -> Mapping[str, object]:
    """Return the object of an answer, or the first of its list of errors; nothing where it is neither."""
    try:
        told = answer.json()
    except ValueError:
        return {}
    if isinstance(told, list):
        told = told[0] if told else {}
    return told if isinstance(told, dict) else {}


def _as_error(answer: requests.Response) -> Exception:
    """Return what an answer other than 2xx means."""
    told = _told(answer)
    code = str(told.get("errorCode", ""))
    words = one_line(str(told.get("message") or english(f"HTTP {answer.status_code}")), _MAX_WORDS)
    if answer.status_code in _MOVED:
        return CrmUnavailable(
            english("Salesforce has moved to another address. Give the My Domain address that it has now.")
        )
    if answer.status_code == TOO_MANY:
        return too_often(english("it is asked too often"), answer)
    if code == "REQUEST_LIMIT_EXCEEDED":
        return CrmUnavailable(english("Salesforce’s limit of requests a day is used up. Resume the push tomorrow."))
    if answer.status_code in FAILURES:
        return Interrupted(words)
    if answer.status_code == _UNAUTHORIZED:
        return CrmUnavailable(english(f"Salesforce refuses its own token: {words}. Check the app’s policies."))
    return RequestRefused(answer.status_code, code, words)

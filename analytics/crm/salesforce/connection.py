"""Requests to Salesforce: its token, its errors in words, and what is asked again."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypedDict, Unpack
from urllib.parse import urljoin, urlsplit

import requests
from requests.auth import AuthBase

from analytics.crm.interface import CrmUnavailable
from analytics.wording import one_line

VERSION = "v67.0"
DATA = f"/services/data/{VERSION}"
NOT_SALESFORCE = "What answers at Salesforce’s address is not Salesforce. Check the address."
_MAX_WORDS = 500
_OK = range(200, 300)
_MOVED = range(300, 400)
_UNAUTHORIZED = 401
_TOO_MANY = 429
_BROKEN = range(500, 600)
_REFUSES_APP = {400, 401, 403}


@dataclass(frozen=True)
class Credentials:
    """The organisation's My Domain address, and the key and secret of the app that we are there."""

    url: str
    client_id: str
    client_secret: str = field(repr=False)


@dataclass(frozen=True)
class Patience:
    """How long Salesforce is waited for, in seconds, and how often a request is tried."""

    connect: float = 10
    answer: float = 120
    tries: int = 4
    pause: float = 1
    longest_pause: float = 60
    poll: float = 1
    longest_poll: float = 20
    job: float = 1800


class RequestBody(TypedDict, total=False):
    """What a request has beside its address."""

    data: bytes | Mapping[str, str]
    json: Mapping[str, str] | None
    headers: Mapping[str, str]
    auth: AuthBase


class Interrupted(Exception):
    """No answer came, or only a part of one: nobody knows whether Salesforce did what was asked."""


class RequestRefused(CrmUnavailable):
    """Salesforce refuses the request; ``code`` is its error code."""

    def __init__(self, status: int, code: str, words: str) -> None:
        super().__init__(f"Salesforce refuses the request: {words}")
        self.status = status
        self.code = code


class _Token(AuthBase):
    """Puts the token into a request; it also keeps requests from looking for a login in the user's .netrc."""

    def __init__(self, token: str = "") -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request


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

    def once(self, method: str, path: str, **sent: Unpack[RequestBody]) -> requests.Response:
        """Ask once; raise ``Interrupted`` where nobody knows whether it was done."""
        answer = self._asked(method, path, **sent)
        if answer.status_code == _UNAUTHORIZED:
            self._token = ""
            answer = self._asked(method, path, **sent)
        if answer.status_code not in _OK:
            raise _as_error(answer)
        return answer

    def _until_answered(self, method: str, path: str, **sent: Unpack[RequestBody]) -> requests.Response:
        patience = self.patience
        for attempt in range(patience.tries):
            try:
                return self.once(method, path, **sent)
            except _Later as later:
                words, pause = str(later), later.pause
            except Interrupted as interrupted:
                words, pause = str(interrupted), 0
            if attempt + 1 < patience.tries:
                time.sleep(min(max(pause, patience.pause * 2**attempt), patience.longest_pause))
        raise CrmUnavailable(f"Salesforce does not answer: {words}. Resume the push later.")

    def _asked(self, method: str, path: str, **sent: Unpack[RequestBody]) -> requests.Response:
        if not self._token:
            self._token = self._new_token()
        sent["auth"] = _Token(self._token)
        return self._answer(method, path, **sent)

    def _answer(self, method: str, path: str, **sent: Unpack[RequestBody]) -> requests.Response:
        patience = self.patience
        try:
            return self._session.request(
                method,
                self._address(path),
                timeout=(patience.connect, patience.answer),
                allow_redirects=False,
                **sent,
            )
        except requests.Timeout as error:
            raise Interrupted("no answer within the time") from error
        except requests.RequestException as error:
            raise Interrupted("the connection failed") from error

    def _address(self, path: str) -> str:
        address = urljoin(self._credentials.url + "/", path)
        if urlsplit(address)[:2] != urlsplit(self._credentials.url)[:2]:
            raise CrmUnavailable("Salesforce names an address that is not its own.")
        return address

    def _new_token(self) -> str:
        credentials = self._credentials
        asked = {
            "grant_type": "client_credentials",
            "client_id": credentials.client_id,
            "client_secret": credentials.client_secret,
        }
        answer = self._answer("POST", "/services/oauth2/token", data=asked, auth=_Token())
        told = _told(answer)
        if answer.status_code in _OK and told.get("access_token"):
            return str(told["access_token"])
        if answer.status_code in _OK:
            raise CrmUnavailable(NOT_SALESFORCE)
        if answer.status_code not in _REFUSES_APP:
            raise _as_error(answer)
        words = one_line(str(told.get("error_description") or told.get("error") or answer.status_code), _MAX_WORDS)
        raise CrmUnavailable(
            f"Salesforce gives no token: {words}. Check the app’s key, its secret and its Run As user."
        )


class _Later(Interrupted):
    """Salesforce says that it is asked too often; ``pause`` is how many seconds it wants."""

    def __init__(self, words: str, pause: float) -> None:
        super().__init__(words)
        self.pause = pause


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
    words = one_line(str(told.get("message") or f"HTTP {answer.status_code}"), _MAX_WORDS)
    if answer.status_code in _MOVED:
        return CrmUnavailable("Salesforce has moved to another address. Give the My Domain address that it has now.")
    if answer.status_code == _TOO_MANY:
        wanted = answer.headers.get("Retry-After", "")
        return _Later("it is asked too often", float(wanted) if wanted.isascii() and wanted.isdigit() else 0)
    if code == "REQUEST_LIMIT_EXCEEDED":
        return CrmUnavailable("Salesforce’s limit of requests a day is used up. Resume the push tomorrow.")
    if answer.status_code in _BROKEN:
        return Interrupted(words)
    if answer.status_code == _UNAUTHORIZED:
        return CrmUnavailable(f"Salesforce refuses its own token: {words}. Check the app’s policies.")
    return RequestRefused(answer.status_code, code, words)

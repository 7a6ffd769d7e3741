"""Requests to the provider: bounded in time and size, and never led elsewhere."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

import requests
import urllib3
from requests.auth import AuthBase

from customers.core.bearer import Bearer
from customers.text.say import english
from rsolv_cs.sso.refusal import Unreachable

TIMEOUT = (3.0, 5.0)
"""Seconds to connect, and between two parts of an answer."""
SECONDS = 10.0
"""In all."""
MOST_BYTES = 512 * 1024
_PART = 16 * 1024


@dataclass(frozen=True)
class Answer:
    """What the provider answered: the status, and the JSON object."""

    status: int
    body: Mapping[str, object]


def request_json(
    url: str,
    form: Mapping[str, str] | None = None,
    auth: AuthBase | None = None,
    most_bytes: int = MOST_BYTES,
) -> Answer:
    """Return the answer to a GET, or to a POST of a form; raises ``Unreachable``, whatever goes wrong."""
    try:
        with (
            requests.Session() as session,
            session.request(
                "GET" if form is None else "POST",
                url,
                data=form,
                auth=auth or Bearer(),
                # What is unpacked may be far longer than what came.
                headers={"Accept": "application/json", "Accept-Encoding": "identity"},
                timeout=TIMEOUT,
                stream=True,
                allow_redirects=False,
            ) as response,
        ):
            if response.is_redirect or HTTPStatus.MULTIPLE_CHOICES <= response.status_code < HTTPStatus.BAD_REQUEST:
                raise Unreachable(english("its answer leads elsewhere"))
            if response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
                raise Unreachable(english(f"it answers {response.status_code}"))
            body = _object(_read(response, most_bytes))
            return Answer(response.status_code, body)
    except requests.Timeout:
        raise Unreachable(english("it gives no answer in time")) from None
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError):
        # Without the cause, whose words repeat addresses and what was sent.
        raise Unreachable(english("there is no connection to it, or none that is trusted")) from None


def _read(response: requests.Response, most_bytes: int) -> bytes:
    end, found = time.monotonic() + SECONDS, b""
    while part := response.raw.read1(_PART, decode_content=False):
        found += part
        if len(found) > most_bytes:
            raise Unreachable(english("its answer is too long"))
        if time.monotonic() > end:
            raise Unreachable(english("it gives no answer in time"))
    return found


def _object(text: bytes) -> Mapping[str, object]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise Unreachable(english("its answer is no JSON")) from None
    if not isinstance(found, dict):
        raise Unreachable(english("its answer is no JSON object"))
    return found

"""What a page tells where its work failed."""

import pytest
from django.contrib.messages import get_messages
from django.contrib.messages.storage.fallback import FallbackStorage
from django.db import OperationalError
from django.http import HttpRequest
from django.test import RequestFactory

from customers.jobs.lock import LockHeld
from customers.jobs.pages import failures_told


class Refused(Exception):
    """A rule of a page."""


@pytest.fixture
def request_() -> HttpRequest:
    request = RequestFactory().post("/")
    request.session = {}
    request._messages = FallbackStorage(request)
    return request


def told(request: HttpRequest) -> list[str]:
    return [one.message for one in get_messages(request)]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (Refused("There is nothing to undo."), "There is nothing to undo."),
        (LockHeld("import"), "Later."),
        (
            OperationalError("no such column: secret"),
            "The database cannot be used. Tell the operator: the log says why.",
        ),
    ],
)
def test_a_failure_is_told_once_and_goes_no_further(request_: HttpRequest, error: Exception, words: str) -> None:
    with failures_told(request_, Refused, busy="Later."):
        raise error

    assert told(request_) == [words]


def test_an_error_of_ours_is_not_hidden(request_: HttpRequest) -> None:
    with pytest.raises(KeyError), failures_told(request_, Refused, busy="Later."):
        raise KeyError("a fault")

    assert told(request_) == []

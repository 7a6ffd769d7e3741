"""The process beside the sockets delivers webhooks within seconds, without any timer."""

import time

import pytest

from tests.support.live import SECONDS, serving
from tests.support.own_databases import own, unblocked, url
from tests.support.webhook_events import listen, make_event
from tests.support.webhook_receiver import receiving

__all__ = ["own", "unblocked", "url"]


@pytest.mark.full_run
def test_an_event_is_delivered_within_seconds(url: str) -> None:
    with receiving() as receiver, serving(url, WEBHOOK_INSECURE="1", WEBHOOK_PRIVATE="1"):
        listen(url=receiver.url)
        event = make_event()
        until = time.monotonic() + SECONDS
        while not receiver.received:
            assert time.monotonic() < until
            time.sleep(0.1)
    assert receiver.uids == [event.uid]

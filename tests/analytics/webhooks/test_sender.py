"""Receivers that are slow, broken, talkative or somebody else."""

import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from pytest_django import Settings

from analytics.webhooks.sender import MOST_OF_ANSWER, Answer, Sender
from tests.support.webhook_receiver import Behaviour, Handler, answering, make_certificate, receiving

SHORT = 1.0
HEADERS = {"webhook-id": "evt_1"}


@pytest.fixture(autouse=True)
def here(settings: Settings) -> None:
    """Let webhooks go to this machine."""
    settings.WEBHOOK_INSECURE = settings.WEBHOOK_PRIVATE = True


def sent_to(behaviour: Behaviour, seconds: float = 5.0) -> Answer:
    """What comes of sending to a receiver that behaves so."""
    with receiving(behaviour) as receiver:
        return Sender(seconds).post(receiver.url, HEADERS, b'{"a":1}')


def timed(behaviour: Behaviour) -> tuple[Answer, float]:
    """The same, with a second in all, and how long it took."""
    began = time.monotonic()
    return sent_to(behaviour, SHORT), time.monotonic() - began


def test_body_and_headers_come_as_they_are() -> None:
    with receiving() as receiver:
        sender = Sender()
        assert sender.post(receiver.url, HEADERS, '{"name":"Müller"}'.encode()).is_success
        (received,) = receiver.received
    assert received.body == '{"name":"Müller"}'.encode()
    assert (received.uid, received.path) == ("evt_1", "/hook")
    assert received.headers["Content-Type"] == "application/json"
    assert received.headers["User-Agent"].startswith("RSOLV-Customer-Success-Webhooks/")
    assert "Cookie" not in received.headers


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_2xx_is_a_success(status: int) -> None:
    assert sent_to(answering(status)).is_success


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308, 304, 400, 401, 404, 410, 429, 500, 503])
def test_anything_else_is_none_and_no_redirect_is_followed(status: int) -> None:
    with receiving() as elsewhere, receiving(answering(status, Location=elsewhere.url)) as receiver:
        answer = Sender().post(receiver.url, HEADERS, b"{}")
    assert (answer.status, answer.is_success, answer.is_gone) == (status, False, status == 410)
    assert elsewhere.received == []


def test_a_redirect_without_end_or_with_a_broken_address_is_read_no_further() -> None:
    for place in ("http://[", "/\x7f", "https://" + "a" * 5_000):
        assert sent_to(answering(302, b"x" * 100_000, Location=place)).status == 302


def drip(handler: Handler, whole: bytes) -> None:
    """Send a byte at a time, each in time for a time-out that begins anew with every byte."""
    for place in range(len(whole)):
        handler.send(whole[place : place + 1])
        time.sleep(0.2)


def silent(_handler: Handler) -> None:
    """Say nothing for long."""
    time.sleep(8)


@pytest.mark.parametrize(
    "behaviour",
    [
        silent,
        lambda handler: drip(handler, b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200),
        lambda handler: drip(handler, b"HTTP/1.1 " * 30),
        lambda handler: [handler.send(b"HTTP/1.1 100 Continue\r\n\r\n") or time.sleep(0.1) for _ in range(80)],
    ],
    ids=["silent", "headers drip", "status drips", "continues for ever"],
)
def test_a_slow_answer_is_ended_by_the_clock(behaviour: Callable[[Handler], None]) -> None:
    answer, seconds = timed(behaviour)
    assert (answer.status, answer.error) == (None, "No answer within 1 seconds.")
    assert seconds < SHORT + 1.5


def test_a_body_that_drips_is_left_when_the_time_is_over() -> None:
    def behave(handler: Handler) -> None:
        handler.send(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n")
        drip(handler, b"x" * 500)

    answer, seconds = timed(behave)
    assert (answer.status, answer.text[:2]) == (200, "xx")
    assert seconds < SHORT + 1.5


def test_an_answer_that_breaks_off_counts_by_its_status() -> None:
    answer = sent_to(
        lambda handler: handler.send(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nhalf") or shut(handler)
    )
    assert (answer.status, answer.text) == (200, "half")


def shut(handler: Handler) -> None:
    """End the connection."""
    handler.connection.shutdown(socket.SHUT_RDWR)
    handler.close_connection = True


@pytest.mark.parametrize("said", [b"", b"HTT", b"220 smtp ready\r\n", b"HTTP/1.1 abc\r\n\r\n"])
def test_a_connection_that_ends_before_the_answer_is_a_failure(said: bytes) -> None:
    answer = sent_to(lambda handler: handler.send(said) or shut(handler))
    assert (answer.status, answer.is_success) == (None, False)
    assert answer.error == "The connection ended before an answer came."


def test_megabytes_of_an_answer_are_not_read() -> None:
    taken: list[int] = []

    def behave(handler: Handler) -> None:
        handler.send(b"HTTP/1.1 200 OK\r\nContent-Length: 500000000\r\n\r\n")
        for _ in range(500):
            handler.send(b"x" * 1_000_000)
            taken.append(1)

    answer = sent_to(behave)
    assert (answer.status, len(answer.text)) == (200, MOST_OF_ANSWER)
    assert len(taken) < 50
    assert answer.seconds < 2


def test_a_chunked_or_packed_answer_is_kept_as_text_that_is_safe() -> None:
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n3\r\n\x00\x1b\xff\r\n0\r\n\r\n"
    assert sent_to(lambda handler: handler.send(chunked)).text == "hello���"


def test_retry_after_is_told_and_bounded() -> None:
    assert sent_to(answering(429, Retry_After="120")).retry_after == "120"
    assert len(sent_to(answering(429, Retry_After="1" * 5_000)).retry_after) == 100


def test_one_connection_serves_many_requests_and_comes_again_when_it_was_closed() -> None:
    with receiving() as receiver:
        sender = Sender()
        for _ in range(5):
            assert sender.post(receiver.url, HEADERS, b"{}").is_success
        assert receiver.connections == 1
        sender.close()
        assert sender.post(receiver.url, HEADERS, b"{}").is_success
        assert receiver.connections == 2


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A certificate of ``hooks.example``, which leads to this machine as every name does."""

    def look_up(_host: object, port: int, *_more: object, **_named: object) -> list[object]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return make_certificate(tmp_path, "hooks.example")


def test_tls_verifies_the_name_and_not_the_address(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with receiving(certificate=certificate) as receiver:
        assert Sender().post(f"https://hooks.example:{receiver.port}/", HEADERS, b"{}").is_success
        other = Sender().post(f"https://other.example:{receiver.port}/", HEADERS, b"{}")
    assert other.error.startswith("The certificate was not accepted: Hostname mismatch")
    assert len(receiver.received) == 1


def test_a_certificate_that_nobody_vouches_for_is_refused(certificate: Path) -> None:
    with receiving(certificate=certificate) as receiver:
        answer = Sender().post(f"https://hooks.example:{receiver.port}/", HEADERS, b"{}")
    assert answer.error == "The certificate was not accepted: self-signed certificate"
    assert receiver.received == []


def test_a_handshake_that_never_ends_is_ended_by_the_clock() -> None:
    with receiving(silent) as receiver, socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        answer = Sender(SHORT).post(f"https://127.0.0.1:{mute.getsockname()[1]}/", HEADERS, b"{}")
    assert receiver.received == []
    assert answer.error == "No answer within 1 seconds."
    assert answer.seconds < SHORT + 1

"""URLs by which somebody would reach what only this server can reach."""

import socket
from collections.abc import Iterator

import pytest
from pytest_django import Settings

from analytics.webhooks.addresses import NotAllowed, judged, read_url
from analytics.webhooks.sender import Sender
from tests.support.webhook_receiver import Receiver, receiving

HOSTILE = [
    "https://127.0.0.1/",
    "https://127.8.8.8/",
    "https://localhost/",
    "https://localhost./",
    "https://LOCALHOST:8443/",
    "https://0.0.0.0/",
    "https://0/",
    "https://127.1/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0x7f.0.0.1/",
    "https://0177.0.0.1/",
    "https://017700000001/",
    "https://127.0.0.1./",
    "https://１２７.0.0.1/",  # noqa: RUF001 - full-width digits, which become plain ones
    "https://①②⑦.0.0.1/",
    "https://10.0.0.1/",
    "https://172.16.0.1/",
    "https://192.168.1.1/",
    "https://100.64.0.1/",
    "https://169.254.1.1/",
    "https://169.254.169.254/latest/meta-data/",
    "https://100.100.100.200/",
    "https://168.63.129.16/",
    "https://192.0.0.192/",
    "https://198.18.0.1/",
    "https://224.0.0.1/",
    "https://240.0.0.1/",
    "https://255.255.255.255/",
    "https://[::1]/",
    "https://[::]/",
    "https://[0:0:0:0:0:0:0:1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:7f00:1]/",
    "https://[::127.0.0.1]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[64:ff9b:1::a00:1]/",
    "https://[2002:7f00:1::]/",
    "https://[2001:0:7f00:1::]/",
    "https://[fe80::1]/",
    "https://[fe80::1%25lo]/",
    "https://[fc00::1]/",
    "https://[fd00:ec2::254]/",
    "https://[fec0::1]/",
    "https://[ff02::1]/",
    "https://user@127.0.0.1/",
    "https://hooks.example.com@127.0.0.1/",
    "https://hooks.example.com:secret@hooks.example.com/",
    "https://hooks.example.com\\@127.0.0.1/",
    "https://127.0.0.1#@hooks.example.com/",
    "https://127.0.0.1?@hooks.example.com/",
    "https://hooks.example.com:22/",
    "https://hooks.example.com:0/",
    "https://hooks.example.com:99999/",
    "https://hooks.example.com:443\r\nHost: 127.0.0.1/",
    "https://hooks.example.com /",
    "https:///hook",
    "https://",
    "//127.0.0.1/",
    "http://hooks.example.com/",
    "ftp://hooks.example.com/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:6379/_FLUSHALL",
    "javascript:alert(1)",
    "https://" + "a" * 500 + ".example.com/",
    "https://" + "a" * 64 + ".example.com/",
    "https://-a.example.com/",
    "https://a..example.com/",
    "https://%31%32%37.0.0.1/",
    "",
]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[object]]:
    """Let no connection be made; keep those that were tried."""
    tried: list[object] = []

    def connect(place: object, *_more: object, **_named: object) -> socket.socket:
        tried.append(place)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", connect)
    yield tried


@pytest.mark.parametrize("url", HOSTILE)
def test_hostile_url_is_refused_before_any_connection(url: str, asked: list[object]) -> None:
    answer = Sender().post(url, {}, b"{}")
    assert asked == []
    assert (answer.status, answer.is_success) == (None, False)
    assert answer.error.endswith((".", "not public.", "cannot be resolved."))
    with pytest.raises(NotAllowed):
        target = read_url(url)
        judged(target.host, target.port, 5)


@pytest.mark.parametrize(
    ("url", "plain", "host", "port"),
    [
        ("https://hooks.example.com", "https://hooks.example.com/", "hooks.example.com", 443),
        ("HTTPS://Hooks.Example.com.:443/a?b=c#d", "https://hooks.example.com/a?b=c", "hooks.example.com", 443),
        ("https://müller.example/x", "https://xn--mller-kva.example/x", "xn--mller-kva.example", 443),
        ("https://hooks.example.com:8443/x", "https://hooks.example.com:8443/x", "hooks.example.com", 8443),
        ("https://93.184.215.14/x", "https://93.184.215.14/x", "93.184.215.14", 443),
        ("https://[2606:2800:21f::1]:8443/", "https://[2606:2800:21f::1]:8443/", "2606:2800:21f::1", 8443),
    ],
)
def test_a_url_is_brought_into_its_plain_form(url: str, plain: str, host: str, port: int) -> None:
    target = read_url(url)
    assert (target.url, target.host, target.port) == (plain, host, port)


def leads_to(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> None:
    """Let each look-up of any name give the next answer, as a hostile name server does."""
    waiting = list(answers)

    def look_up(_host: object, port: int, **_named: object) -> list[object]:
        found = waiting.pop(0)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)


@pytest.mark.parametrize("answer", [["10.0.0.8"], ["93.184.215.14", "127.0.0.1"], ["::ffff:169.254.169.254"]])
def test_a_name_with_any_address_that_is_not_public_is_refused(
    answer: list[str], monkeypatch: pytest.MonkeyPatch, asked: list[object]
) -> None:
    leads_to(monkeypatch, answer)
    said = Sender().post("https://hooks.example.com/", {}, b"{}")
    assert said.error == "hooks.example.com leads to an address that is not public."
    assert asked == []


def test_the_judged_address_is_the_one_that_is_connected_to(
    monkeypatch: pytest.MonkeyPatch, asked: list[object]
) -> None:
    """A name that leads elsewhere when it is asked for again (rebinding) is not asked for again."""
    leads_to(monkeypatch, ["93.184.215.14", "93.184.215.15"], ["127.0.0.1"])
    said = Sender().post("https://hooks.example.com:8443/", {}, b"{}")
    assert asked == [("93.184.215.14", 8443), ("93.184.215.15", 8443)]
    assert said.error == "The connection was refused."


def test_a_name_that_does_not_resolve_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def look_up(*_arguments: object, **_named: object) -> list[object]:
        raise socket.gaierror("nothing")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    assert Sender().post("https://nowhere.example/", {}, b"{}").error == "The name nowhere.example cannot be resolved."


@pytest.fixture
def here() -> Iterator[Receiver]:
    """A receiver on this machine."""
    with receiving() as receiver:
        yield receiver


@pytest.mark.parametrize(("insecure", "private", "comes"), [(0, 0, 0), (1, 0, 0), (0, 1, 0), (1, 1, 1)])
def test_settings_let_webhooks_go_to_http_and_to_this_machine(
    insecure: int, private: int, comes: int, here: Receiver, settings: Settings
) -> None:
    settings.WEBHOOK_INSECURE, settings.WEBHOOK_PRIVATE = bool(insecure), bool(private)
    assert Sender().post(here.url, {"webhook-id": "evt_1"}, b"{}").is_success is bool(comes)
    assert len(here.received) == comes


def test_no_proxy_and_no_login_of_the_machine_is_used(
    here: Receiver, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.WEBHOOK_INSECURE = settings.WEBHOOK_PRIVATE = True
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert Sender().post(here.url, {"webhook-id": "evt_1"}, b"{}").is_success

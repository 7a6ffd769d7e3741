"""Where a webhook may go: which addresses of the web are accepted, and which machines they may lead to.

Whoever may name a URL could else let this server ask machines that only it can reach: itself, its neighbours, or the
service of a cloud that hands out the machine's passwords. So a name is resolved here, every address that it has is
judged, and the connection is made to a judged address: a name that is resolved again may lead elsewhere by then.
"""

import re
import socket
import threading
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import SplitResult, urlsplit

from django.conf import settings
from django.utils.translation import gettext

from customers.text.addresses import ascii_domain
from customers.text.say import say

LONGEST = 500
_FIRST_FREE_PORT, _LAST_PORT = 1024, 65535
_UNFIT = re.compile(r"[\s\x00-\x20\x7f\\<>\"{}|^`]")
_HOST = re.compile(r"(?=.{1,253}\Z)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*")
_NUMBER = re.compile(r"(0x[0-9a-f]*|[0-9]+)")

_HIDDEN = tuple(
    ip_network(one)
    for one in (
        "192.0.0.0/24",  # of protocols; Oracle's metadata among them
        "168.63.129.16/32",  # Azure's machine agent: public by its number, and answered by the host
        "192.88.99.0/24",  # the way to 6to4, below
        "::/96",  # IPv4 in IPv6, in five forms, of which only the first is unknown to the registry
        "::ffff:0:0/96",
        "64:ff9b::/96",
        "64:ff9b:1::/48",
        "2001::/32",
        "2002::/16",
        "fec0::/10",  # what private networks had before fc00::/7
    )
)
"""Networks that lead to others, beside those that the registry of special addresses calls not global."""


class NotAllowed(OSError):
    """A webhook may not go there; the message says why."""


class NotResolved(NotAllowed):
    """A name leads nowhere, at least now."""


@dataclass(frozen=True)
class Place:
    """A URL in its plain form, with the host and the port that it leads to."""

    url: str
    host: str
    port: int


def read_url(text: str) -> Place:
    """Return what a URL leads to, judged by its form alone; raises ``NotAllowed``."""
    if not 0 < len(text) <= LONGEST or _UNFIT.search(text):
        raise NotAllowed(gettext("That is not a URL."))
    try:
        parts = urlsplit(text)
        port, host = parts.port, parts.hostname or ""
    except ValueError:
        raise NotAllowed(gettext("That is not a URL.")) from None
    schemes = {"https": 443, "http": 80} if settings.WEBHOOK_INSECURE else {"https": 443}
    if parts.scheme not in schemes:
        raise NotAllowed(gettext("A webhook's URL begins with https://."))
    if "@" in parts.netloc:
        raise NotAllowed(gettext("A URL with a login in it is not accepted: the signature says who sends."))
    usual = schemes[parts.scheme]
    if port is not None and port != usual and not _FIRST_FREE_PORT <= port <= _LAST_PORT:
        raise NotAllowed(
            say(
                "Port {port} is not accepted: use {usual}, or one from {first} on.",
                port=str(port),
                usual=str(usual),
                first=str(_FIRST_FREE_PORT),
            )
        )
    host = _read_host(host)
    return Place(_plain(parts, host, port, usual), host, port or usual)


def _read_host(given: str) -> str:
    """Return a host in its plain form: a name in ASCII without its last dot, or an address."""
    if ":" in given:
        try:
            # The part after a % names a network card of this machine.
            return str(IPv6Address("" if "%" in given else given))
        except ValueError:
            raise NotAllowed(gettext("That is no IPv6 address.")) from None
    try:
        host = ascii_domain(given.removesuffix("."))
    except (UnicodeError, ValueError):
        raise NotAllowed(gettext("The URL names no host.")) from None
    host = host.lower()
    if not _HOST.fullmatch(host):
        raise NotAllowed(gettext("The URL names no host."))
    if _NUMBER.fullmatch(host.rpartition(".")[2]):
        # Some programs take 127.1, 0x7f.0.0.1 and 2130706433 for an address, others for names.
        try:
            return str(IPv4Address(host))
        except ValueError:
            raise NotAllowed(gettext("Write an IPv4 address as four plain numbers, such as 192.0.2.1.")) from None
    return host


def _plain(parts: SplitResult, host: str, port: int | None, usual: int) -> str:
    place = f"[{host}]" if ":" in host else host
    if port not in {None, usual}:
        place = f"{place}:{port}"
    return parts._replace(netloc=place, path=parts.path or "/", fragment="").geturl()


def is_allowed(address: IPv4Address | IPv6Address) -> bool:
    """Return whether a webhook may be sent to an address."""
    if settings.WEBHOOK_PRIVATE:
        return True
    special = address.is_multicast or address.is_reserved or address.is_unspecified or not address.is_global
    return not special and not any(address in network for network in _HIDDEN)


def judged(host: str, port: int, seconds: float) -> list[str]:
    """Resolve a host, and return its addresses; raises ``NotAllowed`` where any of them is refused."""
    found = _resolved(host, port, seconds)
    for address in found:
        if not is_allowed(ip_address(address)):
            raise NotAllowed(say("{host} leads to an address that is not public.", host=host))
    return found


def _resolved(host: str, port: int, seconds: float) -> list[str]:
    """Ask for a host's addresses in a thread of its own, because the system's answer may take a minute."""
    found: list[str] = []

    def ask() -> None:
        try:
            answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            return
        found.extend(dict.fromkeys(str(answer[4][0]).partition("%")[0] for answer in answers))

    thread = threading.Thread(target=ask, daemon=True, name="resolve")
    thread.start()
    thread.join(seconds)
    if not found:
        raise NotResolved(say("The name {host} cannot be resolved.", host=host))
    return list(found)

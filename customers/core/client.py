"""Where a request comes from: one answer for the throttle of logins and for the audit."""

import ipaddress

from django.conf import settings
from django.http import HttpRequest


def client_address(request: HttpRequest) -> str | None:
    """Return the address of whoever sent a request, without a port; None where that is unknown.

    ``X-Forwarded-For`` is read only as far as our own proxies wrote it: with TRUSTED_PROXIES=2 the second entry from
    its right, for all before that is what the client says.
    """
    said = [part.strip() for part in request.headers.get("X-Forwarded-For", "").split(",") if part.strip()]
    proxies = settings.TRUSTED_PROXIES
    # A request that passed fewer proxies did not come the way it should, and its header says nothing to be trusted.
    return _address(said[-proxies] if 0 < proxies <= len(said) else request.META.get("REMOTE_ADDR", ""))


def _address(text: str) -> str | None:
    """Return an address as it is stored; None where the text is none."""
    host = text.partition("]")[0].lstrip("[") if text.startswith("[") else text
    if host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        found = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return str(mapped or found)

"""Email addresses: a domain as mail servers take it, and the mailbox that an address leads to.

The settings use this module too, so it knows no models.
"""

import unicodedata
from contextlib import suppress

from django.utils.encoding import punycode

_SAME_DOMAIN = {"googlemail.com": "gmail.com"}


def ascii_domain(domain: str) -> str:
    """Return a domain in ASCII, ``xn--mller-kva.example`` for ``müller.example``; raise ``UnicodeError`` if none."""
    return punycode(domain)


def mailbox(address: str) -> str:
    """Return the mailbox of an address, to compare: two addresses of one mailbox give the same text.

    Case, the two forms of an international domain, and a tag (``ops+acme@``) tell no mailboxes apart; nor do dots
    at Gmail. Mail servers may tell case and tags apart, but then the same people read both.
    """
    local, _, domain = unicodedata.normalize("NFKC", address).strip().casefold().rpartition("@")
    domain = domain.rstrip(".")
    with suppress(UnicodeError):  # No mail leaves for such a domain; as it stands it can still be compared.
        domain = ascii_domain(domain)
    domain = _SAME_DOMAIN.get(domain, domain)
    local = local.partition("+")[0] or local
    if domain == "gmail.com":
        local = local.replace(".", "")
    return f"{local}@{domain}"

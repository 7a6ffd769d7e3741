"""Chat and other channels by Apprise. Their addresses hold secrets: nothing of them is logged, stored or shown."""

import warnings
from email import charset
from importlib.util import find_spec
from typing import TYPE_CHECKING

from django.utils.crypto import salted_hmac

from customers.text.say import english

if TYPE_CHECKING:
    import apprise

SHORT = 8
MISSING = english(
    "ALERT_URLS needs Apprise, which is not installed: make setup-alerts, or install requirements-alerts.txt"
)


class NotDelivered(Exception):
    """A channel did not take the message; the text says no more than which."""


def fingerprint(url: str) -> str:
    """Return a channel's name in the database: a hash that nobody can compute without ``SECRET_KEY``."""
    return salted_hmac("rsolv.channel", url, algorithm="sha256").hexdigest()


def label(url: str) -> str:
    """Return a channel's name in a report: its kind and the beginning of its fingerprint."""
    return english(f"{url.partition('://')[0].lower()} channel {fingerprint(url)[:SHORT]}")


def is_installed() -> bool:
    """Return whether Apprise is there to send with: most have no channels, and are spared its packages."""
    return find_spec("apprise") is not None


def notify(url: str, title: str, text: str) -> None:
    """Send a message; raises ``NotDelivered``."""
    if not is_installed():
        raise NotDelivered(f"{label(url)}: {MISSING}")
    try:
        service = _service(url)
        taken = service is not None and service.notify(title=title, body=text, body_format="text")
    except Exception:  # noqa: BLE001 - any of a hundred services
        # Their words may repeat the secret: so not even as the cause.
        raise NotDelivered(english(f"{label(url)} failed")) from None
    if service is None:
        raise NotDelivered(
            english(f"{label(url)} is of a kind that Apprise does not know, or its address lacks a part")
        )
    if not taken:
        raise NotDelivered(english(f"{label(url)} did not take the message"))


def _service(url: str) -> "apprise.Apprise | None":
    with warnings.catch_warnings():
        # It loads every kind of service, some by way of modules that Python is about to drop.
        warnings.simplefilter("ignore", DeprecationWarning)
        import apprise

        # Its email service changes how Python writes every mail of this process: not ours.
        ours = charset.CHARSETS["utf-8"]
        try:
            services = apprise.Apprise()
            return services if services.add(url) else None
        finally:
            charset.CHARSETS["utf-8"] = ours

"""System checks: what would fail later and less clearly."""

import ipaddress
import sqlite3
from typing import Any

from dj_database_url import DBConfig
from django.conf import settings
from django.core import checks
from django.db import connection

from analytics.mail import channels
from rsolv_cs.monitoring import optional

OLDEST_SQLITE = (3, 39)
YEAR = 365 * 24 * 3600
_URLS = {"default": "DATABASE_URL", "replica": "DATABASE_REPLICA_URL"}
_TLS = {"require", "verify-ca", "verify-full"}


def sqlite_version(**_options: Any) -> list[checks.CheckMessage]:
    """The loader's SQL needs ``IS DISTINCT FROM`` (SQLite 3.39)."""
    if connection.vendor == "sqlite" and sqlite3.sqlite_version_info < OLDEST_SQLITE:
        return [
            checks.Error(
                f"SQLite {sqlite3.sqlite_version} is too old.",
                hint="Use a Python with SQLite 3.39 or newer, or PostgreSQL by DATABASE_URL.",
                id="rsolv_cs.E001",
            )
        ]
    return []


def hosts_named(**_options: Any) -> list[checks.CheckMessage]:
    """Outside DEBUG a wildcard host defeats the check that it stands for."""
    if not settings.DEBUG and "*" in settings.ALLOWED_HOSTS:
        return _warning(
            "rsolv_cs.W001", "ALLOWED_HOSTS contains '*'.", "Name the hosts that people use, separated by commas."
        )
    return []


def proxy_counted(**_options: Any) -> list[checks.CheckMessage]:
    """The web server speaks no TLS itself, so where no proxy is believed nobody ever comes by HTTPS."""
    if settings.SECURE_SSL_REDIRECT and not settings.TRUSTED_PROXIES:
        return _warning(
            "rsolv_cs.W002",
            "HTTPS=1, but TRUSTED_PROXIES is 0: every request is led to HTTPS again, for ever.",
            "Set TRUSTED_PROXIES to how many proxies of yours there are, such as 1.",
        )
    return []


def hsts_of_a_year(**_options: Any) -> list[checks.CheckMessage]:
    """Browsers forget to stay with HTTPS after a while; Django itself warns where there is no HSTS at all."""
    if 0 < settings.SECURE_HSTS_SECONDS < YEAR:
        return _warning(
            "rsolv_cs.W003",
            "HSTS_SECONDS is less than a year.",
            f"Once all works over HTTPS, set HSTS_SECONDS={YEAR}.",
        )
    return []


def database_in_the_clear(**_options: Any) -> list[checks.CheckMessage]:
    """What goes to another machine's database is all that there is."""
    return [
        message
        for alias, database in settings.DATABASES.items()
        if _is_in_the_clear(database)
        for message in _warning(
            "rsolv_cs.W004",
            f"The database is on another machine, and {_URLS[alias]} does not ask for TLS.",
            "Add ?sslmode=verify-full&sslrootcert=/path/to/ca.crt to it, or at least ?sslmode=require.",
        )
    ]


def _is_in_the_clear(database: DBConfig) -> bool:
    hosts = str(database.get("HOST") or "").split(",")
    mode = str(database.get("OPTIONS", {}).get("sslmode", ""))
    return "postgresql" in database["ENGINE"] and not all(map(_is_here, hosts)) and mode not in _TLS


def mail_in_the_clear(**_options: Any) -> list[checks.CheckMessage]:
    """Mails have customers' names, and the password of the mail server goes first."""
    is_smtp = settings.EMAIL_BACKEND == "django.core.mail.backends.smtp.EmailBackend"
    if not is_smtp or _is_here(settings.EMAIL_HOST) or settings.EMAIL_USE_TLS or settings.EMAIL_USE_SSL:
        return []
    return _warning(
        "rsolv_cs.W005",
        "The mail server is another machine, and EMAIL_URL does not ask for TLS.",
        "Use smtp://user:password@host:587/?tls=1 or smtps://user:password@host.",
    )


def channels_need_apprise(**_options: Any) -> list[checks.CheckMessage]:
    """What ALERT_URLS names is sent by a package that is installed only for it."""
    if settings.ALERT_URLS and not channels.is_installed():
        return _warning(
            "rsolv_cs.W006",
            "ALERT_URLS is set, but Apprise is not installed: nothing is sent there.",
            "make setup-alerts, or: pip install --require-hashes -r requirements-alerts.txt",
        )
    return []


def watch_needs_packages(**_options: object) -> list[checks.CheckMessage]:
    """Errors and traces are sent by packages that are installed only for them."""
    lacking = [one for one in (optional.ERRORS, optional.TRACES) if one.is_wanted and not one.is_installed]
    return [
        message
        for one in lacking
        for message in _warning(
            "rsolv_cs.W020",
            f"{one.setting} is set, but what sends there is not installed: nothing is sent.",
            optional.HOW,
        )
    ]


def _warning(id: str, text: str, hint: str) -> list[checks.CheckMessage]:
    return [checks.Warning(text, hint=hint, id=id)]


def _is_here(host: str) -> bool:
    """Whether a server is this machine: by name, by address, or by a socket in a folder."""
    if not host or host.startswith(("/", "@")) or host.lower() in {"localhost", "localhost."}:
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def register_all() -> None:
    """Make Django run them."""
    checks.register(sqlite_version, checks.Tags.database)
    checks.register(hosts_named, checks.Tags.security)
    checks.register(channels_need_apprise)
    checks.register(watch_needs_packages)
    for check in (proxy_counted, hsts_of_a_year, database_in_the_clear, mail_in_the_clear):
        checks.register(check, checks.Tags.security, deploy=True)

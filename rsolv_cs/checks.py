"""System checks: what would fail later and less clearly."""

import sqlite3
from typing import Any

from django.conf import settings
from django.core import checks
from django.db import connection

OLDEST_SQLITE = (3, 39)


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
        return [
            checks.Warning(
                "ALLOWED_HOSTS contains '*'.",
                hint="Name the hosts that people use, separated by commas.",
                id="rsolv_cs.W001",
            )
        ]
    return []


def proxy_counted(**_options: Any) -> list[checks.CheckMessage]:
    """The web server speaks no TLS itself, so where no proxy is believed nobody ever comes by HTTPS."""
    if settings.SECURE_SSL_REDIRECT and not settings.TRUSTED_PROXIES:
        return [
            checks.Warning(
                "HTTPS=1, but TRUSTED_PROXIES is 0: every request is led to HTTPS again, for ever.",
                hint="Set TRUSTED_PROXIES to how many proxies of yours there are, such as 1.",
                id="rsolv_cs.W002",
            )
        ]
    return []


def register_all() -> None:
    """Make Django run them."""
    checks.register(sqlite_version, checks.Tags.database)
    checks.register(hosts_named, checks.Tags.security)
    checks.register(proxy_counted, checks.Tags.security, deploy=True)

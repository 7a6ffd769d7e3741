"""Tokens and events of the product, for tests."""

import gzip
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from customers.core.roles import Role
from customers.inbox.store import accept
from customers.models import ApiToken, InboxEvent
from tests.factories import make_staff

RECEIVED = datetime(2026, 11, 29, 16, 0, tzinfo=UTC)


def new_token(*scopes: str, username: str = "", **overrides: Any) -> tuple[ApiToken, str]:
    """A token of a new program manager, and its secret."""
    user = make_staff(Role.PROGRAM_MANAGER, **({"username": username} if username else {}))
    return ApiToken.make(user, "RSOLV Action", list(scopes) or ["ingest"], **overrides)


def event(customer: str = "c1001", event_type: str = "issue_resolution", **more: Any) -> dict[str, Any]:
    """An event as the product reports it."""
    return {"customer_id": customer, "event_type": event_type, "metadata": {}, **more}


def reported(*events: dict[str, Any], token: ApiToken | None = None) -> list[InboxEvent]:
    """Events that were accepted, as the table has them, in the order of the body."""
    receipt = accept(list(events), token or new_token()[0])
    return list(receipt.batch.events.order_by("position"))


def squeezed(body: bytes) -> bytes:
    """A body packed by gzip, the same one at any time."""
    return gzip.compress(body, 1, mtime=0)


def packed(value: object) -> bytes:
    return squeezed(json.dumps(value).encode())


@contextmanager
def write_lock(url: str) -> Iterator[None]:
    """Keep all other writers out of a database of SQLite, as a long import does."""
    with closing(sqlite3.connect(urlsplit(url).path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")

"""Which database a query is read from.

The rule: while somebody looks at something, the request's queries are read from the replica, all of them or none.
From the primary is read whatever decides who may do what, and whatever is read inside a transaction, which may be
about to write. Everything is written to the primary. Who does not look, or has no replica, reads from it alone.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Model

from customers.core.log_context import holding

REPLICA = "replica"
DECIDING = frozenset(
    {
        "auth.group",
        "auth.permission",
        "axes.accessattempt",
        "customers.apitoken",
        "customers.formsubmission",
        "customers.provideridentity",
        "customers.opensession",
        "otp_static.staticdevice",
        "otp_static.statictoken",
        "otp_totp.totpdevice",
        "sessions.session",
    }
)
"""What says who may do what: what was taken from somebody a moment ago is not to be had from a replica.

A model of an app above says so by ``DECIDES_ACCESS = True``.
"""


@dataclass
class Reading:
    """What a request reads from, whether the replica has failed it, and whether it may have written."""

    from_replica: bool = False
    has_failed: bool = False
    has_written: bool = False


_reading: ContextVar[Reading | None] = ContextVar("reading", default=None)


@contextmanager
def of_request() -> Iterator[Reading]:
    """Give what is to say where a request reads, until it is answered: the primary, unless that is changed."""
    reading = Reading()
    with holding(_reading, reading):
        yield reading


def reading_now() -> Reading:
    """Return that of the request which is being answered."""
    return _reading.get() or Reading()


def database_of_reads() -> str:
    """Return the alias of the database that a query is read from now."""
    reading = _reading.get()
    if reading is None or not reading.from_replica or connections[DEFAULT_DB_ALIAS].in_atomic_block:
        return DEFAULT_DB_ALIAS
    return REPLICA


def reading_connection() -> BaseDatabaseWrapper:
    """Return the connection by which SQL of ours is read now."""
    return connections[database_of_reads()]


class Router:
    """Says the rule to the ORM; there only where there is a replica."""

    def db_for_read(self, model: type[Model], **_hints: object) -> str:
        """Return where a model's rows are read."""
        decides = model._meta.label_lower in DECIDING or getattr(model, "DECIDES_ACCESS", False)
        return DEFAULT_DB_ALIAS if decides else database_of_reads()

    def db_for_write(self, _model: type[Model], **_hints: object) -> str:
        """Return where they are written, and note that they may be."""
        reading_now().has_written = True
        return DEFAULT_DB_ALIAS

    def allow_relation(self, _one: Model, _other: Model, **_hints: object) -> bool:
        """Let rows of both be related: they are of the same data."""
        return True

    def allow_migrate(self, alias: str, _app: str, **_hints: object) -> bool:
        """Let tables be made where they are written."""
        return alias == DEFAULT_DB_ALIAS

"""How long a page waits for a database that is busy."""

from typing import TYPE_CHECKING, cast

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.dispatch import receiver

from customers.core import log_context

if TYPE_CHECKING:
    # SQLite does without its driver.
    from customers.core.postgresql.base import DatabaseWrapper

WAIT_MILLISECONDS = 5_000
"""So long does a page wait for what somebody else is writing; a command waits longer."""
RETRY_SECONDS = 30


@receiver(connection_created, dispatch_uid="rsolv_cs.wait_shorter")
def wait_shorter(connection: BaseDatabaseWrapper, **_more: object) -> None:
    """Let a connection that a request has opened wait for as long as a person does."""
    if "request" not in log_context.current():
        return
    if connection.vendor == "postgresql":
        cast("DatabaseWrapper", connection).set_parameters(lock_timeout=WAIT_MILLISECONDS)
    else:
        with connection.cursor() as cursor:
            cursor.execute(f"PRAGMA busy_timeout = {WAIT_MILLISECONDS}")

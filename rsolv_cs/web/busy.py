"""How long a page waits for a database that is busy."""

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.dispatch import receiver

from customers.core import log_context
from customers.core.sql import is_pooled

WAIT_MILLISECONDS = 5_000
"""So long does a page wait for what somebody else is writing; a command waits longer."""
RETRY_SECONDS = 30


@receiver(connection_created, dispatch_uid="rsolv_cs.wait_shorter")
def wait_shorter(connection: BaseDatabaseWrapper, **_more: object) -> None:
    """Let a connection that a request has opened wait for as long as a person does.

    A pooler would pass the session on to commands, so there it is for the operator to say of the role.
    """
    if "request" not in log_context.current() or is_pooled():
        return
    how = f"SET lock_timeout = {WAIT_MILLISECONDS}"
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA busy_timeout = {WAIT_MILLISECONDS}" if connection.vendor == "sqlite" else how)

"""The connections of this process to the replica, which are cut where it hangs: nobody waits for it any longer."""

import os
import socket
import threading
from contextlib import closing, suppress
from weakref import WeakSet

from django.db import Error
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.dispatch import receiver

from customers.core.replica.routing import REPLICA

_connections: WeakSet[BaseDatabaseWrapper] = WeakSet()
_changing = threading.Lock()
"""Held by who adds one or goes through them: a set that grows meanwhile cannot be gone through."""


@receiver(connection_created, dispatch_uid="customers.replica")
def _note(connection: BaseDatabaseWrapper, **_more: object) -> None:
    if connection.alias == REPLICA:
        with _changing:
            _connections.add(connection)


def cut_off() -> None:
    """End what comes and goes on each of them; who waits for an answer gets an error, as if the server had gone."""
    with _changing:
        known = list(_connections)
    for wrapper in known:
        connection = wrapper.connection
        if connection is None:
            continue
        # One that is closed meanwhile has nobody who waits.
        with (
            suppress(Error, OSError),
            wrapper.wrap_database_errors,
            closing(socket.socket(fileno=os.dup(connection.fileno()))) as ours,
        ):
            ours.shutdown(socket.SHUT_RDWR)

"""Try something on the data and roll it back, while others go on working."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import DEFAULT_DB_ALIAS, connections, transaction

from customers.core.sql import is_postgres, partitioned_tables, see_one_moment, unguarded


@contextmanager
def rolled_back() -> Iterator[None]:
    """Roll back afterwards whatever is written inside.

    On SQLite a writer keeps all other writers waiting, so there it is done in a temporary copy of the database, which
    has no name and goes with its connection.
    """
    ours = connections[DEFAULT_DB_ALIAS]
    if is_postgres() or ours.in_atomic_block:
        with _rolled_back_transaction():
            yield
        return
    ours.ensure_connection()
    copy = ours.copy()
    copy.settings_dict = {**ours.settings_dict, "NAME": "file:"}
    connections[DEFAULT_DB_ALIAS] = copy
    try:
        copy.ensure_connection()
        ours.connection.backup(copy.connection)
        with _rolled_back_transaction():
            yield
    finally:
        copy.close()
        connections[DEFAULT_DB_ALIAS] = ours


@contextmanager
def _rolled_back_transaction() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@contextmanager
def temporarily() -> Iterator[None]:
    """Roll back afterwards what is done inside: to temporary tables alone, so that no writer waits on any database.

    All reads inside see the data of the moment of the first one.
    """
    outermost = is_postgres() and not connections[DEFAULT_DB_ALIAS].in_atomic_block
    partitioned = partitioned_tables() if outermost else []
    # What is asked before the moment is chosen would choose it.
    with unguarded(), _announcing_no_writer(), _rolled_back_transaction():
        if outermost:
            see_one_moment(partitioned)
        yield


@contextmanager
def _announcing_no_writer() -> Iterator[None]:
    """Let a transaction of SQLite begin as a reader; ours announce a writer at once."""
    if is_postgres():
        yield
        return
    ours = connections[DEFAULT_DB_ALIAS]
    ours.ensure_connection()
    # Django reads it at each beginning, and has no other way to say it of one transaction.
    known = vars(ours)
    announced, known["transaction_mode"] = known["transaction_mode"], None
    try:
        yield
    finally:
        known["transaction_mode"] = announced

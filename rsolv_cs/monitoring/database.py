"""Metrics of the database: whether and how soon it answers, its size, and who is connected to it."""

import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from django.db import connection
from prometheus_client.metrics_core import Metric

from customers.core.replica.watch import WATCH, Why, is_used
from customers.core.sql import fetch, is_postgres
from customers.jobs.schema import lacking
from rsolv_cs.monitoring.family import Values, gauge, one_of, single

_STATES = (
    "SELECT COALESCE(state, 'other'), COUNT(*) FROM pg_stat_activity WHERE datname = current_database() GROUP BY 1"
)
_SIZES = "SELECT pg_database_size(current_database()), current_setting('max_connections')::int"


def database_families() -> Iterator[Metric]:
    """Yield them; three or four queries."""
    # Whether there is a connection already, is by chance.
    connection.ensure_connection()
    began = time.perf_counter()
    fetch("SELECT 1")
    yield single("rsolv_database_ping_seconds", "How long a query of nothing took.", time.perf_counter() - began)
    yield single("rsolv_migrations_missing", "1 where the database lacks migrations.", float(bool(lacking())))
    size, most, states = _of_postgres() if is_postgres() else (_bytes_of_file(), None, {})
    yield single("rsolv_database_size_bytes", "What the database takes on the disk.", size)
    yield gauge("rsolv_database_connections", "Connections to this database, of whomever.", "state", of=states)
    yield single("rsolv_database_connections_max", "How many connections the server allows.", most)


def replica_families() -> Iterator[Metric]:
    """Yield what the process that is asked knows of the replica: nothing where there is none."""
    verdict = WATCH.verdict() if is_used() else None
    is_read = None if verdict is None else float(not verdict.why)
    yield single("rsolv_replica_up", "1 where pages are read from the replica.", is_read)
    lag = verdict.lag if verdict else None
    yield single("rsolv_replica_lag_seconds", "Since when the replica may lack something; 0 where nothing.", lag)
    why = one_of([one.value for one in Why if one], now=verdict.why) if verdict else {}
    yield gauge("rsolv_replica_left_out", "1 for why pages are not read from it.", "why", of=why)


def _of_postgres() -> tuple[float, float | None, Values]:
    [(size, most)] = fetch(_SIZES)
    return float(size), float(most), {(state,): float(number) for state, number in fetch(_STATES)}


def _bytes_of_file() -> float:
    """The file of SQLite with the one beside it, to which is written first."""
    name, size = str(connection.settings_dict["NAME"]), 0
    for path in (name, f"{name}-wal"):
        with suppress(FileNotFoundError):
            size += Path(path).stat().st_size
    return float(size)

"""A failover of real servers, as a login that is no superuser sees it: a replica that does not follow is left out."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from customers.core.replica import watch
from customers.core.replica.watch import Watch, Why
from customers.core.sql import is_postgres
from tests.support.postgres import Server, server_folders
from tests.support.replication import until

ROLE = "app"


def ask(server: Server, sql: str, role: str = "postgres") -> tuple[int, ...]:
    with psycopg.connect(server.url, user=role, autocommit=True) as connection:
        cursor = connection.execute(sql)
        return cursor.fetchone() or () if cursor.description else ()


@contextmanager
def three_servers() -> Iterator[list[Server]]:
    """A primary, a standby for failover, and the replica that pages are read from."""
    with server_folders("p", "s", "r") as servers:
        primary, *others = servers
        primary.initialise()
        primary.start()
        ask(primary, f"CREATE ROLE {ROLE} LOGIN")
        for one in others:
            one.follow(primary)
        yield servers


def is_as_far(one: Server, primary: Server) -> bool:
    [there] = ask(primary, "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint")
    return ask(one, "SELECT pg_wal_lsn_diff(pg_last_wal_replay_lsn(), '0/0')::bigint")[0] >= there


def test_a_replica_of_the_primary_of_before_is_left_out_until_it_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    if not is_postgres():
        pytest.skip("SQLite has no replicas")
    with three_servers() as [primary, standby, replica]:
        asked = {"default": primary, "replica": replica}
        monkeypatch.setattr(watch, "_numbers", lambda alias, sql: ask(asked[alias], sql, ROLE))
        watched = Watch()

        def why() -> Why:
            watched.look()
            return watched.verdict().why

        until(lambda: why() is Why.NOTHING)
        until(lambda: is_as_far(standby, primary))
        primary.stop()
        standby.run("pg_ctl", "--pgdata", str(standby.data), "--wait", "promote").check_returncode()
        asked["default"] = standby
        assert why() is Why.TIMELINE
        ask(replica, f"ALTER SYSTEM SET primary_conninfo = 'host={standby.folder} user=postgres'")
        ask(replica, "SELECT pg_reload_conf()::int")
        ask(standby, "CHECKPOINT")
        until(lambda: is_as_far(replica, standby))
        ask(replica, "CHECKPOINT")
        until(lambda: why() is Why.NOTHING)

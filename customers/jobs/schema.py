"""Whether the database has the tables of this version."""

from functools import cache

from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder


def lacking() -> list[str]:
    """Return the migrations of this version that the database has not had."""
    had = set(MigrationRecorder(connection).applied_migrations())
    return [f"{app}.{name}" for app, name in sorted(_known_migrations() - had)]


@cache
def _known_migrations() -> frozenset[tuple[str, str]]:
    """Return the migrations of this version, which does not change while it runs."""
    return frozenset(MigrationLoader(None).disk_migrations)

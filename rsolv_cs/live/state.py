"""The name of the state that pages show: another one whenever anything was changed, by which nothing else is told."""

from django.contrib.auth.models import User
from django.db.models.expressions import RawSQL

from analytics.nights import ledger
from analytics.page_cache.page_cache import digest
from analytics.page_cache.version import version_columns, version_of
from customers.core.sql import table_of
from customers.models import ImportRun


def state_name() -> str:
    """Return the state's name: of the version of all that pages show, of the nights, and of the newest import."""
    # A query about any user's row, because a SELECT needs one.
    row = User.objects.values(
        **version_columns(),
        **ledger.status_columns(),
        newest_run=RawSQL(f"SELECT MAX(id) FROM {table_of(ImportRun)}", ()),  # noqa: S608, S611 - no value in it
    ).first()
    if row is None:
        return ""
    columns: ledger.Row = dict(row)
    return digest((version_of(row), *(columns[name] for name in ledger.STATUS_COLUMNS), row["newest_run"]))

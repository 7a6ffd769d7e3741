"""Which errors say that the database is busy or gone, and not that a query of ours is wrong."""

from django.db import InterfaceError, OperationalError

_SQLITE_BUSY = {5, 6}
_SQLITE_OF_THE_QUERY = {0, 1}
_POSTGRESQL_BUSY = {"55P03", "57014", "40P01", "40001"}


def is_unavailable(error: BaseException | None) -> bool:
    """Return whether the error, or what it came from, is that the database could not be used just now."""
    return any(_is_of_the_database(each) for each in _chain(error))


def first_line(error: BaseException) -> str:
    """Return what an error says, without the lines in which a database repeats the statement."""
    return str(error).strip().partition("\n")[0]


def is_busy(error: BaseException | None) -> bool:
    """Return whether the database answers, but somebody else has locked what was wanted."""
    return any(_sqlite_code(each) in _SQLITE_BUSY or _state(each) in _POSTGRESQL_BUSY for each in _chain(error))


def _chain(error: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found


def _is_of_the_database(error: BaseException) -> bool:
    """Return whether the database is at fault. SQLite calls a missing table operational, too: that fault is ours."""
    if isinstance(error, OperationalError):
        return _sqlite_code(error.__cause__) not in _SQLITE_OF_THE_QUERY
    return isinstance(error, InterfaceError) or _state(error) in _POSTGRESQL_BUSY


def _sqlite_code(error: BaseException | None) -> int | None:
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


def _state(error: BaseException) -> str | None:
    return getattr(error, "sqlstate", None)

"""Database fields that Django lacks."""

from typing import Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

from customers.text.say import english


class KeyField(models.CharField):  # type: ignore[type-arg]  # no generic at runtime
    """A feed's text key: at most 64 ASCII characters, compared byte by byte on both databases.

    On PostgreSQL the collation is ``C`` (equality and order are those of SQLite's BINARY, and a join costs less),
    and the column type is spelled out, because Django adds a second, ``_like`` index to each key whose type
    starts with ``varchar``: half as much load time again for a search that the pages never make.
    """

    MAX_LENGTH = 64

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", self.MAX_LENGTH)
        super().__init__(*args, **kwargs)

    def set_attributes_from_name(self, name: str) -> None:
        """Call an id as Django calls the keys that it makes itself."""
        super().set_attributes_from_name(name)
        if self.verbose_name == "id":
            self.verbose_name = english("ID")

    def db_type(self, connection: BaseDatabaseWrapper) -> str | None:
        """Return the column's type."""
        if connection.vendor == "postgresql":
            return english(f"character varying({self.max_length})")
        return super().db_type(connection)

    def db_parameters(self, connection: BaseDatabaseWrapper) -> dict[str, Any]:
        """Return the column's type, check and collation; foreign keys to the column take them over."""
        parameters = super().db_parameters(connection)
        if connection.vendor == "postgresql":
            parameters["collation"] = "C"
        return parameters

"""The formats in which the customer table is exported."""

from typing import Self

from django.db import models

from customers.text.say import english


class ExportFormat(models.TextChoices):
    """A file of the customer table: its key in addresses, its name's extension, its content type and its label.

    ``customer_list.export.WRITERS`` says how it is written.
    """

    CSV = "csv", "zip", "application/zip", "CSV"
    XLSX = "xlsx", "xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", english("Excel")

    extension: str
    content_type: str

    def __new__(cls, key: str, extension: str = "", content_type: str = "") -> Self:
        """Make a member whose value is its key alone; a look-up by the key, ``ExportFormat("csv")``, names no more."""
        member = str.__new__(cls, key)
        member._value_ = key
        member.extension = extension
        member.content_type = content_type
        return member

"""The query of an address of the customer table: which of its names are filters, and what else it may have."""

from django.http import QueryDict

OF_THE_TABLE = ("sort", "columns", "per_page")
NOT_OF_THE_TABLE = {"as_of", "page", "report", "history", "days", "compare"}
"""What else an address of the dashboard has; it is not saved."""


def narrowed_query(address: QueryDict, *, leave_out: tuple[str, ...] = ()) -> str:
    """Return the address' query from the first page on, without blanks and the names in ``leave_out``."""
    rest = address.copy()
    for name in list(rest):
        values = [value for value in rest.getlist(name) if value != ""]
        if name in {"page", *leave_out} or not values:
            del rest[name]
        else:
            rest.setlist(name, values)
    return rest.urlencode()

"""Customers as the customer table has them: its filters, its order, its scored date."""

from datetime import date
from typing import Annotated, ClassVar, TypedDict

from django.http import HttpRequest
from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import ValidationError

from analytics.customer_list.columns import TABLE_COLUMNS
from analytics.customer_list.listing import CustomerList
from analytics.models import Snapshot, SnapshotQuerySet
from analytics.pages.user_summary import user_summary
from analytics.segments.address import NOT_OF_THE_TABLE, OF_THE_TABLE
from analytics.segments.filters import ME, NOBODY, SnapshotFilter
from customers.core.pages import user_of
from rsolv_cs.api.access import Accesses, reads
from rsolv_cs.api.paging import PER_PAGE, paging_of
from rsolv_cs.api.reading import AS_OF, PAGING, ReadView, check_filters, filter_parameters, scored_date
from rsolv_cs.api.resources.facts import (
    Changes,
    CustomerFacts,
    SnapshotFacts,
    changes_of,
    customer_facts,
    snapshot_facts,
    with_customers,
)

SORT = OpenApiParameter(
    "sort",
    {
        "type": "array",
        "items": {"type": "string", "enum": [way + name for name in TABLE_COLUMNS for way in ("", "-")]},
    },
    description=(
        "A column of the customer table, with a minus for the other way round. By default the key, so that no "
        "customer is skipped or told twice where scores change between two pages; `status` is the table's own order, "
        "the worst first."
    ),
)
OF_THE_PAGE = [
    OpenApiParameter(name, str, description="Of the customer table's address; it changes nothing here.")
    for name in sorted({*OF_THE_TABLE, *NOT_OF_THE_TABLE} - {SORT.name, PER_PAGE, AS_OF.name})
]
LIST_PARAMETERS = (
    AS_OF,
    *filter_parameters(
        SnapshotFilter,
        q="Words that all occur in name, email, GitHub name or key.",
        owner=f"The key of an account, `{ME}` or `{NOBODY}`.",
        cohort="Cohort; a blank for none.",
        industry="Industry; a blank for none.",
        signup="The month of the signup, as 2025-05.",
    ),
    SORT,
    *OF_THE_PAGE,
    *PAGING,
)


class CustomerRow(CustomerFacts):
    """A customer with its snapshot."""

    snapshot: SnapshotFacts
    changes: Changes


class CustomerPage(TypedDict):
    """A page of customers."""

    as_of: Annotated[date | None, "The scored date; null where nothing is scored yet."]
    next: Annotated[str | None, "The address of the next page; null on the last one."]
    results: list[CustomerRow]


class CustomersView(ReadView):
    """The customers of a scored date.

    A query of the customer table works here unchanged and means the same customers.
    """

    access: Accesses = reads("customers.view_customer")
    operation = "list_customers"
    parameters: ClassVar = LIST_PARAMETERS
    answers = CustomerPage

    def answer(self, request: HttpRequest, **kwargs: object) -> CustomerPage:
        """Return a page of customers."""
        day, following, snapshots = listed_snapshots(request)
        rows: list[CustomerRow] = [
            {**customer_facts(one.customer), "snapshot": snapshot_facts(one), "changes": changes_of(one)}
            for one in snapshots
        ]
        return {"as_of": day, "next": following, "results": rows}


def listed_snapshots(request: HttpRequest) -> tuple[date | None, str | None, list[Snapshot]]:
    """Return the scored date that a request is about, the next page's address, and the snapshots that it asks for.

    Raises ``ValidationError`` for what the customer table does not know.
    """
    paging = paging_of(request)
    portfolio = scored_date(request).portfolio
    sorts = request.GET.getlist(SORT.name)
    if any(name.removeprefix("-") not in TABLE_COLUMNS for name in sorts):
        raise ValidationError({SORT.name: f"Allowed, with or without a minus: {', '.join(TABLE_COLUMNS)}."})
    if portfolio is None:
        return None, None, []
    user, day = user_of(request), portfolio.date
    asked = CustomerList(request.GET, user, day, me=user, version=user_summary(request).version)
    check_filters(asked.filters)
    found: SnapshotQuerySet = asked.customers if sorts else asked.customers.order_by("customer_id")
    snapshots, position = paging.rows(found, with_customers(day, asked.changes))
    return day, paging.next_page(position, day), snapshots

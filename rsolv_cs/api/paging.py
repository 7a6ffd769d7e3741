"""Pages of a list: from a row on, so that nothing is skipped or told twice while rows come and go."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar

from django.core.exceptions import ValidationError
from django.db import DataError, transaction
from django.db.models import Model, QuerySet
from rest_framework.exceptions import NotFound, ParseError
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request

if TYPE_CHECKING:
    # It asks the settings for this module while it is imported.
    from rest_framework.views import APIView

AnyModel = TypeVar("AnyModel", bound=Model)
Row = TypeVar("Row")

_NO_CURSOR = "The cursor is none of ours: follow the links of an answer."


class CursorPaging(CursorPagination):
    """Pages in the ``ordering`` that a view declares, whose first field is unique; 100 rows unless said otherwise."""

    page_size = 100
    page_size_query_param = "page_size"
    max_page_size = 500

    def get_ordering(self, request: Request, queryset: object, view: "APIView") -> tuple[str, ...]:
        """Return the fields that the list is ordered by."""
        fields: Sequence[str] = getattr(view, "ordering", ("pk",))
        return tuple(fields)

    def decode_cursor(self, request: Request) -> Cursor | None:
        """Return where a page begins; raises ``ParseError`` for what is no cursor."""
        try:
            return super().decode_cursor(request)
        except NotFound:
            raise ParseError(_NO_CURSOR) from None

    def paginate_queryset(
        self, queryset: "QuerySet[AnyModel, Row] | Sequence[Row]", request: Request, view: "APIView | None" = None
    ) -> list[Row] | None:
        """Return the rows of a page; raises ``ParseError`` where the cursor says what no row can have."""
        if self.cursor_query_param not in request.query_params:
            return super().paginate_queryset(queryset, request, view)
        try:
            # Some values are refused by the database alone.
            with transaction.atomic():
                return super().paginate_queryset(queryset, request, view)
        except (DataError, OverflowError, ValueError, TypeError, ValidationError):
            raise ParseError(_NO_CURSOR) from None

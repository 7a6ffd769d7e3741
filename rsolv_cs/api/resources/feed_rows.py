"""Rows of a feed that a program sends, loaded at once."""

from collections.abc import Mapping
from http import HTTPStatus

from django.http import HttpResponse
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import APIException, NotFound, ParseError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from customers.feeds.declarations import FEEDS
from customers.inbox.bodies import JSON_TYPES, LINE_TYPES
from customers.inbox.rows import BadRows, KeyUsed, RowsFailed, RowsReceipt, accept_rows
from customers.jobs.lock import LockHeld
from customers.models import Batch, FeedName
from rsolv_cs.api.access import Access, Accesses, Scope
from rsolv_cs.api.authentication import TokenAuthentication, token_of
from rsolv_cs.api.bodies import entries_of
from rsolv_cs.api.resources.batches import BatchRowSerializer, batch_address, told_rows
from rsolv_cs.web.problem import problem

KEY_HEADER = "Idempotency-Key"
REPLAYED_HEADER = "Idempotent-Replayed"


class NotNow(APIException):
    """The rows cannot be loaded at the moment; the same request may be sent again."""

    status_code = HTTPStatus.SERVICE_UNAVAILABLE
    wait = 30
    """Seconds until then: the header Retry-After."""


class RowsReceiptSerializer(serializers.Serializer[Mapping[str, object]]):
    """What was done with each row."""

    batch = serializers.UUIDField()
    address = serializers.CharField(help_text="Where to ask for this answer again.")
    run = serializers.IntegerField()
    run_address = serializers.CharField()
    rows = BatchRowSerializer(many=True)


class RowsView(APIView):
    """Takes rows of a feed: at most 5,000, as a list or NDJSON, perhaps packed by gzip."""

    access: Accesses = {"POST": Access(Scope.INGEST, ("customers.upload_importrun",))}
    authentication_classes = (TokenAuthentication,)
    parser_classes = ()

    @extend_schema(
        operation_id="rows",
        tags=["rows"],
        parameters=[
            OpenApiParameter("feed", enum=FeedName.values, location=OpenApiParameter.PATH),
            OpenApiParameter(
                KEY_HEADER,
                location=OpenApiParameter.HEADER,
                description="A request with a key that came before is answered as it was, and loads nothing.",
            ),
        ],
        request=dict.fromkeys((*JSON_TYPES, LINE_TYPES[0]), OpenApiTypes.OBJECT),
        responses={200: RowsReceiptSerializer},
    )
    def post(self, request: Request, feed: str) -> HttpResponse:
        """Load the rows, by the names of the CSV's columns, and say what was done with each.

        They are never taken for all that the feed says: nobody goes missing, and no guardrail of a whole file trips.
        """
        if feed not in FEEDS:
            raise NotFound("There is no such feed.")
        key = request.headers.get(KEY_HEADER, "")
        if len(key) > Batch.MAX_KEY_LENGTH or not (key.isascii() and key.isprintable()):
            raise ParseError(f"{KEY_HEADER} must be printable ASCII of at most {Batch.MAX_KEY_LENGTH} characters.")
        try:
            return _answer(accept_rows(FEEDS[feed], entries_of(request), token_of(request), key))
        except BadRows as refusal:
            invalid = [{"index": place, "reason": reason} for place, reason in refusal.reasons.items()]
            return problem(HTTPStatus.BAD_REQUEST, str(refusal), invalid=invalid)
        except KeyUsed as refusal:
            return problem(HTTPStatus.UNPROCESSABLE_ENTITY, str(refusal))
        except LockHeld:
            raise NotNow("An import or a scoring is running; send the request again in a moment.") from None
        except RowsFailed as failure:
            raise NotNow(str(failure)) from None


def _answer(receipt: RowsReceipt) -> Response:
    """The answer to rows that are loaded."""
    batch = receipt.batch
    told = {
        "batch": batch.pk,
        "address": batch_address(batch),
        "run": batch.run_id,
        "run_address": reverse("api:run", args=[batch.run_id]),
        "rows": told_rows(batch),
    }
    headers = {REPLAYED_HEADER: "true"} if receipt.again else {}
    return Response(RowsReceiptSerializer(told).data, headers=headers)

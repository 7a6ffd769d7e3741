"""What the product reports, as RSOLV's GitHub Action posts it."""

from http import HTTPStatus

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from customers.inbox.bodies import JSON_TYPES, LINE_TYPES
from customers.inbox.events import TYPES
from customers.inbox.store import Receipt, accept
from rsolv_cs.api.access import Access, Accesses, Scope
from rsolv_cs.api.authentication import TokenAuthentication, token_of
from rsolv_cs.api.bodies import entries_of
from rsolv_cs.api.resources.batches import batch_address
from rsolv_cs.web.problem import problem


class ReportedSerializer(serializers.Serializer[object]):
    """An event of the product. A body may also be a list of them, or NDJSON."""

    customer_id = serializers.CharField(max_length=64)
    event_type = serializers.ChoiceField(choices=TYPES)
    metadata = serializers.DictField(required=False, allow_null=True, help_text="At most 10,000 characters.")
    event_id = serializers.CharField(
        max_length=200, required=False, allow_null=True, help_text="The second event of an id does not count."
    )
    occurred_at = serializers.DateTimeField(
        required=False, allow_null=True, help_text="With its zone; without it, the event has just occurred."
    )


class InvalidSerializer(serializers.Serializer[object]):
    """An entry of the body that cannot be taken."""

    index = serializers.IntegerField(help_text="Its place in the body, from 0.")
    reason = serializers.CharField()


class ReceiptSerializer(serializers.Serializer[object]):
    """What was accepted: it is stored for good, and loaded within a minute."""

    batch = serializers.UUIDField()
    address = serializers.CharField(help_text="Where to ask what was done with each event.")
    accepted = serializers.IntegerField()
    invalid = InvalidSerializer(many=True)


class TrackView(APIView):
    """Takes events of the product: one, a list, or NDJSON, perhaps packed by gzip."""

    access: Accesses = {"POST": Access(Scope.INGEST, ("customers.upload_importrun",))}
    authentication_classes = (TokenAuthentication,)
    parser_classes = ()

    @extend_schema(
        operation_id="track",
        tags=["events"],
        request=dict.fromkeys((*JSON_TYPES, LINE_TYPES[0]), ReportedSerializer),
        responses={202: ReceiptSerializer},
        examples=[
            OpenApiExample(
                "A step",
                {
                    "customer_id": "c1001",
                    "event_type": "onboarding_step_first_issue_tagged",
                    "metadata": {"step": "first_issue_tagged"},
                },
                request_only=True,
            )
        ],
    )
    def post(self, request: Request) -> HttpResponse:
        """Store the events, and say which ones cannot be taken.

        Where that is all of them, the answer is 400; they are kept for the operator to see.
        """
        return _answer(accept(entries_of(request), token_of(request)))


def _answer(receipt: Receipt) -> HttpResponse:
    """The answer to a batch that is stored."""
    address = batch_address(receipt.batch)
    invalid = [{"index": event.position, "reason": event.reason} for event in receipt.invalid]
    told = {"batch": str(receipt.batch.pk), "address": address, "invalid": invalid}
    accepted = len(receipt.events) - len(invalid)
    if not accepted:
        return problem(HTTPStatus.BAD_REQUEST, "None of the events can be taken.", **told)
    return Response({**told, "accepted": accepted}, HTTPStatus.ACCEPTED, headers={"Location": address})

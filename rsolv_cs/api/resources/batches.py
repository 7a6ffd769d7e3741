"""Batches: what was done with each event or row of a request."""

from collections import Counter
from collections.abc import Mapping, Sequence
from uuid import UUID

from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from customers.imports.strategies.partial import ROW_STATES
from customers.inbox import spool
from customers.inbox.rows import reasons_of
from customers.models import Batch, FeedName, InboxEvent
from rsolv_cs.api.access import Access, Accesses, Scope
from rsolv_cs.api.authentication import TokenAuthentication, token_of

NO_BATCH = "There is no such batch."


class BatchEventSerializer(serializers.ModelSerializer[InboxEvent]):
    """One event of a batch."""

    index = serializers.IntegerField(source="position", help_text="Its place in the body, from 0.")
    customer_id = serializers.CharField(source="customer_key", help_text="Empty once the customer is erased.")

    class Meta:
        model = InboxEvent
        fields = ("index", "customer_id", "event_type", "event_id", "occurred_at", "state", "reason", "run")
        read_only_fields = fields


class BatchRowSerializer(serializers.Serializer[Mapping[str, object]]):
    """One row of a batch."""

    index = serializers.IntegerField(help_text="Its place in the body, from 0.")
    state = serializers.ChoiceField(ROW_STATES)
    reasons = serializers.ListField(child=serializers.CharField(), help_text="Why it is in quarantine.")


class BatchSerializer(serializers.Serializer[Mapping[str, object]]):
    """A batch, and what was done with what it brought."""

    id = serializers.UUIDField()
    kind = serializers.ChoiceField(Batch.Kind.choices)
    feed = serializers.ChoiceField(FeedName.choices, allow_blank=True, help_text="Empty for events.")
    received_at = serializers.DateTimeField()
    entries = serializers.IntegerField()
    counts = serializers.DictField(child=serializers.IntegerField(), help_text="How many entries are in each state.")
    events = BatchEventSerializer(many=True)
    run = serializers.IntegerField(allow_null=True, help_text="The run that loaded rows.")
    rows = BatchRowSerializer(many=True)


class BatchView(APIView):
    """What was done with each event or row of a batch; told to the account that sent it."""

    access: Accesses = {"GET": Access(Scope.INGEST, ("customers.upload_importrun",))}
    authentication_classes = (TokenAuthentication,)

    @extend_schema(operation_id="batch", tags=["events"], responses=BatchSerializer)
    def get(self, request: Request, key: UUID) -> Response:
        """Return the batch."""
        batch, events = _find(key)
        if batch.token is None or batch.token.user_id != token_of(request).user_id:
            raise NotFound(NO_BATCH)
        counts = Counter([*(event.state for event in events), *batch.states])
        told = {name: getattr(batch, name) for name in ("id", "kind", "feed", "received_at", "entries")}
        told |= {"run": batch.run_id, "rows": told_rows(batch)}
        return Response(BatchSerializer({**told, "counts": counts, "events": events}).data)


def batch_address(batch: Batch) -> str:
    """The address of a batch."""
    return reverse("api:batch", args=[batch.pk])


def told_rows(batch: Batch) -> list[dict[str, object]]:
    """What was done with each row of a batch, and why those in quarantine are there."""
    reasons = reasons_of(batch)
    return [
        {"index": place, "state": state, "reasons": reasons.get(place, [])} for place, state in enumerate(batch.states)
    ]


def _find(key: UUID) -> tuple[Batch, Sequence[InboxEvent]]:
    """The batch with its events in their order; raises ``NotFound`` where there is none.

    It is looked for in the spool first: what leaves that is in the table by then.
    """
    waiting = spool.find_spooled(key)
    batch = Batch.objects.filter(pk=key).select_related("token").first()
    if batch is not None:
        return batch, list(batch.events.order_by("position"))
    if waiting is None:
        raise NotFound(NO_BATCH)
    return waiting

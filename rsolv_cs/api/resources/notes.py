"""Notes about customers, calls and meetings: stored as the box of the customer's page does."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, TypedDict

from django.shortcuts import get_object_or_404
from django.urls import reverse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from analytics.customer_page.composer import NoteForm
from customers.core.pages import user_of
from customers.core.people import name_of
from customers.editing.form_keys import store_once
from customers.models import Customer, Note
from rsolv_cs.api.access import Access, Accesses, Scope
from rsolv_cs.api.writing import SentSerializer, check_form, find_named, sent_fields

IDEMPOTENCY_KEY = "Idempotency-Key"


class NewNote(SentSerializer):
    """A note, or what came of a call or a meeting."""

    customer = serializers.CharField(max_length=64, help_text="The customer's id.")
    kind = serializers.ChoiceField(Note.Kind.choices, default=Note.Kind.NOTE.value)
    text = serializers.CharField(max_length=Note.MAX_LENGTH)


class NoteFacts(TypedDict):
    """A note about a customer; it is never changed."""

    id: int
    customer: Annotated[str, "The customer's id."]
    kind: Note.Kind
    text: str
    author: str
    created_at: datetime


class NotesView(APIView):
    """Notes; the customer's timeline tells them."""

    access: Accesses = {"POST": Access(Scope.WRITE, ("customers.view_customer", "customers.add_note"))}

    @extend_schema(
        operation_id="create_note",
        request=NewNote,
        responses={201: NoteFacts, 200: NoteFacts},
        parameters=[
            OpenApiParameter(
                IDEMPOTENCY_KEY,
                str,
                OpenApiParameter.HEADER,
                description="With the same key and the same body a note is stored once in two days; "
                "without a key, once in ten seconds.",
            )
        ],
    )
    def post(self, request: Request) -> Response:
        """Add a note. Sent twice it is stored once: the second answer, 200, is the same note."""
        sent = sent_fields(NewNote, request)
        customer = find_named(Customer.objects.all(), "customer", sent["customer"])
        user, stored = user_of(request._request), []

        def store() -> str:
            form = NoteForm(sent)
            check_form(form)
            form.instance.customer, form.instance.author = customer, name_of(user)
            stored.append(form.save())
            # An erasure forgets what led to the customer's page.
            return f"{reverse('analytics:customer', args=[customer.pk])}#note-{stored[0].pk}"

        key = request.headers.get(IDEMPOTENCY_KEY)
        location = store_once([user.pk, request.path, sent, key], store, is_keyed=key is not None)
        if stored:
            return Response(_facts(stored[0]), status=HTTPStatus.CREATED)
        return Response(_facts(get_object_or_404(Note, pk=location.rpartition("-")[2])))


def _facts(one: Note) -> NoteFacts:
    return {
        "id": one.pk,
        "customer": one.customer_id,
        "kind": Note.Kind(one.kind),
        "text": one.text,
        "author": one.author,
        "created_at": one.created_at,
    }

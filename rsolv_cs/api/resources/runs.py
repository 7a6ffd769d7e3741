"""Import runs."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.viewsets import GenericViewSet

from customers.models import ImportRun
from rsolv_cs.api.access import Accesses, reads

RUN_FIELDS = (
    "id",
    "feed",
    "scope",
    "file",
    "status",
    "reason",
    "rows",
    "created",
    "updated",
    "unchanged",
    "quarantined",
    "retried",
    "deleted",
    "missing",
    "returned",
    "started_at",
    "finished_at",
    "undoes",
    "undone_by",
)


class RunSerializer(serializers.ModelSerializer[ImportRun]):
    """A run with what became of its rows."""

    class Meta:
        model = ImportRun
        fields = RUN_FIELDS
        read_only_fields = RUN_FIELDS


@extend_schema(tags=["runs"])
class RunViewSet(ListModelMixin, RetrieveModelMixin, GenericViewSet[ImportRun]):
    """Import runs, newest first."""

    access: Accesses = reads("customers.view_importrun")
    queryset = ImportRun.objects.all()
    serializer_class = RunSerializer
    ordering = ("-pk",)
    lookup_value_converter = "int"

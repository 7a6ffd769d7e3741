"""Import runs, what became of their rows, and the rows that were not loaded."""

from datetime import date, datetime
from typing import Annotated, ClassVar, TypedDict

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter

from customers.models import FeedName, ImportRun, QuarantinedRow
from rsolv_cs.api.access import Accesses, reads
from rsolv_cs.api.paging import paging_of
from rsolv_cs.api.reading import AS_OF, PAGING, ReadView, choice_of, end_of, scored_date

FEED = OpenApiParameter("feed", {"type": "string", "enum": FeedName.values}, description="Of this feed alone.")
STATUS = OpenApiParameter(
    "status", {"type": "string", "enum": ImportRun.Status.values}, description="Those that ended like this."
)
SCOPE = OpenApiParameter(
    "scope", {"type": "string", "enum": ImportRun.Scope.values}, description="Those that read this."
)
ROW_STATUS = OpenApiParameter(
    "status",
    {"type": "string", "enum": QuarantinedRow.Status.values},
    description="Rows in this state; all where it is not given.",
)


class RunFacts(TypedDict):
    """One attempt to load one file: created, updated, unchanged and quarantined add up to its rows."""

    id: int
    feed: FeedName
    scope: ImportRun.Scope
    file: str
    sha256: str
    size: Annotated[int, "Bytes."]
    status: ImportRun.Status
    reason: Annotated[str, "Why it was refused or failed; empty otherwise."]
    rows: int
    created: int
    updated: int
    unchanged: int
    quarantined: int
    retried: Annotated[int, "Rows of earlier files that came out of quarantine."]
    deleted: Annotated[int, "Rows that an undo removed."]
    missing: Annotated[int, "Rows of a full feed that are missing since this run."]
    returned: Annotated[int, "Rows that were missing and are there again."]
    warnings: list[str]
    started_by: str
    started_at: datetime
    finished_at: datetime | None
    undoes: Annotated[int | None, "The run that it undoes."]
    undone_by: Annotated[int | None, "The run that undoes it."]


class RunPage(TypedDict):
    """A page of runs."""

    as_of: Annotated[date | None, "The scored date; null where nothing is scored yet."]
    next: Annotated[str | None, "The address of the next page; null on the last one."]
    results: list[RunFacts]


class QuarantinedFacts(TypedDict):
    """A row that was not loaded, with every reason against it."""

    id: int
    feed: FeedName
    line: int
    raw: Annotated[str, "The text of the row."]
    reasons: list[str]
    waits_for_customer: Annotated[bool, "Later imports try it again."]
    status: QuarantinedRow.Status
    resolved_by: Annotated[int | None, "The run by which it was loaded or replaced."]


class QuarantinedPage(TypedDict):
    """A page of quarantined rows."""

    next: Annotated[str | None, "The address of the next page; null on the last one."]
    results: list[QuarantinedFacts]


class RunsView(ReadView):
    """Import runs, the newest first; with `as_of` those that began by the end of that scored date."""

    access: Accesses = reads("customers.view_importrun")
    operation = "list_runs"
    parameters: ClassVar = (AS_OF, FEED, STATUS, SCOPE, *PAGING)
    answers = RunPage

    def answer(self, request: HttpRequest, **kwargs: object) -> RunPage:
        """Return a page of runs."""
        paging = paging_of(request)
        portfolio = scored_date(request).portfolio
        day = portfolio.date if portfolio else None
        until = day if AS_OF.name in request.GET else None
        found = ImportRun.objects.order_by("-pk")
        if until:
            found = found.filter(started_at__lt=end_of(until))
        for one, values in (
            (FEED, FeedName.values),
            (STATUS, ImportRun.Status.values),
            (SCOPE, ImportRun.Scope.values),
        ):
            if one.name in request.GET:
                found = found.filter(**{one.name: choice_of(request, one.name, values, "")})
        rows, position = paging.rows(found, ImportRun.objects.all())
        following = paging.next_page(position, until)
        return {"as_of": day, "next": following, "results": [_facts(one) for one in rows]}


class RunView(ReadView):
    """One import run."""

    access: Accesses = reads("customers.view_importrun")
    operation = "get_run"
    answers = RunFacts

    def answer(self, request: HttpRequest, **kwargs: object) -> RunFacts:
        """Return the run."""
        return _facts(get_object_or_404(ImportRun, pk=kwargs["pk"]))


class QuarantinedView(ReadView):
    """The rows of a run that were not loaded, in the order of their lines."""

    access: Accesses = reads("customers.view_importrun", "customers.view_quarantinedrow")
    operation = "list_quarantined_rows"
    parameters: ClassVar = (ROW_STATUS, *PAGING)
    answers = QuarantinedPage

    def answer(self, request: HttpRequest, **kwargs: object) -> QuarantinedPage:
        """Return a page of rows."""
        paging = paging_of(request)
        run = get_object_or_404(ImportRun.objects.only("pk"), pk=kwargs["pk"])
        found = QuarantinedRow.objects.filter(run=run).order_by("line", "pk")
        if ROW_STATUS.name in request.GET:
            found = found.filter(status=choice_of(request, ROW_STATUS.name, QuarantinedRow.Status.values, ""))
        rows, position = paging.rows(found, QuarantinedRow.objects.all())
        return {"next": paging.next_page(position), "results": [_row(one) for one in rows]}


def _facts(one: ImportRun) -> RunFacts:
    return {
        "id": one.pk,
        "feed": FeedName(one.feed),
        "scope": ImportRun.Scope(one.scope),
        "file": one.file,
        "sha256": one.sha256,
        "size": one.size,
        "status": ImportRun.Status(one.status),
        "reason": one.reason,
        "rows": one.rows,
        "created": one.created,
        "updated": one.updated,
        "unchanged": one.unchanged,
        "quarantined": one.quarantined,
        "retried": one.retried,
        "deleted": one.deleted,
        "missing": one.missing,
        "returned": one.returned,
        "warnings": one.warnings,
        "started_by": one.started_by,
        "started_at": one.started_at,
        "finished_at": one.finished_at,
        "undoes": one.undoes_id,
        "undone_by": one.undone_by_id,
    }


def _row(one: QuarantinedRow) -> QuarantinedFacts:
    return {
        "id": one.pk,
        "feed": FeedName(one.feed),
        "line": one.line,
        "raw": one.raw,
        "reasons": one.reasons,
        "waits_for_customer": one.waits_for_customer,
        "status": QuarantinedRow.Status(one.status),
        "resolved_by": one.resolved_by_id,
    }

"""The quarantine's pages: the form that fixes a row, the replay of rows, and their download."""

import io
import re
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse, reverse_lazy
from django.utils.translation import gettext

from customers.archive.erased import ErasedIds, customer_column
from customers.core.limits import BATCH_SIZE
from customers.core.pages import admin_page, admin_response
from customers.editing.conflicts import ConflictForm, form_status, tell_kept
from customers.editing.last_changes import LastChange, last_changes
from customers.feeds.cell_types import Text
from customers.feeds.declarations import FEEDS, ORIGINAL, RAW, REASONS, Feed, Header
from customers.feeds.exports import write_csv
from customers.feeds.reader import BLANKS
from customers.imports.fixes import cells_left_over, cells_to_fix, fix, header_of
from customers.imports.interface import Outcome
from customers.imports.load import replay_chosen, replay_under_lock
from customers.jobs.lock import JobLock, LockHeld, job_lock_within
from customers.jobs.pages import IMPORT_RUNS, failures_told
from customers.models import ImportRun, QuarantinedRow
from customers.text.quoted import cut
from customers.text.say import say
from customers.text.text_fields import TextAreaField, one_break

MAX_RAW = 10_000
MAX_CELL = 32_000
"""The characters that a cell of a spreadsheet takes."""
MAX_CELLS = 50
COMPARED = "compared"
MAX_LINE = 254
"""Longer texts, and texts with line breaks, get a field of several lines."""
SECONDS_TO_WAIT = 4
"""A fix waits this long for the replay of another one."""
_LISTED = reverse_lazy("admin:customers_quarantinedrow_changelist")
_BREAK = re.compile(r"[\r\n]")


def fix_address(row: QuarantinedRow) -> str:
    """Return the address of the form that fixes a row."""
    is_event = row.run.scope == ImportRun.Scope.EVENTS
    return reverse("customers:fix-event" if is_event else "customers:fix-row", args=[row.pk])


class FixForm(ConflictForm, forms.Form):
    """A form with a field for each column of the feed; a reason stands beside its column, or above all."""

    def __init__(self, row: QuarantinedRow, data: QueryDict | None = None) -> None:
        super().__init__(data)
        self.row = row
        self.feed = feed = FEEDS[row.feed]
        self.is_guess = row.cells is None
        self.before = dict(zip(feed.column_names, cells_to_fix(row), strict=True))
        self.by_column: dict[str, list[str]] = {name: [] for name in feed.column_names}
        self.of_the_row: list[str] = []
        for reason in row.reasons:
            column, _colon, message = reason.partition(": ")
            self.by_column.get(column, self.of_the_row).append(message if column in self.by_column else reason)
        for column in feed.columns:
            name = column.name
            free = (isinstance(column.cell_type, Text) and column.cell_type.longest > MAX_LINE) or _BREAK.search(
                self.before[name]
            )
            attributes = {"dir": "auto", "autocomplete": "off"}
            if self.by_column[name]:
                attributes |= {"aria-invalid": "true", "aria-describedby": f"reasons-{name}"}
            self.fields[name] = TextAreaField(
                required=False,
                strip=False,
                initial=self.before[name],
                label=name,
                label_suffix="",
                widget=forms.Textarea({**attributes, "rows": 2}) if free else forms.TextInput(attributes),
            )

        # Only a bound form has it: it matters to those who send the guess unchanged.
        if self.is_guess and self.is_bound:
            self.fields[COMPARED] = forms.BooleanField(
                required=False,
                label=gettext("I have compared these cells with the text above: they are right as they are"),
            )

    def row_fields(self) -> list[str]:
        return self.feed.column_names

    def changes(self) -> Mapping[str, LastChange]:
        return last_changes(self.row)

    def clean(self) -> None:
        """Refuse a guess that is sent unchanged, and the id of an erased customer."""
        unchanged = not self.errors and self.cells() == list(self.before.values())
        if self.is_guess and unchanged and not self.cleaned_data[COMPARED]:
            self.add_error(
                COMPARED,
                gettext("The text has too many or too few cells, and these are a guess: correct them, or tick this."),
            )
        name = customer_column(self.feed)
        if self.cleaned_data.get(name, "").strip(BLANKS) in ErasedIds():
            self.add_error(name, gettext("This customer was erased: their rows are left out."))

    def columns(self) -> Iterator[tuple[forms.BoundField, list[str], bool]]:
        """Yield each field, the reasons about it, and whether it is required."""
        for column in self.feed.columns:
            field = self[column.name]
            yield field, [*self.by_column[column.name], *field.errors], column.required

    def cells(self) -> list[str]:
        """Return the sent cells, trimmed as in a file; unchanged ones keep the line breaks that a browser changes."""
        cells = []
        for name, before in self.before.items():
            sent = self.cleaned_data[name].strip(BLANKS)
            cells.append(before if sent == one_break(before) else sent)
        return cells


@admin_page("customers.view_quarantinedrow", "customers.fix_quarantinedrow")
def fix_row(request: HttpRequest, pk: int) -> HttpResponse:
    """Show a row's cells with its reasons; once sent, remember them as its fix and replay the row."""
    row = _row(pk)
    if request.method == "POST":
        try:
            with job_lock_within(SECONDS_TO_WAIT, "import") as lock:
                return _fix(request, _row(pk), lock)
        except LockHeld:
            messages.error(
                request, gettext("An import is running: nothing is saved yet. Try again when it has ended.")
            )
            return _page(request, row, FixForm(row, request.POST), HTTPStatus.CONFLICT)
    if row.run.scope == ImportRun.Scope.EVENTS:
        return redirect(fix_address(row))
    if row.status != QuarantinedRow.Status.OPEN:
        messages.error(request, _no_longer(row))
        return redirect(_LISTED)
    return _page(request, row, FixForm(row))


def _row(pk: int) -> QuarantinedRow:
    return get_object_or_404(QuarantinedRow.objects.select_related("run", "resolved_by"), pk=pk)


def _no_longer(row: QuarantinedRow) -> str:
    line = str(row.line)
    if row.status == QuarantinedRow.Status.LOADED:
        return say("Line {line} is no longer in quarantine: resolved.", line=line)
    if row.status == QuarantinedRow.Status.SUPERSEDED:
        return say("Line {line} is no longer in quarantine: replaced.", line=line)
    return say("Line {line} is no longer in quarantine: rejected.", line=line)


def _fix(request: HttpRequest, row: QuarantinedRow, lock: JobLock) -> HttpResponse:
    """Store the fix and replay the row under the import's lock, so that both are of the same row."""
    form = FixForm(row, request.POST)
    if row.run.scope == ImportRun.Scope.EVENTS:
        return redirect(fix_address(row))
    if row.status != QuarantinedRow.Status.OPEN:
        return _too_late(request, row, form)
    if not form.is_valid():
        return _page(request, row, form, form_status(form))
    cells = form.cells()
    if cells != row.cells:
        fix(row, cells, request.user.get_username())
    tell_kept(request, form)
    rows = QuarantinedRow.objects.filter(pk=row.pk)
    tell_replayed(request, lambda: replay_under_lock(rows, request.user.get_username(), lock))
    row.refresh_from_db(fields=["status"])
    return redirect(fix_address(row) if row.status == QuarantinedRow.Status.OPEN else _LISTED)


def _page(request: HttpRequest, row: QuarantinedRow, form: FixForm, status: int = 200) -> HttpResponse:
    context = {
        "title": say("Fix line {line} of {file}", line=str(row.line), file=row.run.file),
        "row": row,
        "form": form,
        "raw": row.raw[:MAX_RAW],
        "left_out": max(len(row.raw) - MAX_RAW, 0),
        "left_over": [cut(cell) for cell in cells_left_over(row)[:MAX_CELLS]],
        "compared": form[COMPARED] if COMPARED in form.fields else None,
    }
    return admin_response(request, "customers/quarantine/fix.html", context, status=status)


def _too_late(request: HttpRequest, row: QuarantinedRow, form: FixForm) -> HttpResponse:
    """Answer that somebody else has fixed the row, and show both versions side by side."""
    both = [(name, cell, one_break(form.data.get(name, "")).strip(BLANKS)) for name, cell in form.before.items()]
    context = {
        "title": _no_longer(row),
        "row": row,
        "change": next(iter(last_changes(row).values()), None),
        "both": [(name, theirs, mine, theirs != mine) for name, theirs, mine in both],
    }
    return admin_response(request, "customers/quarantine/fixed_already.html", context, status=HTTPStatus.CONFLICT)


def replay_and_tell(request: HttpRequest, rows: QuerySet[QuarantinedRow]) -> None:
    """Replay rows, and tell for each feed what became of them."""
    if not request.user.has_perm("customers.fix_quarantinedrow"):
        raise PermissionDenied
    tell_replayed(request, lambda: replay_chosen(rows, request.user.get_username()))


def tell_replayed(request: HttpRequest, replayed: Callable[[], list[Outcome]]) -> None:
    """Tell for each feed what became of its rows, or why the replay failed."""
    outcomes = None
    with failures_told(request, busy=IMPORT_RUNS):
        outcomes = replayed()
    if outcomes is None:
        return
    if not outcomes:
        messages.info(request, gettext("None of these rows is in quarantine any more: nothing was replayed."))
    for outcome in outcomes:
        if outcome.loaded:
            level = messages.WARNING if outcome.quarantined else messages.SUCCESS
            messages.add_message(request, level, _replayed(outcome))
        else:
            why = say(
                "Run {run}, {feed}: nothing was replayed: {why}",
                run=str(outcome.run),
                feed=outcome.feed,
                why=outcome.reason or "",
            )
            messages.error(request, why)
        for warning in outcome.warnings:
            messages.warning(request, warning)


def _replayed(outcome: Outcome) -> str:
    return say(
        "Run {run}, {feed}: {created} created, {updated} updated, {unchanged} unchanged, {quarantined} still in "
        "quarantine.",
        run=str(outcome.run),
        feed=outcome.feed,
        created=outcome.created,
        updated=outcome.updated,
        unchanged=outcome.unchanged,
        quarantined=outcome.quarantined,
    )


def corrections(feed: Feed, rows: QuerySet[QuarantinedRow]) -> bytes:
    """Return open rows as a CSV with their reasons, and with numbers by which an upload recognises them.

    A text that cannot be split into cells stands whole in a column of its own, beside the guessed cells.
    """
    chosen = QuarantinedRow.objects.of_files().filter(
        pk__in=rows.order_by().values("pk"), feed=feed.name, status=QuarantinedRow.Status.OPEN
    )
    ragged = [RAW] if chosen.filter(cells__isnull=True).exists() else []
    file = io.BytesIO()
    write_csv(file, [*feed.column_names, REASONS, ORIGINAL, *ragged], _corrections(feed, chosen, len(ragged)))
    return file.getvalue()


def _corrections(feed: Feed, rows: QuerySet[QuarantinedRow], ragged: int) -> Iterator[list[str]]:
    headers: dict[int, Header] = {}
    for row in rows.select_related("run").order_by("run", "line").iterator(chunk_size=BATCH_SIZE):
        if row.cells is None and row.run_id not in headers:
            headers[row.run_id] = header_of(feed, row)
        raw = [row.raw[:MAX_CELL] if row.cells is None else ""][:ragged]
        yield [*cells_to_fix(row, headers.get(row.run_id)), "; ".join(row.reasons), str(row.pk), *raw]

"""What a run's page shows: its counts with links to their rows, and its changes."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from django.apps import apps
from django.contrib.admin.utils import quote
from django.urls import reverse
from django.utils.translation import gettext, pgettext

from customers.feeds.declarations import FEEDS
from customers.models import ImportRun, LoadedRow, QuarantinedRow, RowChange
from customers.text.say import say

SHORT_HASH = 12
CHANGES_PER_PAGE = 50

_PROVENANCE = {"id", "run_id", "line"}
_FEED_MODELS: dict[str, type[LoadedRow]] = {str(feed.model._meta.model_name): feed.model for feed in FEEDS.values()}


@dataclass(frozen=True)
class Count:
    """One of a run's counts, the address of its rows ('' where there are none), and a hint."""

    label: str
    number: int
    link: str = ""
    hint: str = ""


def counts(run: ImportRun) -> list[Count]:
    """Return what became of the rows of the file, and of those of earlier files."""
    if run.undoes_id:
        return [
            Count(gettext("Restored"), run.created),
            Count(gettext("Reverted"), run.updated),
            Count(gettext("Removed"), run.deleted),
            Count(gettext("Skipped"), run.unchanged, hint=gettext("changed since by another run")),
        ]
    quarantine = reverse("admin:customers_quarantinedrow_changelist")
    if run.scope == ImportRun.Scope.REPLAY:
        closed = run.created + run.updated + run.unchanged
        return [
            Count(gettext("Created"), run.created),
            Count(gettext("Updated"), run.updated),
            Count(gettext("Unchanged"), run.unchanged, hint=gettext("the data say so already, or something newer")),
            Count(gettext("Still in quarantine"), run.quarantined),
            Count(gettext("Left the quarantine"), closed, _when(closed, f"{quarantine}?resolved_by={run.pk}")),
            Count(gettext("Retried"), run.retried, hint=gettext("rows of other feeds that waited for these")),
        ]
    changed = "" if run.undone_by_id else rows_address(run.feed, run=run.pk)
    loaded = QuarantinedRow.Status.LOADED.value
    return [
        Count(gettext("Created"), run.created, _when(run.created, changed)),
        Count(gettext("Updated"), run.updated, _when(run.updated, changed)),
        Count(gettext("Unchanged"), run.unchanged),
        Count(gettext("Quarantined"), run.quarantined, _when(run.quarantined, f"{quarantine}?run={run.pk}")),
        Count(
            gettext("Retried"),
            run.retried,
            _when(run.retried, f"{quarantine}?resolved_by={run.pk}&status__exact={loaded}"),
            gettext("rows of earlier files that left the quarantine"),
        ),
        *_replaced(run),
        *_missing(run),
    ]


def _replaced(run: ImportRun) -> list[Count]:
    hint = gettext("reported by the product before, and in the file now")
    return [Count(gettext("Replaced"), run.deleted, hint=hint)] if run.deleted else []


def _missing(run: ImportRun) -> list[Count]:
    """Return for a full feed how many rows its file lacks that were there before, and how many are back."""
    if not FEEDS[run.feed].full:
        return []
    gone = "" if run.undone_by_id else rows_address(run.feed, missing_since=run.pk)
    return [
        Count(
            gettext("Newly missing"),
            run.missing,
            _when(run.missing, gone),
            gettext("there before, but not in this file"),
        ),
        Count(pgettext("rows of a feed", "Back"), run.returned, hint=gettext("missing before, now back")),
    ]


@dataclass(frozen=True)
class ChangedCell:
    """A cell that a run changed."""

    column: str
    before: object
    after: object


@dataclass(frozen=True)
class ChangedRow:
    """A row that a run changed: its page ('' if it is gone), the change, and what became of it."""

    label: str
    link: str
    what: str
    cells: Sequence[ChangedCell]
    note: str
    is_update: bool = False


def changed_rows(changes: Iterable[RowChange]) -> list[ChangedRow]:
    """Compare a page of a run's changes with the rows as they are now. It takes one query for each feed."""
    changes = list(changes)
    keys = defaultdict(list)
    for change in changes:
        if change.model in _FEED_MODELS:
            keys[change.model].append(change.key)
    rows = {
        (name, pk): row for name in keys for pk, row in _FEED_MODELS[name]._default_manager.in_bulk(keys[name]).items()
    }
    return [_changed(change, rows.get((change.model, change.key))) for change in changes]


def _changed(change: RowChange, row: LoadedRow | None) -> ChangedRow:
    link = reverse(f"admin:customers_{change.model}_change", args=[quote(change.key)]) if row else ""
    label = f"{apps.get_model('customers', change.model)._meta.verbose_name} {change.key}"
    if change.reason:
        return ChangedRow(label, link, gettext("Skipped"), [], change.reason)
    is_update = change.before is not None and change.after is not None
    what = gettext("Updated") if is_update else gettext("Created") if change.before is None else gettext("Deleted")
    before, after = change.before or {}, change.after or {}
    columns = [name for name in {**before, **after} if name not in _PROVENANCE]
    cells = [
        ChangedCell(name, before.get(name), after.get(name)) for name in columns if before.get(name) != after.get(name)
    ]
    note = _since(change, row) if change.model in _FEED_MODELS else ""
    return ChangedRow(label, link, what, cells, note, is_update)


def _since(change: RowChange, row: LoadedRow | None) -> str:
    """Return what became of the row after this change, where it is no longer as the change left it."""
    if row is None:
        return gettext("removed since") if change.after else ""
    if change.after is None:
        return say("restored by run {run}", run=str(row.run_id))
    if _source(change.after) == (row.run_id, row.line):
        return ""
    if change.before and _source(change.before) == (row.run_id, row.line):
        return gettext("reverted since")
    return say("changed again by run {run}", run=str(row.run_id))


def _source(row: dict[str, object]) -> tuple[object, object]:
    return row["run_id"], row["line"]


def _when(number: int, link: str) -> str:
    return link if number else ""


def run_address(pk: int) -> str:
    """Return the address of a run's page."""
    return reverse("admin:customers_importrun_change", args=[pk])


def rows_address(feed: str, **lookups: object) -> str:
    """Return the address of the admin's list of a feed's rows, narrowed by the lookups."""
    address = reverse(f"admin:customers_{FEEDS[feed].model._meta.model_name}_changelist")
    return f"{address}?{urlencode(lookups)}" if lookups else address

"""Undo the fixes of a run with its rows; otherwise the next file would bring the rows back."""

from django.utils.dateparse import parse_datetime

from customers.core.limits import BATCH_SIZE, batches
from customers.feeds.cell_types import valid_key
from customers.feeds.declarations import FEEDS
from customers.imports.fixes import cells_as_read
from customers.imports.journal import journal_name
from customers.models import Fix, ImportRun, QuarantinedRow, RowChange
from customers.text.say import english


def take_fixes(run: ImportRun, undoing: ImportRun) -> None:
    """Revert what ``run`` did to fixes, and note that in the journal and the warnings of ``undoing``.

    For corrected rows and replays the fixes go whose rows are open again. An undo of that undo brings them back.
    """
    if run.undoes_id:
        moved = _put_back(run, undoing)
    elif run.scope in {ImportRun.Scope.CORRECTIONS, ImportRun.Scope.REPLAY}:
        moved = _take(run, undoing)
    else:
        return
    fixes = english("1 fix goes") if moved == 1 else english(f"{abs(moved)} fixes go")
    if moved > 0:
        undoing.warnings.append(
            english(f"{fixes} with it: the next file that has these rows leaves them in quarantine")
        )
    elif moved < 0:
        fixes = english("1 fix is") if moved == -1 else english(f"{-moved} fixes are")
        undoing.warnings.append(english(f"{fixes} restored: the next file that has these rows is read by them"))


def _take(run: ImportRun, undoing: ImportRun) -> int:
    """Remove the fixes of the rows that this undo opens; return how many."""
    opened = undoing.changes.done().filter(
        model=journal_name(QuarantinedRow), after__status=QuarantinedRow.Status.OPEN
    )
    keys = [int(key) for key in opened.values_list("key", flat=True)]
    taken = 0
    for some in batches(keys):
        rows = {row.raw: row for row in QuarantinedRow.objects.filter(pk__in=some).select_related("run")}
        fixes = Fix.objects.filter(feed=run.feed, raw__in=rows)
        if run.scope == ImportRun.Scope.CORRECTIONS:
            # Others closed for another reason may have had theirs before.
            fixes = fixes.filter(made_by=run.started_by, made_at__gte=run.started_at)
        found = list(fixes)
        RowChange.objects.bulk_create(
            RowChange(run=undoing, model=journal_name(Fix), key=fix.sha256, before=_fix_json(fix)) for fix in found
        )
        fixes.delete()
        _forget_cells([rows[fix.raw] for fix in found])
        taken += len(found)
    return taken


def _put_back(run: ImportRun, undoing: ImportRun) -> int:
    """Reverse what an undo did, except for texts with another fix by now; return fixes removed less fixes put back."""
    moved = 0
    for change in run.changes.done().filter(model=journal_name(Fix)).iterator(chunk_size=BATCH_SIZE):
        there = Fix.objects.filter(feed=run.feed, sha256=change.key).first()
        if change.before and there is None:
            Fix.objects.create(**{**change.before, "made_at": parse_datetime(change.before["made_at"])})
            moved -= 1
        elif change.after and there is not None and _fix_json(there) == change.after:
            there.delete()
            moved += 1
        else:
            continue
        RowChange.objects.create(
            run=undoing, model=journal_name(Fix), key=change.key, before=change.after, after=change.before
        )
    return moved


def _fix_json(fix: Fix) -> dict[str, object]:
    names = ("feed", "raw", "sha256", "cells", "made_by")
    return {**{name: getattr(fix, name) for name in names}, "made_at": fix.made_at.isoformat()}


def _forget_cells(rows: list[QuarantinedRow]) -> None:
    """Give rows the cells of their file again, so that no replay loads a fix that is gone."""
    for row in rows:
        feed = FEEDS[row.feed]
        row.cells = cells_as_read(row)
        named = dict(zip(feed.column_names, row.cells or (), strict=False))
        row.key = valid_key(named.get("id", "")) or row.key
        row.customer_key = valid_key(named.get("customer_id", ""))
    QuarantinedRow.objects.bulk_update(rows, ["cells", "key", "customer_key"], batch_size=BATCH_SIZE)

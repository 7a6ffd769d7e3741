"""The base run of a shortcut: the last accepted one, whose rows in the file need not be judged again."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from django.db.models import Q
from django.utils import timezone

from customers.clock import program_today
from customers.core.sql import analyze, copy_rows, create_temporary, drop_temporary, fetch, table_of
from customers.feeds.declarations import Feed
from customers.imports.fixes import Fixes
from customers.imports.stage import STAGE
from customers.models import Erasure, ImportRun, QuarantinedRow

_GONE = "gone"


def rules_fingerprint(feed: Feed, fixes: Fixes, *, unquote: bool) -> str:
    """Return a fingerprint of how cells are judged: where it changes, an accepted file must be judged again.

    The fixes belong to it, because the row of a new fix may be one that was judged without it.
    """
    return hashlib.sha256(repr((feed.columns, unquote, *sorted(fixes.items()))).encode()).hexdigest()


def find_base_run(feed: Feed, path: Path, rules: str) -> ImportRun | None:
    """Return the last accepted run of an append-only feed, if each line is loaded as it is; else None.

    Whether those lines are in ``path`` again is for the strategies to see.
    """
    last = ImportRun.objects.accepted().filter(feed=feed.name).order_by("-pk").first()
    if (
        last is None
        or feed.full
        or path.suffix != ".csv"
        or last.file != path.name
        or last.rules != rules
        or last.quarantined
        or last.forced_by
        or last.left_out
        or not last.size
        or timezone.localtime(last.started_at, timezone.get_default_timezone()).date() > program_today()
        or ImportRun.objects.filter(
            Q(undone_by__gt=last.pk)
            | Q(pk__gt=last.pk, undoes__isnull=False)
            # What the product reported is in rows of its own.
            | Q(pk__gt=last.pk, feed=feed.name, status=ImportRun.Status.LOADED) & ~Q(scope=ImportRun.Scope.EVENTS)
        ).exists()
        or QuarantinedRow.objects.of_files().filter(feed=feed.name, status=QuarantinedRow.Status.OPEN).exists()
        # What the file said of who was erased since is no longer loaded.
        or Erasure.objects.filter(last_run__gte=last.pk).exists()
    ):
        return None
    return last


def loaded_keys_are_lowercase(feed: Feed, base: ImportRun) -> bool:
    """Return whether no loaded key has an upper-case letter: none had one when ``base`` ended, and none came since.

    After a base run only rows out of quarantine can have come.
    """
    loaded = QuarantinedRow.objects.filter(feed=feed.name, status=QuarantinedRow.Status.LOADED)
    return not base.mixed_case and not loaded.filter(resolved_by__gt=base.pk).exists()


def repeats_known_keys(feed: Feed, run: ImportRun, gone: Iterable[str] = ()) -> bool:
    """Return whether a judged row has a key that is loaded already, perhaps from a skipped line.

    ``gone`` are the keys of the base run's lines that are not in the file; none of them is on another line.
    """
    create_temporary(_GONE, f"SELECT id FROM {STAGE} WHERE 1 = 0")
    copy_rows(_GONE, ["id"], ((key,) for key in gone))
    analyze(_GONE)
    quarantine = table_of(QuarantinedRow)
    keys = f"SELECT id FROM {STAGE} UNION ALL SELECT key FROM {quarantine} WHERE run_id = {int(run.pk)}"
    others = f"SELECT id FROM ({keys}) k EXCEPT SELECT id FROM {_GONE}"
    found = fetch(f"SELECT 1 FROM ({others}) k JOIN {table_of(feed.model)} t ON t.id = k.id LIMIT 1")
    drop_temporary(_GONE)
    return bool(found)

"""Erase a customer on request: every row and every text about them, then their lines in the stored files.

The rows go in one transaction, which leaves an ``Erasure``: from then on the loader drops this customer's rows from
later files. The files follow. Where that is cut short, ``nightly`` and ``expire`` call ``complete``.
"""

import logging
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TypedDict
from urllib.parse import quote

from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import connection, transaction
from django.db.models import CharField, Model
from django.db.models.functions import Cast
from django.utils.translation import gettext, gettext_noop

from customers.archive import files
from customers.archive.erased import ErasedIds, Ids, customer_column, new_tombstone
from customers.audit import trail
from customers.core.dry_run import rolled_back
from customers.core.leftovers import remove_leftovers
from customers.core.limits import BATCH_SIZE, batches
from customers.core.signals import customer_erased, files_erased
from customers.core.sql import execute, table_of
from customers.editing.form_keys import forget_submissions
from customers.feeds.cell_types import valid_key
from customers.feeds.declarations import FEEDS
from customers.imports.erased_rows import delete_quarantined, is_theirs
from customers.imports.journal import CHANGE, journal_name, json_field
from customers.inbox.forget import forget_customer
from customers.inbox.store import collect
from customers.jobs.lock import job_lock
from customers.models import (
    Customer,
    Erasure,
    Fix,
    ImportRun,
    InboxEvent,
    QuarantinedRow,
    RowChange,
    StepSighting,
    Upload,
)
from customers.text.counts import counts_in_words
from customers.text.say import english, in_english, say
from customers.uploads import store

logger = logging.getLogger(__name__)

ERASED = "(erased)"
FILES = gettext_noop("archived files redacted")
_MIN_NAME = 3
"""A shorter name occurs in too many texts that are not about it."""

Counts = dict[str, int]


class RememberedErasure(TypedDict):
    """The columns of an ``Erasure`` that outlive its database."""

    salt: str
    digest: str
    erased_by: str
    erased_at: datetime
    counts: Counts


class NotErasable(Exception):
    """Nothing can be erased; the message says why."""


def erase(customer_id: str, actor: str) -> Erasure:
    """Erase a customer for good, and return the erasure.

    Raises ``NotErasable`` where nothing is known of the customer, and ``LockHeld`` while an import or a scoring
    runs. Where a file could not be redacted, the state says so, and the next ``expire`` tries again.
    """
    with job_lock("import"):
        collect()
        with transaction.atomic():
            with trail.suspended():
                erasure = _erase(customer_id, actor)
            # From where would be an address with the customer's id.
            with trail.acting(trail.Actor(actor, "erasure")), in_english():
                trail.record(trail.Action.ERASE, english("a customer"), detail=erasure_summary(erasure.counts))
        _redact_files(erasure, {customer_id})
    return erasure


def preview_erasure(customer_id: str) -> Counts:
    """Return how much ``erase`` would take, by kind: erase all but files, and roll back. Raises the same errors."""
    with job_lock("import"), rolled_back(), trail.suspended():
        counts: Counts = _erase(customer_id, "").counts
    return counts


def complete() -> int:
    """Redact the files of erasures that were cut short; return how many. The caller has the import's lock."""
    pending = list(Erasure.objects.filter(state=Erasure.State.FILES).order_by("pk"))
    if pending:
        erased = ErasedIds()
        for erasure in pending:
            _redact_files(erasure, erased)
    return sum(erasure.state == Erasure.State.DONE for erasure in pending)


def remembered_erasures() -> list["RememberedErasure"]:
    """Return the erasures, to be repeated in a database that replaces this one."""
    return list(Erasure.objects.order_by("pk").values("salt", "digest", "erased_by", "erased_at", "counts"))


def erase_again(erasures: Iterable["RememberedErasure"]) -> int:
    """Erase customers again after rows came out of a backup; return how many were back.

    The caller has the locks and a transaction, and calls ``complete`` after it.
    """
    known = set(Erasure.objects.values_list("digest", flat=True))
    last_run = _last_run()
    for values in erasures:
        if values["digest"] not in known:
            Erasure.objects.create(**values, last_run=last_run)
    erased = ErasedIds()
    back = {key for key in _every_id() if key in erased} if erased else set()
    with trail.suspended():
        for key in sorted(back):
            _remove(key)
    # Files may have come back with the rows, and runs that read them.
    Erasure.objects.update(state=Erasure.State.FILES, **({"last_run": last_run} if back else {}))
    return len(back)


def _every_id() -> Iterator[str]:
    """Yield the id of every customer whom a row names, some more than once."""
    customer, quarantine = table_of(Customer), table_of(QuarantinedRow)
    images = [json_field(f"c.{column}", "customer_id") for column in ("before", "after")]
    for query in (
        f"SELECT id FROM {customer}",
        f"SELECT DISTINCT customer_key FROM {quarantine} WHERE customer_key <> ''",
        f"SELECT DISTINCT customer_key FROM {table_of(InboxEvent)} WHERE customer_key <> ''",
        f"SELECT DISTINCT key FROM {quarantine} WHERE feed = '{FEEDS['customers'].name.value}' AND key <> ''",
        f"SELECT DISTINCT key FROM {CHANGE} WHERE model = '{journal_name(Customer)}'",
        *(f"SELECT DISTINCT {image} FROM {CHANGE} c WHERE {image} IS NOT NULL" for image in images),
    ):
        with connection.chunked_cursor() as cursor:
            cursor.execute(query)
            while rows := cursor.fetchmany(BATCH_SIZE):
                yield from (key for (key,) in rows)


def _last_run() -> int:
    return ImportRun.objects.order_by("-pk").values_list("pk", flat=True).first() or 0


def _erase(customer_id: str, actor: str) -> Erasure:
    counts = _remove(customer_id) if valid_key(customer_id) else {}
    if not counts:
        if customer_id in ErasedIds():
            raise NotErasable(say("{customer} was erased before: nothing is known of them.", customer=customer_id))
        raise NotErasable(say("Nothing is known of a customer {customer}.", customer=customer_id))
    return Erasure.objects.create(**new_tombstone(customer_id), erased_by=actor, last_run=_last_run(), counts=counts)


# --- Rows -------------------------------------------------------------------------------------------------------


def _remove(key: str) -> Counts:
    """Remove all rows and texts about a customer; return how many, by kind."""
    customer = Customer.objects.filter(pk=key).first()
    counts: Counter[str] = Counter()
    organization = customer.organization if customer else ""
    words = _names_of(key, customer)
    about = {"customer_id": key, "organization": organization, "words": words}
    for _receiver, removed in customer_erased.send(sender=Customer, **about):
        counts.update(removed or {})
    counts[gettext_noop("rows in quarantine")] = _remove_quarantined(key)
    counts[gettext_noop("events of the inbox")] = forget_customer(key)
    counts[gettext_noop("fixes")] = _remove_fixes(key)
    counts[gettext_noop("changes in the journal")] = _remove_changes(key)
    counts[gettext_noop("entries of the admin's log")] = _clear_log(key, organization)
    counts[gettext_noop("texts of import runs")] = _clear_texts(key, words)
    counts[gettext_noop("entries of the audit")] = trail.anonymise(key, words)
    if customer:
        for label, number in customer.delete()[1].items():
            with in_english():
                counts[str(apps.get_model(label)._meta.verbose_name_plural)] += number
    forget_submissions(quote(key))
    removed_counts = {kind: number for kind, number in counts.items() if number}
    if removed_counts:
        # Any upload may have the customer's rows, and none waits for more than a day.
        waiting = Upload.objects.all().delete()[0]
        removed_counts |= {gettext_noop("waiting uploads of everybody"): waiting} if waiting else {}
    return removed_counts


def _remove_quarantined(key: str) -> int:
    """Remove the customer's rows in quarantine, found by key or raw text, with the fixes of those texts."""
    likely = QuarantinedRow.objects.filter(raw__contains=key).order_by()
    gone = [
        (row.pk, row.feed, row.raw)
        for row in likely.only("feed", "raw", "cells").iterator(chunk_size=BATCH_SIZE)
        if is_theirs(row, FEEDS[row.feed], {key})
    ]
    # A fix may have made a row theirs whose raw text names nobody.
    fixed = QuarantinedRow.objects.filter(customer_key=key) | QuarantinedRow.objects.filter(feed="customers", key=key)
    known = {pk for pk, _feed, _raw in gone}
    gone += [row for row in fixed.order_by().values_list("pk", "feed", "raw") if row[0] not in known]
    for _pk, feed, raw in gone:
        Fix.objects.filter(feed=feed, raw=raw).delete()
    keys = [pk for pk, _feed, _raw in gone]
    for some in batches(map(str, keys)):
        RowChange.objects.filter(model=journal_name(QuarantinedRow), key__in=some).delete()
    delete_quarantined(keys)
    return len(keys)


def _remove_fixes(key: str) -> int:
    gone = []
    for name in FEEDS:
        fixes = Fix.objects.filter(feed=name).values_list("pk", "raw", "cells")
        gone += [pk for pk, raw, cells in fixes.iterator(chunk_size=BATCH_SIZE) if _is_fix_of(name, raw, cells, key)]
    Fix.objects.filter(pk__in=gone).delete()
    # The journal has the fixes that an undo took away.
    journal = RowChange.objects.filter(model=journal_name(Fix)).values_list("pk", "before", "after")
    undone = [
        pk
        for pk, before, after in journal.iterator(chunk_size=BATCH_SIZE)
        if any(_is_fix_of(image["feed"], image["raw"], image["cells"], key) for image in (before, after) if image)
    ]
    RowChange.objects.filter(pk__in=undone).delete()
    return len(gone)


def _is_fix_of(name: str, raw: str, cells: list[str], key: str) -> bool:
    feed = FEEDS[name]
    own = feed.column_names.index(customer_column(feed))
    return cells[own : own + 1] == [key] or is_theirs(QuarantinedRow(raw=raw), feed, {key})


def _remove_changes(key: str) -> int:
    before, after = json_field("before", "customer_id"), json_field("after", "customer_id")
    models = [journal_name(feed.model) for feed in FEEDS.values() if feed.of_customers] + [journal_name(StepSighting)]
    return execute(
        f"""
        DELETE FROM {CHANGE} WHERE (model = '{journal_name(Customer)}' AND key = %s)
        OR (model IN ({", ".join(f"'{name}'" for name in models)}) AND ({before} = %s OR {after} = %s))""",
        [key, key, key],
    )


def _clear_log(key: str, organization: str) -> int:
    """Clear the admin's log: that something was done stays, but not to whom."""
    entries = LogEntry.objects.none()
    for model, rows in _rows_about(key):
        theirs = LogEntry.objects.filter(content_type=ContentType.objects.get_for_model(model))
        entries |= theirs.filter(object_id__in=rows)
    cleared = entries.values_list("pk", flat=True)
    keys = set(cleared)
    if len(organization) >= _MIN_NAME:
        pattern = _words([organization])
        texts = LogEntry.objects.filter(object_repr__contains=organization).values_list("pk", "object_repr")
        keys |= {pk for pk, text in texts if pattern.search(text)}
    return LogEntry.objects.filter(pk__in=keys).update(object_id=None, object_repr=ERASED, change_message="")


def _rows_about(key: str) -> Iterator[tuple[type[Model], Iterable[str]]]:
    """Yield the models that name a customer, each with the keys of its rows as text."""
    yield Customer, [key]
    for relation in Customer._meta.related_objects:
        rows = relation.related_model._base_manager.filter(**{relation.field.name: key})
        yield relation.related_model, rows.annotate(key_as_text=Cast("pk", CharField())).values("key_as_text")


def _words(names: Iterable[str]) -> re.Pattern[str]:
    """Return a pattern that finds these names as words of their own."""
    return re.compile(rf"(?<![\w.:-])(?:{'|'.join(map(re.escape, names))})(?!\w|[.:-]\w)")


def _names_of(key: str, customer: Customer | None) -> re.Pattern[str]:
    """Return a pattern for the customer's id, organisation and address."""
    names = [name for name in (customer.organization, customer.email) if len(name) >= _MIN_NAME] if customer else []
    # A plain number may be anything; only beside the word "customer" it is the id.
    return _words(
        [key, *names] if not key.isdecimal() else [english(f"customer {key}"), english(f"customer_id: {key}"), *names]
    )


def _clear_texts(key: str, word: re.Pattern[str]) -> int:
    """Erase the customer's names from the texts of runs and from other rows' reasons."""
    cleared = 0
    runs = ImportRun.objects.order_by("pk").values_list("pk", "reason", "warnings")
    for pk, reason, warnings in runs.iterator(chunk_size=BATCH_SIZE):
        new = word.sub(ERASED, reason), [word.sub(ERASED, text) for text in warnings]
        if new != (reason, warnings):
            ImportRun.objects.filter(pk=pk).update(reason=new[0], warnings=new[1])
            cleared += 1
    rows = QuarantinedRow.objects.annotate(text=Cast("reasons", CharField())).filter(text__contains=key)
    for pk, reasons in rows.order_by("pk").values_list("pk", "reasons").iterator(chunk_size=BATCH_SIZE):
        new_reasons = [word.sub(ERASED, text) for text in reasons]
        if new_reasons != reasons:
            QuarantinedRow.objects.filter(pk=pk).update(reasons=new_reasons)
    for pk, reason in RowChange.objects.left().filter(reason__contains=key).values_list("pk", "reason"):
        RowChange.objects.filter(pk=pk).update(reason=word.sub(ERASED, reason))
    return cleared


# --- Files ------------------------------------------------------------------------------------------------------


def _redact_files(erasure: Erasure, ids: Ids) -> None:
    """Redact the customer's records in every stored file, and note that this is done."""
    try:
        store.remove_unnamed(erasure.erased_at)
        files.remove_half_done()
        remove_leftovers()
        redacted = sum(files.redact_file(place, ids) for place in files.all_archives())
        for _receiver, number in files_erased.send(sender=Customer, ids=ids):
            redacted += int(number or 0)
    except OSError:
        logger.exception("Files still have what was erased; the next expire tries again")
        return
    if redacted:
        erasure.counts = {**erasure.counts, FILES: erasure.counts.get(FILES, 0) + redacted}
    erasure.state = Erasure.State.DONE
    erasure.save(update_fields=["counts", "state"])


def erasure_summary(counts: Counts) -> str:
    """Return in words what was erased."""
    return counts_in_words(counts) or gettext("nothing")

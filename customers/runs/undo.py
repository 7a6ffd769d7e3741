"""Undo a run: the rows that it changed become what they were, unless somebody has changed them since.

The journal of the undo is also its plan. First every row that the run left behind gets an entry: as it is now, and as
it is to be. Then the entries of rows that must stay are rejected, each with a reason. The other entries are applied.
"""

import logging

from django.db import Error, transaction
from django.db.models import Count, Min, Model, Q
from django.utils import timezone

from customers.audit import trail
from customers.core import log_context
from customers.core.dry_run import rolled_back
from customers.core.signals import run_ended, run_undone
from customers.core.sql import analyze, execute, table_of
from customers.feeds.declarations import FEEDS
from customers.imports.journal import (
    CHANGE,
    complete_image,
    insert_row_json,
    journal_name,
    json_field,
    json_object,
    row_json,
)
from customers.imports.provisional import SAME_BY
from customers.jobs.lock import job_lock
from customers.models import (
    Customer,
    ImportRun,
    KeyChange,
    LoadedRow,
    Onboarding,
    QuarantinedRow,
    Step,
    StepSighting,
)
from customers.runs.undo_fixes import take_fixes
from customers.runs.undo_reported import give_way
from customers.text.say import english, in_english, say
from customers.text.written import number

logger = logging.getLogger(__name__)

MAX_REASONS = 20
_HAS_ANOTHER = english("'its customer has another row now'")
_OF_CUSTOMERS = [feed.model for feed in FEEDS.values() if feed.of_customers]
_MODELS: list[type[LoadedRow]] = [Customer, *_OF_CUSTOMERS]


class NotUndoable(Exception):
    """The run cannot be undone; the message says why."""


def undo(run: ImportRun, started_by: str) -> ImportRun:
    """Put the data back as they were before ``run``, and return the run that did it (loaded, or failed).

    Rows changed since and customers whom others need are left; ``changes.left()`` of the undo lists them. Raises
    ``NotUndoable`` where there is nothing to undo, and ``LockHeld`` while an import runs.
    """
    _undoable(run)
    with job_lock("import"), in_english():  # What an undo says is stored.
        run = _undoable(run)
        undoing = _start(run, started_by)
        undoing.save()
        with log_context.about(run=undoing.pk):
            try:
                with transaction.atomic():
                    UndoPlan(run, undoing).carry_out()
            except Exception as error:
                logger.exception("The undo of run %s failed", run.pk)
                undoing = _start(run, started_by, pk=undoing.pk, started_at=undoing.started_at)
                undoing.status = ImportRun.Status.FAILED
                summary = str(error).strip().split("\n")[0]
                undoing.reason = f"{type(error).__name__}: {summary}"
                undoing.finished_at = timezone.now()
                try:
                    with transaction.atomic():
                        undoing.save()
                        _record(undoing)
                except Error:
                    logger.exception("The end of run %s could not be written", undoing.pk)
    return undoing


def preview_undo(run: ImportRun) -> ImportRun:
    """Return what ``undo`` would do, with the exact counts: undo, and roll back. Raises the same errors."""
    _undoable(run)
    with job_lock("import"), rolled_back(), in_english():
        run = _undoable(run)
        undoing = _start(run, "")
        undoing.save()
        UndoPlan(run, undoing).carry_out()
    return undoing


def undo_summary(undoing: ImportRun) -> str:
    """Return an undo's counts in words."""
    return say(
        "{deleted} deleted, {updated} put back, {created} created again, {left} left",
        deleted=undoing.deleted,
        updated=undoing.updated,
        created=undoing.created,
        left=undoing.unchanged,
    )


def _undoable(run: ImportRun) -> ImportRun:
    run = ImportRun.objects.select_related("undoes").get(pk=run.pk)
    if run.why_not_undoable:
        raise NotUndoable(run.why_not_undoable)
    return run


def _start(run: ImportRun, started_by: str, **values: object) -> ImportRun:
    return ImportRun(feed=run.feed, file=english(f"undo of run {run.pk}"), started_by=started_by, undoes=run, **values)


class UndoPlan:
    """The entries of one undo in the journal: made, some rejected, the others applied.

    ``_all_entries`` and ``_entries`` are SQL conditions on entries ``c``: all of this plan, and those not rejected.
    """

    def __init__(self, run: ImportRun, undoing: ImportRun) -> None:
        self.run = run
        self.undoing = undoing
        self._all_entries = f"c.run_id = {int(undoing.pk)}"
        self._entries = f"{self._all_entries} AND c.reason = ''"

    def carry_out(self) -> None:
        """Make the entries, reject, apply, and signal; customers come first and go last, as all others name them."""
        for model in _MODELS:
            self._plan_changed(model)
        self._plan_created(FEEDS[self.run.feed].model)
        self._plan_changed(StepSighting)
        self._plan_created_sightings()
        analyze(CHANGE)
        self._apply(Customer, "c.after IS NOT NULL")
        for model in _OF_CUSTOMERS:
            self._reject_orphans(model)
            if model is Onboarding:
                self._reject_second_rows(model)
            self._apply(model)
        for name in SAME_BY:
            give_way(FEEDS[name], self.undoing)
        self._choose_sightings()
        self._apply(StepSighting)
        self._reject_needed_customers()
        self._delete_key_changes()
        self._apply(Customer, "c.after IS NULL")
        self._put_back_quarantine()
        take_fixes(self.run, self.undoing)
        self._finish()
        run_undone.send(sender=ImportRun, run=self.run, undo=self.undoing)

    # --- The plan ---------------------------------------------------------------------------------------------------

    def _plan_changed(self, model: type[Model]) -> None:
        """Plan for the rows in the run's journal that they become what they were, unless they are so already."""
        now, key = row_json(model), _key(model)
        before, after = (complete_image(self.run, model, image) for image in ("before", "after"))
        execute(
            f"""
            INSERT INTO {CHANGE} (run_id, model, key, before, after, reason)
            SELECT {int(self.undoing.pk)}, c.model, c.key, {now}, {before},
                CASE WHEN {after} IS DISTINCT FROM {now} THEN {_changed_since(model, self.run)} ELSE '' END
            FROM {CHANGE} c LEFT JOIN {table_of(model)} t ON t.id = {key}
            WHERE c.run_id = {int(self.run.pk)} AND c.model = '{journal_name(model)}' AND c.reason = ''
                AND c.before IS DISTINCT FROM c.after AND {before} IS DISTINCT FROM {now}"""
        )

    def _plan_created(self, model: type[LoadedRow]) -> None:
        """Plan that the rows go that the run's file created: they name the run, and its journal lacks them."""
        run, mine, name = int(self.run.pk), int(self.undoing.pk), journal_name(model)
        marked = f"WHEN t.missing_since_id IS NOT NULL THEN {_changed_since(model, self.run)}"
        execute(
            f"""
            INSERT INTO {CHANGE} (run_id, model, key, before, reason)
            SELECT {mine}, '{name}', t.id, {row_json(model)}, CASE
                WHEN r.key IS NOT NULL THEN 'loaded from quarantine by run ' || r.loaded_by
                {marked if _has_marks(model) else ""} ELSE '' END
            FROM {table_of(model)} t LEFT JOIN (
                SELECT key, MAX(resolved_by_id) AS loaded_by FROM {table_of(QuarantinedRow)}
                WHERE run_id = {run} AND status = 'loaded' GROUP BY key) r ON r.key = t.id
            WHERE t.run_id = {run} AND NOT EXISTS (
                SELECT 1 FROM {CHANGE} c WHERE c.run_id = {run} AND c.model = '{name}' AND c.key = t.id)"""
        )
        # Of those that a later run has changed, that run's journal tells whose they were.
        execute(
            f"""
            INSERT INTO {CHANGE} (run_id, model, key, before, reason)
            SELECT {mine}, '{name}', c.key, {row_json(model)}, {_changed_since(model, self.run)}
            FROM {CHANGE} c JOIN {table_of(model)} t ON t.id = c.key
            WHERE c.run_id > {run} AND c.run_id < {mine} AND c.model = '{name}' AND c.reason = ''
                AND CAST({json_field("c.before", "run_id")} AS bigint) = {run} AND NOT EXISTS (
                    SELECT 1 FROM {CHANGE} x WHERE x.run_id = {run} AND x.model = '{name}' AND x.key = c.key)
            ON CONFLICT DO NOTHING"""
        )

    def _plan_created_sightings(self) -> None:
        run = int(self.run.pk)
        execute(
            f"""
            INSERT INTO {CHANGE} (run_id, model, key, before, reason)
            SELECT {int(self.undoing.pk)}, '{journal_name(StepSighting)}', CAST(t.id AS text),
                {row_json(StepSighting)}, ''
            FROM {table_of(StepSighting)} t WHERE t.run_id = {run}
            ON CONFLICT DO NOTHING"""
        )

    # --- What is rejected -------------------------------------------------------------------------------------------

    def _reject(self, model: type[Model], reason: str, condition: str) -> int:
        return execute(
            f"UPDATE {CHANGE} AS c SET reason = {reason} "
            f"WHERE {self._entries} AND c.model = '{journal_name(model)}' AND {condition}"
        )

    def _reject_orphans(self, model: type[Model]) -> None:
        """Reject a row that would come back without its customer."""
        customer = json_field("c.after", "customer_id")
        self._reject(
            model,
            english(f"'there is no customer ' || {customer}"),
            f"""c.after IS NOT NULL AND NOT EXISTS (
                SELECT 1 FROM {table_of(Customer)} k WHERE k.id = {customer})""",
        )

    def _reject_second_rows(self, model: type[Model]) -> None:
        """Reject a row whose customer has another one; each row that stays may be in the way of the next."""
        others = f"""
            SELECT 1 FROM {table_of(model)} x
            WHERE x.customer_id = {json_field("c.after", "customer_id")} AND x.id NOT IN (
                SELECT p.key FROM {CHANGE} p WHERE p.run_id = {int(self.undoing.pk)}
                    AND p.model = '{journal_name(model)}' AND p.reason = '' AND p.before IS NOT NULL)"""
        while self._reject(model, _HAS_ANOTHER, f"c.after IS NOT NULL AND EXISTS ({others})"):
            pass

    def _choose_sightings(self) -> None:
        """Drop the entries of sightings whose onboarding row stays, or whose step has another sighting."""
        plan, run = self._all_entries, int(self.undoing.pk)
        customer, step = json_field("c.before", "customer_id"), json_field("c.before", "step")
        seen = " ".join(f"WHEN '{name.value}' THEN o.{name.value}" for name in Step)
        new_customer, new_step = json_field("c.after", "customer_id"), json_field("c.after", "step")
        left = f"""
            SELECT {{0}} FROM {CHANGE} l
            WHERE l.run_id = {run} AND l.model = '{journal_name(Onboarding)}' AND l.reason <> ''"""
        execute(
            f"""
            DELETE FROM {CHANGE} AS c WHERE {plan} AND c.model = '{journal_name(StepSighting)}' AND (
                c.reason <> ''
                OR COALESCE({new_customer}, {customer}) IN (
                    {left.format(json_field("l.before", "customer_id"))}
                    UNION ALL {left.format(json_field("l.after", "customer_id"))})
                OR (c.after IS NULL AND EXISTS (
                    SELECT 1 FROM {table_of(Onboarding)} o
                    WHERE o.customer_id = {customer} AND CASE {step} {seen} END))
                OR (c.after IS NOT NULL AND (
                    EXISTS (SELECT 1 FROM {table_of(StepSighting)} x
                            WHERE x.customer_id = {new_customer} AND x.step = {new_step})
                    OR NOT EXISTS (SELECT 1 FROM {table_of(Customer)} k WHERE k.id = {new_customer}))))"""
        )

    def _reject_needed_customers(self) -> None:
        """Reject a customer whom a row still names, of a feed or of what staff keep by hand."""
        for relation in Customer._meta.related_objects:
            model = relation.related_model
            if model._meta.app_label == Customer._meta.app_label or getattr(model, "KEPT_BY_HAND", False):
                names = f"SELECT 1 FROM {table_of(model)} x WHERE x.{relation.field.column} = c.key"
                if model is KeyChange:
                    names += f" AND x.state = '{KeyChange.State.JOINED.value}'"
                self._reject(
                    Customer,
                    english(f"'still has {model._meta.verbose_name_plural}'"),
                    f"c.after IS NULL AND EXISTS ({names})",
                )

    def _delete_key_changes(self) -> None:
        """Delete undecided key changes of customers who go; joined ones have kept their customers."""
        customers = f"{self._entries} AND c.model = '{journal_name(Customer)}'"
        gone = f"SELECT c.key FROM {CHANGE} c WHERE {customers} AND c.after IS NULL"
        execute(f"DELETE FROM {table_of(KeyChange)} WHERE customer_id IN ({gone}) OR former_id IN ({gone})")

    # --- What is applied --------------------------------------------------------------------------------------------

    def _apply(self, model: type[Model], which: str = "1 = 1") -> None:
        chosen = f"{self._entries} AND c.model = '{journal_name(model)}' AND {which}"
        gone = f"SELECT {_key(model)} FROM {CHANGE} c WHERE {chosen} AND c.before IS NOT NULL"
        execute(f"DELETE FROM {table_of(model)} WHERE id IN ({gone})")
        insert_row_json(model, f"{chosen} AND c.after IS NOT NULL")

    def _put_back_quarantine(self) -> None:
        """Open what the run resolved and close what it quarantined; after an undo, revert what that changed."""
        run, mine, name = int(self.run.pk), int(self.undoing.pk), journal_name(QuarantinedRow)
        quarantine = table_of(QuarantinedRow)
        now = json_object(status="q.status", resolved_by_id="q.resolved_by_id")
        again = json_object(status="'open'", resolved_by_id="NULL")
        closed = json_object(status="'superseded'", resolved_by_id=f"{mine}")
        models = " ".join(f"WHEN '{feed}' THEN '{journal_name(FEEDS[feed].model)}'" for feed in FEEDS)
        entry = f"INSERT INTO {CHANGE} (run_id, model, key, before, after, reason) SELECT {mine}, '{name}',"
        execute(
            f"""
            {entry} c.key, c.after, c.before, ''
            FROM {CHANGE} c JOIN {quarantine} q ON q.id = {_key(QuarantinedRow)}
            WHERE c.run_id = {run} AND c.model = '{name}' AND c.after = {now}"""
        )
        execute(
            f"""
            {entry} CAST(q.id AS text), {now}, CASE WHEN q.resolved_by_id = {run} THEN {again} ELSE {closed} END, ''
            FROM {quarantine} q
            WHERE (q.resolved_by_id = {run} OR (q.run_id = {run} AND q.status = 'open')) AND NOT EXISTS (
                SELECT 1 FROM {CHANGE} c
                WHERE {self._all_entries} AND q.status = 'loaded' AND c.reason <> '' AND c.key = q.key
                    AND c.model = CASE q.feed {models} END)
            ON CONFLICT DO NOTHING"""
        )
        execute(
            f"""
            UPDATE {quarantine} SET status = {json_field("c.after", "status")},
                resolved_by_id = CAST({json_field("c.after", "resolved_by_id")} AS bigint)
            FROM {CHANGE} c
            WHERE {self._entries} AND c.model = '{name}' AND {quarantine}.id = {_key(QuarantinedRow)}"""
        )

    # --- The ledger -------------------------------------------------------------------------------------------------

    def _finish(self) -> None:
        undoing = self.undoing
        changes = undoing.changes.filter(model__in=[journal_name(model) for model in _MODELS])
        there, gone = Q(reason="", after__isnull=False), Q(reason="", after__isnull=True)
        counts = changes.aggregate(
            created=Count("pk", filter=there & Q(before__isnull=True)),
            updated=Count("pk", filter=there & Q(before__isnull=False)),
            deleted=Count("pk", filter=gone),
            unchanged=Count("pk", filter=~Q(reason="")),
        )
        for name, count in counts.items():
            setattr(undoing, name, count)
        undoing.rows = undoing.created + undoing.updated + undoing.unchanged
        undoing.warnings = [*undoing.warnings, *_what_was_left(undoing)]
        undoing.status = ImportRun.Status.LOADED
        undoing.finished_at = timezone.now()
        undoing.save()
        _set_undone(undoing)
        _record(undoing)


def _record(undoing: ImportRun) -> None:
    what = undoing.reason or undo_summary(undoing)
    detail = "\n".join([f"{undoing.get_feed_display()}: {undoing.get_status_display()}", what, *undoing.warnings])
    trail.record(trail.Action.UNDO, undoing, actor=undoing.started_by, detail=detail)
    run_ended.send(sender=ImportRun, run=undoing)


def _set_undone(undoing: ImportRun) -> None:
    """Set ``undone_by`` along the chain: an undone undo brings back the run that it had undone."""
    by, counts = undoing, True
    while run := by.undoes:
        if counts or run.undone_by_id == by.pk:
            run.undone_by = by if counts else None
            run.save(update_fields=["undone_by"])
        by, counts = run, not counts


def _what_was_left(undoing: ImportRun) -> list[str]:
    """Return a warning for each model and reason with an example; the journal has the rows."""
    reasons = undoing.changes.left().order_by("model", "reason").values_list("model", "reason")
    return [
        english(f"{number(count)} {model} rows left: {reason} (such as {key})")
        if count > 1
        else english(f"1 {model} row left: {reason} ({key})")
        for model, reason, count, key in reasons.annotate(Count("pk"), Min("key"))[:MAX_REASONS]
    ]


def _key(model: type[Model]) -> str:
    """Return SQL for the key of an entry ``c``, in the type of the model's key."""
    return "CAST(c.key AS bigint)" if model in (StepSighting, QuarantinedRow) else "c.key"


def _has_marks(model: type[Model]) -> bool:
    return hasattr(model, "missing_since")


def _changed_since(model: type[Model], run: ImportRun) -> str:
    """Return SQL for why a row ``t`` is not as the run left it."""
    marked = "WHEN t.missing_since_id > {0} THEN 'missing from the feed since run ' || t.missing_since_id"
    return f"""CASE
        WHEN t.id IS NULL THEN 'no longer there'
        WHEN t.run_id > {int(run.pk)} THEN 'changed since by run ' || t.run_id
        {marked.format(int(run.pk)) if _has_marks(model) else ""}
        ELSE 'changed since' END"""

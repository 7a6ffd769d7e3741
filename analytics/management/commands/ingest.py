"""``manage.py ingest``: load what the product reported, and score and alert those whom it concerns."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, nullcontext

from django.core.management.base import CommandError

from analytics.alerts.evaluate import evaluate_customers
from analytics.playbooks.play import play
from analytics.scoring.unscored import score_changed_by_api
from analytics.wording import counted
from customers.audit.trail import user_name
from customers.inbox.ingest import has_work, ingest
from customers.jobs.commands import AuditedCommand
from customers.jobs.lock import LockHeld, job_lock, short_job
from customers.models import ImportRun

LOCK = "ingest"
"""Held by a night, too, so that no ingest comes between its steps."""


class Command(AuditedCommand):
    """Loads, scores and evaluates, each under its own locks; what was cut short, the next run completes."""

    busy = "An import, a scoring, another ingest or a nightly run is going on; the next run takes what waits."
    help = (
        "Load the events of the product that wait in the inbox, and score again, for the newest scored date, only "
        "those customers whom they are about. Run it every minute: it says nothing where nothing waits. "
        "Exit code: 0 done, 1 a run failed, 75 an import, a scoring, another ingest or a nightly run is going on."
    )
    stealth_options = ("in_night",)

    def handle(self, *, in_night: bool = False, **options: object) -> None:
        with nullcontext() if in_night else _turn():
            runs = self._load()
            scored = score_changed_by_api()
            alerts = self._evaluate(scored)
            played = self._play(scored)
        self.had_nothing_to_do = not runs and not scored
        if self.had_nothing_to_do:
            return
        for run in runs:
            self.stdout.write(_said(run))
        events = sum(run.rows for run in runs)
        self.stdout.write(
            f"{counted(events, 'event')}; {counted(len(scored), 'customer')} scored again{alerts}{played}."
        )
        if failed := [run for run in runs if run.status != ImportRun.Status.LOADED]:
            raise CommandError(f"{counted(len(failed), 'run')} failed; the events wait for the next one.")

    def _load(self) -> Sequence[ImportRun]:
        if not has_work():
            return []
        with job_lock("import") as lock:
            return ingest(user_name(), lock)

    def _evaluate(self, customers: Collection[str]) -> str:
        """Evaluate the alerts of some customers; return what became of them, as the end of a sentence."""
        if not customers:
            return ""
        try:
            with job_lock("alerts"), job_lock("score", shared=True), job_lock("import", shared=True):
                found = evaluate_customers(customers)
        except LockHeld:
            return "; alerts are evaluated already, so those of these customers follow with the night"
        return f"; alerts: {found.raised:,} raised, {found.worse:,} worse, {found.closed:,} closed"

    def _play(self, customers: Collection[str]) -> str:
        """Bring the playbooks of some customers in step; return what became of them, as the end of a sentence."""
        if not customers:
            return ""
        try:
            with job_lock("playbooks"), job_lock("score", shared=True), job_lock("import", shared=True):
                played = play(customers)
        except LockHeld:
            return "; playbooks are looked at already, so those of these customers follow with the night"
        return "" if played.is_nothing else f"; playbooks: {played.words}"


@contextmanager
def _turn() -> Iterator[None]:
    with job_lock(LOCK), short_job():
        yield


def _said(run: ImportRun) -> str:
    if run.status != ImportRun.Status.LOADED:
        return f"{run.get_feed_display()}: {run.status}: {run.reason}"
    return (
        f"{run.get_feed_display()}: {counted(run.rows, 'event')}: {run.created:,} created, {run.updated:,} updated, "
        f"{run.unchanged:,} unchanged, {run.quarantined:,} quarantined"
    )

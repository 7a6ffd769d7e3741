"""``manage.py ingest``: load what the product reported, and score and alert those whom it concerns."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, nullcontext

from django.core.management.base import CommandError
from django.utils.translation import gettext, gettext_lazy

from analytics.alerts.evaluate import evaluate_customers
from analytics.playbooks.play import play
from analytics.scoring.unscored import score_changed_by_api
from analytics.wording import counted
from customers.audit.trail import user_name
from customers.inbox.ingest import has_work, ingest
from customers.jobs.commands import AuditedCommand
from customers.jobs.lock import LockHeld, job_lock, short_job
from customers.models import ImportRun
from customers.text.say import in_english, say, say_n

LOCK = "ingest"
"""Held by a night, too, so that no ingest comes between its steps."""


class Command(AuditedCommand):
    """Loads, scores and evaluates, each under its own locks; what was cut short, the next run completes."""

    busy = gettext_lazy(
        "An import, a scoring, another ingest or a nightly run is going on; the next run takes what waits."
    )
    about = gettext_lazy(
        "Load the events of the product that wait in the inbox, and score again, for the newest scored date, only "
        "those customers whom they are about. Run it every minute: it says nothing where nothing waits. "
        "Exit code: 0 done, 1 a run failed, 75 an import, a scoring, another ingest or a nightly run is going on."
    )
    stealth_options = ("in_night",)

    def handle(self, *, in_night: bool = False, **options: object) -> None:
        with nullcontext() if in_night else _turn():
            with in_english():  # What runs say is stored.
                runs = self._load()
                scored = score_changed_by_api()
            became = [*self._evaluate(scored), *self._play(scored)]
        self.had_nothing_to_do = not runs and not scored
        if self.had_nothing_to_do:
            return
        for run in runs:
            self.stdout.write(_said(run))
        events = sum(run.rows for run in runs)
        again = say_n("{number} customer scored again", "{number} customers scored again", len(scored))
        self.stdout.write(f"{'; '.join([counted(events, 'event'), again, *became])}.")
        if failed := [run for run in runs if run.status != ImportRun.Status.LOADED]:
            raise CommandError(
                say_n(
                    "{number} run failed; the events wait for the next one.",
                    "{number} runs failed; the events wait for the next one.",
                    len(failed),
                )
            )

    def _load(self) -> Sequence[ImportRun]:
        if not has_work():
            return []
        with job_lock("import") as lock:
            return ingest(user_name(), lock)

    def _evaluate(self, customers: Collection[str]) -> Iterator[str]:
        """Evaluate the alerts of some customers; yield what became of them."""
        if not customers:
            return
        try:
            with job_lock("alerts"), job_lock("score", shared=True), job_lock("import", shared=True):
                found = evaluate_customers(customers)
        except LockHeld:
            yield gettext("alerts are evaluated already, so those of these customers follow with the night")
            return
        yield say(
            "alerts: {raised} raised, {worse} worse, {closed} closed",
            raised=found.raised,
            worse=found.worse,
            closed=found.closed,
        )

    def _play(self, customers: Collection[str]) -> Iterator[str]:
        """Bring the playbooks of some customers in step; yield what became of them."""
        if not customers:
            return
        try:
            with job_lock("playbooks"), job_lock("score", shared=True), job_lock("import", shared=True), in_english():
                played = play(customers)  # What is done is stored.
        except LockHeld:
            yield gettext("playbooks are looked at already, so those of these customers follow with the night")
            return
        if not played.is_nothing:
            yield say("playbooks: {what}", what=played.words)


@contextmanager
def _turn() -> Iterator[None]:
    with job_lock(LOCK), short_job():
        yield


def _said(run: ImportRun) -> str:
    if run.status != ImportRun.Status.LOADED:
        return f"{run.get_feed_display()}: {run.status}: {run.reason}"
    counts = say(
        "{created} created, {updated} updated, {unchanged} unchanged, {quarantined} quarantined",
        created=run.created,
        updated=run.updated,
        unchanged=run.unchanged,
        quarantined=run.quarantined,
    )
    return f"{run.get_feed_display()}: {counted(run.rows, 'event')}: {counts}"

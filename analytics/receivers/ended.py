"""Tell other tools that an import run has ended."""

from analytics.models import EventKind
from analytics.webhook_events.announce import Told, announce
from customers.models import ImportRun

_COUNTS = ("created", "updated", "unchanged", "quarantined")


def tell_end(run: ImportRun, **_signal: object) -> None:
    """Announce how a run ended. Receives ``run_ended``."""
    counts = {name: getattr(run, name) for name in _COUNTS}
    more = {"run": run.pk, "feed": str(run.feed), "scope": str(run.scope), **counts, "undoes": run.undoes_id}
    announce([Told(EventKind.RUN_FINISHED, "running", str(run.status), more=more)])

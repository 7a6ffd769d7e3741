"""Close the banner and the alerts of a night's failure once it is mended, not a night later."""

from django.utils import timezone

from analytics.alerts.evaluate import close_feed_alerts
from analytics.models import Night
from analytics.nights.ledger import DONE, FAILED, IMPORT, SCORE, SKIPPED, STEPS, WARNED, steps_now
from analytics.scoring.unscored import unscored
from customers.imports.feed_states import feed_states
from customers.jobs.lock import LockHeld, job_lock
from customers.models import AuditEntry
from customers.text.say import english

_COMMANDS = {step.name: step.command for step in STEPS}


def close_repaired(**_signal: object) -> None:
    """Mark the last night as put right where all its failed steps are done since, and close repaired alerts.

    Receives ``run_loaded`` and ``command_done``.
    """
    night = Night.objects.order_by("-pk").first()
    if night and night.state == Night.State.RUNNING:
        return  # A running night does this itself.
    failed = {Night.State.FAILED, Night.State.INTERRUPTED}
    if night and night.state in failed and not night.put_right_at and _is_put_right(night):
        Night.objects.filter(pk=night.pk).update(put_right_at=timezone.now())
    try:
        with job_lock("alerts"):
            close_feed_alerts()
    except LockHeld:
        pass  # Alerts are being evaluated at this moment.


def _is_put_right(night: Night) -> bool:
    results = {step["name"]: step["result"] for step in night.steps}
    if night.state == Night.State.INTERRUPTED:
        asked = [IMPORT, *(step.name for step in steps_now())]
        failed = [name for name in asked if results.get(name) not in {DONE, WARNED}]
    else:
        failed = [name for name, result in results.items() if result == FAILED]
        if results.get(SCORE) == SKIPPED:
            failed.append(SCORE)
    return all(_is_done_since(name, night) for name in failed)


def _is_done_since(step: str, night: Night) -> bool:
    if step == IMPORT:
        states = feed_states()
        loaded = [state.loaded for state in states if state.required]
        return not any(state.trouble for state in states) and all(
            run and run.started_at >= night.started_at for run in loaded
        )
    if step == SCORE:
        return unscored() is None
    runs = AuditEntry.objects.filter(action=AuditEntry.Action.COMMAND, subject=_COMMANDS.get(step, step))
    return runs.filter(at__gte=night.started_at, text__startswith=english("exit code 0")).exists()

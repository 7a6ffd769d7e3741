"""What the timeline's rows say to people, in the reader's language."""

import json
from collections.abc import Callable, Mapping
from datetime import date

from django.contrib.admin.models import CHANGE, LogEntry
from django.db import models
from django.utils.translation import gettext

from analytics.customer_page.timeline_sql import COUNTED, SEPARATOR, Row
from analytics.models import Deferral, HealthStatus, Message, PlaybookRun, Stage, Task
from analytics.models.alerts import words_for_reader
from analytics.portfolio.milestones import Milestone
from analytics.wording import DASH, counted
from customers.models import Customer, Engagement, Event, Note, Onboarding, Step
from customers.text.codes import code_in_words
from customers.text.say import english, in_english, say, say_n, within


def in_words(row: Row) -> str:
    """Return what a row says; '' where nothing is left to say."""
    return _TEXTS[row.source](row)


def _event(row: Row) -> str:
    if row.kind == Event.Kind.SUPPORT_REQUEST and row.text:
        return say("Support request: “{text}”", text=row.text)
    return row.text or str(Event.Kind(row.kind or "").label)


_DID: tuple[Callable[[int], str], ...] = (
    lambda count: say_n("Tagged {number} issue", "Tagged {number} issues", count),
    lambda count: say_n("Generated {number} PR", "Generated {number} PRs", count),
    lambda count: say_n("Merged {number} PR", "Merged {number} PRs", count),
    lambda count: say_n("Rejected {number} PR", "Rejected {number} PRs", count),
)
"""What ``COUNTED`` says, in the reader's language."""


def _engagement(row: Row) -> str:
    said = set(row.more.split(SEPARATOR)) if row.more else set()
    *counters, requests = row.numbers[: len(Engagement.COUNTERS)]
    parts = [
        words(count)
        for (verb, noun), words, count in zip(COUNTED, _DID, counters, strict=True)
        if count and not _is_told(said, count, noun, f"{verb} ")
    ]
    asked = max(requests or 0, 0)
    if asked and not _is_told(said, asked, english("support request")):
        parts.append(counted(asked, "support request"))
    return _sentence(parts)


def _is_told(said: set[str], count: int, noun: str, verb: str = "") -> bool:
    """Whether an event of the day says this; events are English."""
    if not said:
        return False
    with in_english():
        return f"{verb}{counted(count, noun)}" in said


def _sentence(parts: list[str]) -> str:
    """``Tagged 2 issues, merged 1 PR``."""
    return ", ".join(within(part) if index else part for index, part in enumerate(parts))


def _feedback(row: Row) -> str:
    nps, csat = row.numbers[:2]
    parts = [] if nps is None else [say("NPS {answer} of 10", answer=nps)]
    if csat is not None:
        parts.append(say("CSAT {answer} of 5", answer=csat))
    said = ", ".join(parts) or gettext("Feedback")
    return say("{answers}: “{comment}”", answers=said, comment=row.text) if row.text else said


def _snapshot(row: Row) -> str:
    now, was = json.loads(row.text or "{}"), json.loads(row.more or "{}")
    parts = []
    if now["status"] != was["status"]:
        before, after = HealthStatus(was["status"]), HealthStatus(now["status"])
        parts.append(say("Status: {before} → {after}", before=before.label, after=after.label))
    if now["stage"] != was["stage"]:
        parts.append(
            say("Stage: {before} → {after}", before=Stage(was["stage"]).label, after=Stage(now["stage"]).label)
        )
    if now["blocker"]:
        if now["blocker"] != was["blocker"]:
            parts.append(say("Blocked: {blocker}", blocker=code_in_words(now["blocker"])))
    elif was["blocker"]:
        parts.append(say("No longer blocked: {blocker}", blocker=code_in_words(was["blocker"])))
    for step in Step:
        if now.get(step) != was.get(step):
            parts.append(
                say("{step} done", step=step.label) if now[step] else say("{step} no longer done", step=step.label)
            )
    return "; ".join(parts)


def _milestone(row: Row) -> str:
    return say("Milestone: {milestone}", milestone=Milestone(row.kind or "").label)


def _import(row: Row) -> str:
    is_customer = row.kind == Customer._meta.model_name
    if not row.text:
        return gettext("Details first loaded") if is_customer else gettext("Onboarding first loaded")
    before, after = json.loads(row.text), json.loads(row.more or "{}")
    if after.get("missing_since_id") and not before.get("missing_since_id"):
        return gettext("Details missing from the file") if is_customer else gettext("Onboarding missing from the file")
    changes = ", ".join(_changes(Customer if is_customer else Onboarding, before, after))
    if not changes:
        return gettext("Details loaded again") if is_customer else gettext("Onboarding loaded again")
    if is_customer:
        return say("Details changed: {changes}", changes=changes)
    return say("Onboarding changed: {changes}", changes=changes)


def _changes(model: type[models.Model], before: Mapping[str, object], after: Mapping[str, object]) -> list[str]:
    """Say of each field that differs what it was and is."""
    parts = []
    for field in model._meta.concrete_fields:
        if field.name in {"id", "run", "line", "customer", "missing_since"}:
            continue
        old, new = (image.get(field.column or "") for image in (before, after))
        if old != new:
            parts.append(f"{_label(field)} {_shown(field, old)} → {_shown(field, new)}")
    return parts


def _label(field: "models.Field[object, object]") -> str:
    return str(Step(field.name).label if field.name in Step.values else field.verbose_name)


def _shown(field: "models.Field[object, object]", value: object) -> str:
    if isinstance(field, models.BooleanField):
        return gettext("done") if value else gettext("not done")
    return DASH if value in (None, "") else str(value)


def _note(row: Row) -> str:
    kind = Note.Kind(row.kind or "")
    return (row.text or "") if kind == Note.Kind.NOTE else f"{kind.label}: {row.text}"


def _care(row: Row) -> str:
    message = LogEntry(action_flag=row.numbers[0] or CHANGE, change_message=row.text or "").get_change_message()
    return say("Assignment: {message}", message=message) if message else gettext("Assignment changed")


def _task(row: Row) -> str:
    task = row.text or ""
    if row.kind == "taken":
        return say("Task created: {task}", task=task)
    outcome, _mark, note = (row.more or "").partition(SEPARATOR)
    came_of_it = f" ({within(Task.Outcome(outcome).label)})" if outcome else ""
    return f"{Task.State(row.kind or '').label}: {task}{came_of_it}{f': {note}' if note else ''}"


def _mail(row: Row) -> str:
    subject = row.text or ""
    match row.kind:
        case Message.State.SENT:
            return say("Email “{subject}”", subject=subject)
        case Message.State.FAILED:
            return say("Email “{subject}” (not sent)", subject=subject)
        case Message.State.SCHEDULED:
            return say("Email “{subject}” (scheduled)", subject=subject)
        case Message.State.CANCELED:
            return say("Email “{subject}” (canceled)", subject=subject)
    return say("Email “{subject}” (perhaps sent)", subject=subject)


def _deferral(row: Row) -> str:
    if row.kind == "back":
        return gettext("Brought back to the customers to act on")
    if row.more:
        return say("Snoozed until {day}", day=date.fromisoformat(row.more))
    reason = say("Dismissed: {reason}", reason=Deferral.Reason(row.kind or "").label)
    return f"{reason} ({row.text})" if row.text else reason


def _alert(row: Row) -> str:
    made_of, _mark, more = (row.more or "").partition(SEPARATOR)
    alert = words_for_reader(json.loads(made_of or "null"), row.text or "")
    match row.kind:
        case "noted" if more:
            return say("Note on the alert “{alert}”: {note}", alert=alert, note=more)
        case "noted":
            return say("Note taken off the alert “{alert}”", alert=alert)
        case "put_off":
            return say("Alert snoozed until {day}: {alert}", day=date.fromisoformat(more), alert=alert)
        case "raised":
            return say("Alert: {alert}", alert=alert)
        case "acknowledged":
            return say("Alert acknowledged: {alert}", alert=alert)
        case "awake":
            return say("Alert unsnoozed: {alert}", alert=alert)
    return say("Alert resolved: {alert}", alert=alert)


def _playbook(row: Row) -> str:
    said = {
        "started": say("Playbook “{name}” started", name=row.text or ""),
        PlaybookRun.State.DONE.value: say("Playbook “{name}” done", name=row.text or ""),
        PlaybookRun.State.ENDED.value: say("Playbook “{name}” ended early", name=row.text or ""),
        PlaybookRun.State.STOPPED.value: say("Playbook “{name}” stopped", name=row.text or ""),
    }[row.kind or ""]
    return f"{said}: {row.more}" if row.more else said


_TEXTS: Mapping[str, Callable[[Row], str]] = {
    "event": _event,
    "engagement": _engagement,
    "feedback": _feedback,
    "snapshot": _snapshot,
    "milestone": _milestone,
    "import": _import,
    "note": _note,
    "care": _care,
    "task": _task,
    "alert": _alert,
    "mail": _mail,
    "deferral": _deferral,
    "playbook": _playbook,
}
"""By the source of the row."""

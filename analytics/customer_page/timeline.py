"""A customer's history in words, a page at a time, newest first.

It joins what the product saw (events, days with engagement, feedback), how the customer's health changed from one
scored date to the next and which alerts that raised and ended, what staff wrote and did (their tasks too), and the
imports that changed the customer's own rows. On the newest scored date what people and imports did is told up to now;
on an earlier one up to the end of that date.
"""

import json
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.db import models
from django.urls import reverse
from django.utils import timezone

from analytics.customer_page import timeline_alerts, timeline_sql, timeline_staff
from analytics.customer_page.timeline_sql import COUNTED, SEPARATOR, Row, Source, TimelineQuery
from analytics.models import Deferral, HealthStatus, Message, PlaybookRun, Stage, Task
from analytics.portfolio.milestones import Milestone
from analytics.wording import counted
from customers.core.people import display_name
from customers.models import Customer, Engagement, Event, Note, Onboarding, Step
from customers.text.codes import code_in_words
from customers.text.numbers import number_or_none

PER_PAGE = 50
MAX_PAGES = 100_000


class TimelineFilter(models.TextChoices):
    """What the history can be narrowed to; ``staff`` and ``health`` are several of the others at once."""

    ALL = "", "Everything"
    STAFF = "staff", "Staff"
    NOTES = "notes", "Notes"
    CALLS = "calls", "Calls and meetings"
    EMAILS = "emails", "Emails"
    TASKS = "tasks", "Tasks"
    SNOOZES = "snoozes", "Snoozes"
    OWNER = "owner", "Owner"
    ALERTS = "alerts", "Alerts"
    STATUS = "status", "Status"
    HEALTH = "health", "Health"
    MILESTONES = "milestones", "Milestones"
    PLAYBOOKS = "playbooks", "Playbooks"
    PRODUCT = "product", "Product"
    IMPORTS = "imports", "Imports"


OFFERED = [choice for choice in TimelineFilter.choices if choice[0] != TimelineFilter.HEALTH]
"""The filters that the page offers; addresses of before may ask for health."""

_F = TimelineFilter
_BY_STAFF: dict[Source, TimelineFilter] = {
    timeline_staff.notes: _F.NOTES,
    timeline_staff.calls: _F.CALLS,
    timeline_staff.care: _F.OWNER,
    timeline_staff.tasks_taken: _F.TASKS,
    timeline_staff.tasks_closed: _F.TASKS,
    timeline_staff.put_aside: _F.SNOOZES,
    timeline_staff.brought_back: _F.SNOOZES,
    timeline_staff.mails: _F.EMAILS,
    timeline_alerts.alerts_acknowledged: _F.ALERTS,
    timeline_alerts.alert_acts: _F.ALERTS,
}
"""What staff did, each source with the filter that shows it beside that of all staff's."""
_ORDER: tuple[dict[Source, set[TimelineFilter]], ...] = (
    {timeline_sql.events: {_F.PRODUCT}},
    {timeline_sql.engagement: {_F.PRODUCT}},
    {timeline_sql.feedback: {_F.PRODUCT}},
    {timeline_sql.milestones: {_F.MILESTONES}},
    {
        timeline_sql.snapshots: {_F.STATUS, _F.HEALTH},
        timeline_alerts.alerts_raised: {_F.ALERTS, _F.HEALTH},
        timeline_alerts.alerts_closed: {_F.ALERTS, _F.HEALTH},
    },
    {
        **{source: {shown, _F.STAFF} for source, shown in _BY_STAFF.items()},
        timeline_staff.playbooks_started: {_F.PLAYBOOKS},
        timeline_staff.playbooks_ended: {_F.PLAYBOOKS},
        timeline_sql.imports: {_F.IMPORTS},
    },
)
"""All sources in the order of a day, the earliest first, each with the filters that show it."""


@dataclass(frozen=True)
class Entry:
    """Something that happened on a day; ``kind`` is an event's kind, or the source's name.

    ``who`` and ``moment`` are of entries that a person or an import made; ``run`` is of an import's. ``address`` leads
    to the run, the task, the mail or the playbook.
    """

    day: date
    kind: str
    text: str
    who: str = ""
    moment: datetime | None = None
    run: int | None = None
    address: str = ""

    @property
    def by_staff(self) -> bool:
        """Whether a person did it."""
        return bool(self.who) and self.run is None


@dataclass(frozen=True)
class TimelinePage:
    """A page of the timeline: ``number`` of ``pages``, and what it was narrowed to."""

    entries: list[Entry]
    number: int
    pages: int
    chosen: TimelineFilter

    @property
    def newer(self) -> int | None:
        """The number of the page before."""
        return min(self.number - 1, self.pages) or None if self.number > 1 else None

    @property
    def older(self) -> int | None:
        """The number of the page after."""
        return self.number + 1 if self.number < self.pages else None


def timeline(
    customer: Customer,
    day: date,
    *,
    is_newest: bool = True,
    chosen: TimelineFilter = TimelineFilter.ALL,
    number: int = 1,
    dated_steps: frozenset[str] = frozenset(),
    known_at: datetime | None = None,
) -> TimelinePage:
    """Return the page ``number`` of what happened up to ``day``; ``dated_steps`` have an event. One query.

    What an event tells is not told again by the counters of its day. What people and imports did since ``known_at``
    is left out, so that it moves no page.
    """
    midnight = timezone.make_aware(datetime.combine(day + timedelta(days=1), time.min))
    until = known_at if is_newest else midnight
    query = TimelineQuery(customer, day, until, dated_steps, all_milestones=chosen == _F.MILESTONES)
    ranks = [[source for source, shown in rank.items() if chosen in {_F.ALL, *shown}] for rank in _ORDER]
    rows, total = timeline_sql.rows(query, ranks, PER_PAGE, (number - 1) * PER_PAGE)
    entries = (_entry(row) for row in rows)
    pages = -(-total // PER_PAGE) if rows else 1
    return TimelinePage([entry for entry in entries if entry], number, pages, chosen)


def page_number(text: str) -> int:
    """Return a page's number as an address gives it; 1 for what is none."""
    return min(max(number_or_none(text) or 1, 1), MAX_PAGES)


def parse_filter(text: str) -> TimelineFilter:
    """Return what an address narrows the timeline to; everything for what is nothing."""
    return TimelineFilter(text) if text in TimelineFilter.values else TimelineFilter.ALL


def may_open(user: User) -> set[str]:
    """Return the kinds of entries whose pages the user may open."""
    return {kind for kind, permission in _PERMISSIONS.items() if user.has_perm(permission)}


# --- In words -----------------------------------------------------------------------------------------------------


def _entry(row: Row) -> Entry | None:
    """Return the row in words; None where nothing is left to say."""
    text = _TEXTS[row.source](row)
    if not text:
        return None
    run = row.numbers[0] if row.source == "import" else None
    address = reverse(_PAGES[row.source], args=row.numbers[:1]) if row.source in _PAGES else ""
    kind = row.kind if row.source == "event" and row.kind else row.source
    return Entry(row.day, kind, text, _who(row.who or ""), row.moment, run, address)


def _who(said: str) -> str:
    """Return what the person is called; a note, an import, and who has no account any more say so themselves."""
    first, _mark, rest = said.partition(SEPARATOR)
    last, mark, login = rest.partition(SEPARATOR)
    return display_name(first, last, login) if mark else said.strip()


def _event(row: Row) -> str:
    if row.kind == Event.Kind.SUPPORT_REQUEST and row.text:
        return f"Support request: “{row.text}”"
    return row.text or Event.Kind(row.kind or "").label


def _engagement(row: Row) -> str:
    said = set((row.more or "").split(SEPARATOR))
    *counters, requests = row.numbers[: len(Engagement.COUNTERS)]
    parts = [f"{verb} {counted(count, noun)}" for (verb, noun), count in zip(COUNTED, counters, strict=True) if count]
    if requests and requests > 0:
        parts.append(counted(requests, "support request"))
    return _sentence([part for part in parts if part not in said])


def _sentence(parts: list[str]) -> str:
    """``Tagged 2 issues, merged 1 PR``."""
    return ", ".join(part[0].lower() + part[1:] if index else part for index, part in enumerate(parts))


def _feedback(row: Row) -> str:
    nps, csat = row.numbers[:2]
    parts = [] if nps is None else [f"NPS {nps} of 10"]
    if csat is not None:
        parts.append(f"CSAT {csat} of 5")
    said = ", ".join(parts) or "Feedback"
    return f"{said}: “{row.text}”" if row.text else said


def _snapshot(row: Row) -> str:
    now, was = json.loads(row.text or "{}"), json.loads(row.more or "{}")
    parts = []
    if now["status"] != was["status"]:
        parts.append(f"Status: {HealthStatus(was['status']).label} → {HealthStatus(now['status']).label}")
    if now["stage"] != was["stage"]:
        parts.append(f"Stage: {Stage(was['stage']).label} → {Stage(now['stage']).label}")
    if now["blocker"] != was["blocker"]:
        blocker = code_in_words(now["blocker"] or was["blocker"])
        parts.append(f"Blocked: {blocker}" if now["blocker"] else f"No longer blocked: {blocker}")
    for step in Step:
        if now.get(step) != was.get(step):
            parts.append(f"{step.label} {'done' if now[step] else 'no longer done'}")
    return "; ".join(parts)


def _milestone(row: Row) -> str:
    return f"Milestone: {Milestone(row.kind or '').label}"


def _import(row: Row) -> str:
    model = Customer if row.kind == Customer._meta.model_name else Onboarding
    what = "Details" if model is Customer else "Onboarding"
    if not row.text:
        return f"{what} first loaded"
    before, after = json.loads(row.text), json.loads(row.more or "{}")
    if after.get("missing_since_id") and not before.get("missing_since_id"):
        return f"{what} missing from the file"
    parts = []
    for field in model._meta.concrete_fields:
        if field.name in {"id", "run", "line", "customer", "missing_since"}:
            continue
        old, new = before.get(field.column), after.get(field.column)
        if old != new:
            parts.append(f"{_label(field)} {_shown(field, old)} → {_shown(field, new)}")
    return f"{what} changed: {', '.join(parts)}" if parts else f"{what} loaded again"


def _label(field: "models.Field[object, object]") -> str:
    return Step(field.name).label if field.name in Step.values else str(field.verbose_name)


def _shown(field: "models.Field[object, object]", value: object) -> str:
    if isinstance(field, models.BooleanField):
        return "done" if value else "not done"
    return "–" if value in (None, "") else str(value)


def _note(row: Row) -> str:
    kind = Note.Kind(row.kind or "")
    return (row.text or "") if kind == Note.Kind.NOTE else f"{kind.label}: {row.text}"


def _care(row: Row) -> str:
    message = LogEntry(action_flag=row.numbers[0] or CHANGE, change_message=row.text or "").get_change_message()
    return f"Assignment: {message}" if message else "Assignment changed"


def _task(row: Row) -> str:
    if row.kind == "taken":
        return f"Task created: {row.text}"
    outcome, _mark, note = (row.more or "").partition(SEPARATOR)
    came_of_it = f" ({Task.Outcome(outcome).label.lower()})" if outcome else ""
    return f"{Task.State(row.kind or '').label}: {row.text}{came_of_it}{f': {note}' if note else ''}"


_BECAME = {
    Message.State.SENT.value: "",
    Message.State.FAILED.value: " (not sent)",
    Message.State.SCHEDULED.value: " (scheduled)",
    Message.State.CANCELED.value: " (canceled)",
}


def _mail(row: Row) -> str:
    how = _BECAME.get(row.kind or "", " (perhaps sent)")
    return f"Email “{row.text}”{how}"


def _deferral(row: Row) -> str:
    if row.kind == "back":
        return "Brought back to the customers to act on"
    if row.more:
        return f"Snoozed until {date.fromisoformat(row.more):%-d %b %Y}"
    reason = Deferral.Reason(row.kind or "").label
    return f"Dismissed: {reason}{f' ({row.text})' if row.text else ''}"


def _alert(row: Row) -> str:
    if row.kind == "noted":
        return f"Note on the alert “{row.text}”: {row.more}" if row.more else f"Note taken off the alert “{row.text}”"
    if row.kind == "put_off":
        return f"Alert snoozed until {date.fromisoformat(row.more or ''):%-d %b %Y}: {row.text}"
    how = {"raised": "Alert", "acknowledged": "Alert acknowledged", "awake": "Alert unsnoozed"}
    return f"{how.get(row.kind or '', 'Alert resolved')}: {row.text}"


_PLAYED = {
    "started": "started",
    PlaybookRun.State.DONE.value: "done",
    PlaybookRun.State.ENDED.value: "ended early",
    PlaybookRun.State.STOPPED.value: "stopped",
}


def _playbook(row: Row) -> str:
    return f"Playbook “{row.text}” {_PLAYED[row.kind or '']}{f': {row.more}' if row.more else ''}"


_PERMISSIONS = {
    "import": "customers.view_importrun",
    "task": "analytics.view_task",
    "mail": "analytics.view_message",
    "playbook": "analytics.view_playbook",
}
_PAGES = {
    "import": "admin:customers_importrun_change",
    "task": "analytics:task",
    "mail": "analytics:message",
    "playbook": "analytics:playbook",
}
_TEXTS = {
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

"""A customer's history in words, a page at a time, newest first.

It joins what the product saw (events, days with engagement, feedback), how the customer's health changed from one
scored date to the next and which alerts that raised and ended, what staff wrote and did (their tasks too), and the
imports that changed the customer's own rows. On the newest scored date what people and imports did is told up to now;
on an earlier one up to the end of that date.
"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from analytics.customer_page import timeline_alerts, timeline_sql, timeline_staff
from analytics.customer_page.timeline_sql import SEPARATOR, Row, Source, TimelineQuery
from analytics.customer_page.timeline_words import in_words
from customers.core.people import display_name
from customers.models import Customer
from customers.text.choices import SpokenChoices
from customers.text.numbers import number_or_none
from customers.text.say import Words

PER_PAGE = 50
MAX_PAGES = 100_000


class TimelineFilter(SpokenChoices):
    """What the history can be narrowed to; ``staff`` and ``health`` are several of the others at once."""

    ALL = "", _("Everything")
    STAFF = "staff", _("Staff")
    NOTES = "notes", _("Notes")
    CALLS = "calls", _("Calls and meetings")
    EMAILS = "emails", _("Emails")
    TASKS = "tasks", _("Tasks")
    SNOOZES = "snoozes", _("Snoozes")
    OWNER = "owner", _("Owner")
    ALERTS = "alerts", _("Alerts")
    STATUS = "status", _("Status")
    HEALTH = "health", _("Health")
    MILESTONES = "milestones", _("Milestones")
    PLAYBOOKS = "playbooks", _("Playbooks")
    PRODUCT = "product", _("Product")
    IMPORTS = "imports", _("Imports")


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

    @property
    def opens(self) -> Words:
        """What the link to its page is called."""
        return _OPENS.get(self.kind, "")


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


# --- Of a row -----------------------------------------------------------------------------------------------------


def _entry(row: Row) -> Entry | None:
    """Return the row in words; None where nothing is left to say."""
    text = in_words(row)
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
_OPENS = {"task": _("task"), "mail": _("mail"), "playbook": _("playbook")}

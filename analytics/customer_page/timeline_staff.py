"""What people and playbooks did, among what the timeline tells: notes, care, tasks, mails, starts and ends."""

from collections.abc import Sequence

from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType

from analytics.customer_page.timeline_sql import Sql, TimelineQuery, by_people, named, separator
from analytics.models import Deferral, Message, Playbook, PlaybookRun, Task
from customers.core.sql import table_of
from customers.models import CustomerCare, Note

_USERS = table_of(User)


def notes(query: TimelineQuery) -> Sql:
    """Return what staff noted."""
    return _notes(query, [Note.Kind.NOTE])


def calls(query: TimelineQuery) -> Sql:
    """Return the calls and meetings, which ``kind`` tells apart."""
    return _notes(query, Note.CONTACTS)


def _notes(query: TimelineQuery, kinds: Sequence[Note.Kind]) -> Sql:
    marks = ", ".join(["%s"] * len(kinds))
    where: Sql = (f"r.customer_id = %s AND r.kind IN ({marks})", [query.customer.pk, *(kind.value for kind in kinds)])
    columns = {"who": "r.author", "kind": "r.kind", "text": "r.text"}
    return by_people(query, "note", f"{table_of(Note)} r", "r.created_at", where, **columns)


def care(query: TimelineQuery) -> Sql:
    """What staff changed of owner and notes: the log's own message as ``text``, its kind of action as a number."""
    kind = CustomerCare._meta
    where: Sql = (
        f"""r.object_id = %s AND r.content_type_id = (
            SELECT id FROM {table_of(ContentType)} WHERE app_label = %s AND model = %s)""",
        [query.customer.pk, kind.app_label, kind.model_name],
    )
    table = f"{table_of(LogEntry)} r JOIN {_USERS} u ON u.id = r.user_id"
    columns = {"who": named("u.username"), "text": "r.change_message"}
    return by_people(query, "care", table, "r.action_time", where, ["r.action_flag"], **columns)


def tasks_taken(query: TimelineQuery) -> Sql:
    """Tasks that somebody took on: what they are as ``text``, the key as a number."""
    return _tasks(query, "r.created_at", "r.created_by", "'taken'")


def tasks_closed(query: TimelineQuery) -> Sql:
    """Tasks that somebody did or dropped, which ``kind`` says; ``more`` is the outcome, SEPARATOR, and the note."""
    return _tasks(query, "r.closed_at", "r.closed_by", "r.state")


def _tasks(query: TimelineQuery, moment: str, login: str, kind: str) -> Sql:
    table = f"{table_of(Task)} r LEFT JOIN {_USERS} u ON u.username = {login}"
    where: Sql = (f"r.customer_id = %s AND {moment} IS NOT NULL", [query.customer.pk])
    outcome = f"r.outcome || {separator()} || r.outcome_note"
    columns = {"who": named(login), "kind": kind, "text": "r.what", "more": outcome}
    return by_people(query, "task", table, moment, where, ["r.id"], **columns)


def put_aside(query: TimelineQuery) -> Sql:
    """Snoozes and dismissals: ``kind`` is the reason ('' of a snooze), ``text`` the details, ``more`` until when."""
    return _deferrals(query, "r.created_at", "r.created_by", "r.reason", "1 = 1")


def brought_back(query: TimelineQuery) -> Sql:
    """Snoozes and dismissals that somebody ended."""
    return _deferrals(query, "r.ended_at", "r.ended_by", "'back'", "r.ended_by <> ''")


def _deferrals(query: TimelineQuery, moment: str, login: str, kind: str, which: str) -> Sql:
    table = f"{table_of(Deferral)} r LEFT JOIN {_USERS} u ON u.username = {login}"
    where: Sql = (f"r.customer_id = %s AND {which}", [query.customer.pk])
    columns = {"who": named(login), "kind": kind, "text": "r.text", "more": "CAST(r.until AS text)"}
    return by_people(query, "deferral", table, moment, where, **columns)


def mails(query: TimelineQuery) -> Sql:
    """Mails to the customer: the subject as ``text``, ``kind`` says what became of it, and the key as a number."""
    table = f"{table_of(Message)} r LEFT JOIN {_USERS} u ON u.id = r.sender_id"
    where: Sql = ("r.customer_id = %s", [query.customer.pk])
    columns = {"who": named("r.sent_by"), "kind": "r.state", "text": "r.subject"}
    return by_people(query, "mail", table, "r.attempted_at", where, ["r.id"], **columns)


def playbooks_started(query: TimelineQuery) -> Sql:
    """Playbooks that began: the name as ``text``, why as ``more``, the playbook's key as a number."""
    return _playbooks(query, "r.started_at", "NULL", "'started'", "r.why")


def playbooks_ended(query: TimelineQuery) -> Sql:
    """Playbooks that are over, and how, which ``kind`` says; ``more`` is why."""
    return _playbooks(query, "r.ended_at", named("r.ended_by"), "r.state", "r.ended_why")


def _playbooks(query: TimelineQuery, moment: str, who: str, kind: str, why: str) -> Sql:
    table = f"""{table_of(PlaybookRun)} r JOIN {table_of(Playbook)} p ON p.id = r.playbook_id
        LEFT JOIN {_USERS} u ON u.username = r.ended_by"""
    where: Sql = (
        f"r.customer_id = %s AND r.state <> %s AND {moment} IS NOT NULL",
        [query.customer.pk, PlaybookRun.State.PASSED.value],
    )
    columns = {"who": who, "kind": kind, "text": "p.name", "more": why}
    return by_people(query, "playbook", table, moment, where, ["p.id"], **columns)

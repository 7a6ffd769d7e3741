"""The alerts among what the timeline tells: raised, ended, and what people did with them."""

from typing import Any

from django.contrib.auth import get_user_model

from analytics.customer_page.timeline_sql import Question, local_day, named, select, up_to
from analytics.models import Alert
from customers.audit.trail import name_of
from customers.core.sql import is_postgres, table_of
from customers.models.audit import AuditEntry


def alerts_raised(question: Question) -> tuple[str, list[Any]]:
    """Alerts on the scored dates that raised them."""
    return _alerts(question, "opened_on", "'raised'", "text")


def alerts_over(question: Question) -> tuple[str, list[Any]]:
    """Alerts on the scored dates that ended them: why, as ``text``."""
    return _alerts(question, "closed_on", "'over'", "ending_text")


def alerts_acknowledged(question: Question) -> tuple[str, list[Any]]:
    """Alerts that somebody acknowledged; what was taken back is none."""
    cut, moment = up_to("a.acknowledged_at", question)
    day, zone = local_day("a.acknowledged_at")
    columns = select(
        day=day,
        place="13",
        sort="a.id",
        ident="''",
        source="'alert'",
        moment="a.acknowledged_at",
        who=named("a.acknowledged_by"),
        kind="'acknowledged'",
        text="a.text",
    )
    sql = f"""
        SELECT {columns} FROM {table_of(Alert)} a
        LEFT JOIN {table_of(get_user_model())} u ON u.username = a.acknowledged_by
        WHERE a.customer_id = %s AND a.acknowledged_at IS NOT NULL AND {cut}"""
    return sql, [*zone, question.customer.pk, *moment]


def alert_acts(question: Question) -> tuple[str, list[Any]]:
    """What people noted on alerts, and that they put them off or no longer do, as the audit has it with its moment.

    ``kind`` says which; ``more`` is the note (NULL: taken away) or the day until which it is put off.
    """
    cut, moment = up_to("e.at", question)
    day, zone = local_day("e.at")
    until, note = (name_of(Alert._meta.get_field(name)) for name in ("snoozed_until", "note"))
    has_until, has_note, off, text = _has(until), _has(note), _after(until), _after(note)
    columns = select(
        day=day,
        place="13",
        sort="e.id",
        ident="''",
        source="'alert'",
        moment="e.at",
        who=named("e.actor"),
        kind=f"CASE WHEN {has_note} THEN 'noted' WHEN {off} IS NULL THEN 'awake' ELSE 'put_off' END",
        text="e.subject",
        more=f"CASE WHEN {has_note} THEN {text} ELSE {off} END",
    )
    sql = f"""
        SELECT {columns} FROM {table_of(AuditEntry)} e
        LEFT JOIN {table_of(get_user_model())} u ON u.username = e.actor
        WHERE e.customer = %s AND e.model = %s AND e.action = %s AND ({has_until} OR {has_note}) AND {cut}"""
    return sql, [*zone, question.customer.pk, Alert._meta.label_lower, AuditEntry.Action.CHANGE, *moment]


def _has(name: str) -> str:
    """SQL: whether an entry of the audit ``e`` says that a field has changed."""
    return (
        f"e.changes -> '{name}' IS NOT NULL" if is_postgres() else f"json_type(e.changes, '$.\"{name}\"') IS NOT NULL"
    )


def _after(name: str) -> str:
    """SQL: the text that the field has had since."""
    return f"e.changes -> '{name}' ->> 1" if is_postgres() else f"json_extract(e.changes, '$.\"{name}\"[1]')"


def _alerts(question: Question, when: str, kind: str, text: str) -> tuple[str, list[Any]]:
    columns = select(day=when, place="12", sort="id", ident=kind, source="'alert'", kind=kind, text=text)
    sql = f"SELECT {columns} FROM {table_of(Alert)} WHERE customer_id = %s AND {when} <= %s"
    return sql, [question.customer.pk, question.day]

"""The alerts among what the timeline tells: raised, ended, and what people did with them.

``text`` is what they say in English, and ``more`` what that is made of, as JSON.
"""

from django.contrib.auth.models import User

from analytics.customer_page.timeline_sql import Sql, TimelineQuery, by_people, named, select, separator
from analytics.models import Alert
from customers.audit.trail import field_label, field_of
from customers.core.sql import is_postgres, table_of
from customers.models import AuditEntry


def alerts_raised(query: TimelineQuery) -> Sql:
    """Return the alerts on the scored dates that raised them."""
    return _alerts(query, "opened_on", "'raised'", "text", "said")


def alerts_closed(query: TimelineQuery) -> Sql:
    """Return the alerts on the scored dates that closed them: why, as ``text``."""
    return _alerts(query, "closed_on", "'over'", "ending_text", "ending_said")


def alerts_acknowledged(query: TimelineQuery) -> Sql:
    """Return the alerts that are acknowledged; one that was unacknowledged is not."""
    table = f"{table_of(Alert)} r LEFT JOIN {table_of(User)} u ON u.username = r.acknowledged_by"
    where: Sql = ("r.customer_id = %s AND r.acknowledged_at IS NOT NULL", [query.customer.pk])
    columns = {
        "who": named("r.acknowledged_by"),
        "kind": "'acknowledged'",
        "text": "r.text",
        "more": _text_of("r.said"),
    }
    return by_people(query, "alert", table, "r.acknowledged_at", where, **columns)


def alert_acts(query: TimelineQuery) -> Sql:
    """Select from the audit who noted something on an alert, put it off, or woke it, and when.

    ``kind`` says which; behind ``SEPARATOR`` of ``more`` is the note ('': taken away), or the day until which it is
    snoozed. What an alert said that has grown worse since is known in English alone.
    """
    until, note = (field_label(field_of(Alert, name)) for name in ("snoozed_until", "note"))
    has_until, has_note, off, text = _has(until), _has(note), _after(until), _after(note)
    table = (
        f"{table_of(AuditEntry)} r LEFT JOIN {table_of(User)} u ON u.username = r.actor "
        f"LEFT JOIN {table_of(Alert)} a "
        f"ON a.customer_id = r.customer AND CAST(a.id AS text) = r.key AND a.text = r.subject"
    )
    where: Sql = (
        f"r.customer = %s AND r.model = %s AND r.action = %s AND ({has_until} OR {has_note})",
        [query.customer.pk, Alert._meta.label_lower, AuditEntry.Action.CHANGE],
    )
    columns = {
        "who": named("r.actor"),
        "kind": f"CASE WHEN {has_note} THEN 'noted' WHEN {off} IS NULL THEN 'awake' ELSE 'put_off' END",
        "text": "r.subject",
        "more": f"COALESCE({_text_of('a.said')}, '') || {separator()} "
        f"|| COALESCE(CASE WHEN {has_note} THEN {text} ELSE {off} END, '')",
    }
    return by_people(query, "alert", table, "r.at", where, **columns)


def _has(name: str) -> str:
    """SQL: whether an entry of the audit ``r`` says that a field has changed."""
    return (
        f"r.changes -> '{name}' IS NOT NULL" if is_postgres() else f"json_type(r.changes, '$.\"{name}\"') IS NOT NULL"
    )


def _after(name: str) -> str:
    """SQL: the text that the field has had since."""
    return f"r.changes -> '{name}' ->> 1" if is_postgres() else f"json_extract(r.changes, '$.\"{name}\"[1]')"


def _text_of(column: str) -> str:
    """SQL: a column of JSON as text."""
    return f"CAST({column} AS text)"


def _alerts(query: TimelineQuery, when: str, kind: str, text: str, said: str) -> Sql:
    more = _text_of(said)
    columns = select(day=when, sort="id", ident=kind, source="'alert'", kind=kind, text=text, more=more)
    sql = f"SELECT {columns} FROM {table_of(Alert)} WHERE customer_id = %s AND {when} <= %s"
    return sql, [query.customer.pk, query.day]

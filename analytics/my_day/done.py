"""What was done today about customers: one query for all of them."""

import json
from datetime import date

from django.db.models import Q, TextField, Value
from django.db.models.functions import Cast, Coalesce, Concat
from django.utils.translation import gettext

from analytics.models import Alert, Deferral, Task
from analytics.models.alerts import words_for_reader
from analytics.my_day.facts import (
    Kind,
    WorkFact,
    WorkFacts,
    contacts_since,
    midnight,
    read,
    said_by,
    sent_since,
    source,
)
from customers.models import Note
from customers.text.say import say
from customers.text.written import clock

_MARK = "\x1f"
"""Stands between what an alert's words are made of and its text: JSON has no such character."""


def done_today(which: Q, today: date) -> WorkFacts:
    """Return by customer what was done today: letters, calls, tasks, alerts that were seen, and what was put aside."""
    begin = midnight(today)
    put_aside = Deferral.objects.filter(created_at__gte=begin)
    snoozes, dismissals = put_aside.exclude(until=None), put_aside.filter(until=None)
    taken, closed = Task.objects.filter(created_at__gte=begin), Task.objects.filter(closed_at__gte=begin)
    alerts = Alert.objects.exclude(customer=None).filter(acknowledged_at__gte=begin)
    made_of = Coalesce(Cast("said", TextField()), Value("null"), output_field=TextField())
    told = Concat(made_of, Value(_MARK, TextField()), Cast("text", TextField()))
    return read(
        [
            source(snoozes, which, Kind.SNOOZE, "created_at", day="until", who="created_by"),
            source(dismissals, which, Kind.DISMISSAL, "created_at", who="created_by", more="reason"),
            source(sent_since(begin), which, Kind.CONTACT, "sent_at", who="sent_by"),
            source(contacts_since(begin), which, Kind.CONTACT, "created_at", who="author", more="kind"),
            source(taken, which, Kind.TASK, "created_at", who="created_by", more="what"),
            source(closed, which, Kind.TASK_CLOSED, "closed_at", who="closed_by", more="what"),
            source(alerts, which, Kind.ACKNOWLEDGED, "acknowledged_at", who="acknowledged_by", more=told),
        ]
    )


def deed_in_words(fact: WorkFact) -> str:
    """Return what somebody did, who, and when."""
    return say("{deed}, {who}, {time}", deed=_deed(fact), who=said_by(fact), time=clock(fact.moment))


def _deed(fact: WorkFact) -> str:
    match fact.kind:
        case Kind.SNOOZE if fact.day:
            return say("Snoozed until {day}", day=fact.day)
        case Kind.DISMISSAL:
            return say("Dismissed: {reason}", reason=Deferral.Reason(fact.more).label)
        case Kind.TASK:
            return say("Task created: {task}", task=fact.more)
        case Kind.TASK_CLOSED:
            return say("Task closed: {task}", task=fact.more)
        case Kind.ACKNOWLEDGED:
            made_of, _mark, text = fact.more.partition(_MARK)
            return say("Alert acknowledged: {alert}", alert=words_for_reader(json.loads(made_of), text))
        case _ if fact.more == Note.Kind.CALL:
            return gettext("Called")
        case _ if fact.more == Note.Kind.MEETING:
            return gettext("Met")
    return gettext("Emailed")

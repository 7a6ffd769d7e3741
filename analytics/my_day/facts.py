"""What is open about the customers to act on, and what was done about them: one query for all of them."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum

from django.db.models import CharField, DateField, F, Q, QuerySet, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce, TruncDate
from django.utils import timezone

from analytics.models import Alert, Deferral, Message, Task
from customers.clock import program_day
from customers.core.people import name_of_login
from customers.core.sql import Rows
from customers.models import CustomerCare, Note

CONTACT_DAYS = 7
"""For so many days after it was contacted a customer has time to recover."""
_OWNER = "customer__care__owner"


class Kind(StrEnum):
    """What a fact is about."""

    ALERT = "alert"
    TASK = "task"
    CONTACT = "contact"
    SCHEDULED = "scheduled"
    SNOOZE = "snooze"
    DISMISSAL = "dismissal"
    TASK_CLOSED = "closed"
    ACKNOWLEDGED = "acknowledged"


@dataclass(frozen=True)
class WorkFact:
    """One thing about a customer: since which moment, until which day (or due on it), whose or by whom, and more.

    ``more`` is how a customer was contacted ('' by email), why it was dismissed, or a text.
    """

    kind: Kind
    moment: datetime
    day: date | None
    who: str
    more: str

    @property
    def done_on(self) -> date:
        """The day of the moment."""
        return program_day(self.moment)


WorkFacts = dict[str, list[WorkFact]]
"""By customer."""


def customers_of(owner: int | None) -> Q:
    """Select what is about the customers of an owner; None is nobody's."""
    return Q(**{_OWNER: owner}) if owner is not None else ~Q(customer__in=_owned())


def facts(which: Q, today: date) -> WorkFacts:
    """Return what people did and planned about the customers that ``which`` selects; one query.

    Contacts are those of the last ``CONTACT_DAYS``.
    """
    return read(_of_people(which, today))


def facts_beside_alerts(which: Q, today: date) -> WorkFacts:
    """Return the same with the alerts that wait, neither acknowledged nor snoozed, of these customers; one query.

    A night raises thousands of alerts about customers of whom nothing else is known: those are left out.
    """
    of_people = _of_people(which, today)
    worked_on = (Q(customer__in=rows.values("customer")) for rows in of_people)
    alerts = Alert.objects.waiting(today).filter(Q(*worked_on, _connector=Q.OR))
    return read([*of_people, source(alerts, which, Kind.ALERT, Coalesce("worse_at", "raised_at"))])


def _of_people(which: Q, today: date) -> list[Rows]:
    since = midnight(today - timedelta(days=CONTACT_DAYS - 1))
    scheduled = Message.objects.filter(state=Message.State.SCHEDULED)
    goes_on = TruncDate("send_at", tzinfo=timezone.get_default_timezone())
    deferrals = Deferral.objects.standing()
    snoozes, dismissals = deferrals.exclude(until=None), deferrals.filter(until=None)
    return [
        # First, because the first of a union says what the columns are.
        source(Task.objects.open(), which, Kind.TASK, "created_at", day="due", who="owner__username"),
        source(sent_since(since), which, Kind.CONTACT, "sent_at", who="sent_by"),
        source(scheduled, which, Kind.SCHEDULED, "created_at", day=goes_on, who="sent_by"),
        source(contacts_since(since), which, Kind.CONTACT, "created_at", who="author", more="kind"),
        source(snoozes, which, Kind.SNOOZE, "created_at", day="until", who="created_by"),
        source(dismissals, which, Kind.DISMISSAL, "created_at", who="created_by", more="reason"),
    ]


def read(sources: Sequence[Rows]) -> WorkFacts:
    """Return the facts of all sources by customer; one query."""
    found: WorkFacts = defaultdict(list)
    for kind, customer, moment, day, who, more in sources[0].union(*sources[1:], all=True):
        found[customer].append(WorkFact(Kind(kind), moment, day, who or "", more))
    return found


def midnight(day: date) -> datetime:
    """Return the moment at which a day begins here."""
    return timezone.make_aware(datetime.combine(day, time.min), timezone.get_default_timezone())


def sent_since(moment: datetime) -> QuerySet[Message]:
    """Return the emails that were sent since."""
    return Message.objects.filter(state=Message.State.SENT, sent_at__gte=moment)


def contacts_since(moment: datetime) -> QuerySet[Note]:
    """Return the calls and meetings since."""
    return Note.objects.filter(kind__in=Note.CONTACTS, created_at__gte=moment)


def said_by(fact: WorkFact) -> str:
    """Return who did it; a note has its author's name, all others a login."""
    return fact.who if fact.more in Note.CONTACTS else name_of_login(fact.who)


def _owned() -> Rows:
    return CustomerCare.objects.filter(owner__isnull=False).values("customer")


def source(
    rows: Rows,
    which: Q,
    kind: Kind,
    moment: str | Coalesce,
    *,
    day: str | TruncDate = "",
    who: str = "",
    more: str | Combinable = "",
) -> Rows:
    """Return rows as facts, in the columns that ``read`` reads; the names are those of their fields."""
    nothing = Value("", output_field=CharField())
    columns = {
        "fact": Value(kind.value, output_field=CharField()),
        "at_moment": F(moment) if isinstance(moment, str) else moment,
        "on_day": (F(day) if isinstance(day, str) else day) if day else Value(None, output_field=DateField()),
        "whose": F(who) if who else nothing,
        "details": (F(more) if isinstance(more, str) else more) if more else nothing,
    }
    named: Rows = rows.filter(which).order_by().annotate(**columns)
    return named.values_list("fact", "customer_id", "at_moment", "on_day", "whose", "details")

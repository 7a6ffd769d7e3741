"""What a person is told of a night: the alerts that are new, worse, over or still open."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from analytics.alerts.vanished import LISTED
from analytics.mail.compose import RenderedEmail, customer_address, customer_label, render_email
from analytics.mail.message import address_of
from analytics.models import Alert
from analytics.models.alerts import AlertQuerySet
from analytics.wording import counted, one_line
from customers.core.people import name_of_login
from customers.models import Customer
from customers.text.choices import SpokenChoices
from customers.text.say import say, say_n

MAX_LINES = 25
REMIND_DAYS = 7
_TOLD_WHEN_OVER = [Alert.Ending.RECOVERED, Alert.Ending.WITHDRAWN]


class Sort(SpokenChoices):
    """What is told of an alert, in this order."""

    NEW = "new", _("New")
    WORSE = "worse", _("Got worse")
    RECOVERED = "recovered", _("Recovered")
    STILL_OPEN = "still_open", _("Still open")


@dataclass(frozen=True)
class Line:
    """An alert as a digest tells it; ``link`` is '' without ``SITE_URL``, and for a feed."""

    name: str
    link: str
    text: str
    hint: str


@dataclass(frozen=True)
class Section:
    """Some of the alerts of one sort, and how many there are."""

    sort: Sort
    count: int
    lines: Sequence[Line]

    @property
    def title(self) -> str:
        """What the sort is called."""
        return self.sort.label

    @property
    def more(self) -> int:
        """How many are not listed."""
        return self.count - len(self.lines)


@dataclass(frozen=True)
class LastTold:
    """The digest before: the moment with which alerts' moments are compared, and the day of the mail."""

    moment: datetime
    day: date


@dataclass(frozen=True)
class _Sorts:
    new: AlertQuerySet
    worse: AlertQuerySet
    recovered: AlertQuerySet
    still_open: AlertQuerySet


def compose_digest(
    mine: Q,
    last: LastTold | None,
    as_of: date | None,
    today: date,
    *,
    greeting: str = "",
    person: int | None = None,
) -> RenderedEmail | None:
    """Render the digest of the alerts that ``mine`` selects, since ``last``; None where there is nothing to tell.

    New, worse and recovered ones are something to tell; those that are still open only after a week without a
    digest. Put-off alerts are left out; acknowledged ones are still open or recovered, but neither new nor worse. The
    link leads to the alerts of the ``person``, if it is for one.
    """
    sorts = _sorts(mine, last, today)
    news = [
        _section(Sort.NEW, sorts.new, today),
        _section(Sort.WORSE, sorts.worse, today),
        _section(Sort.RECOVERED, sorts.recovered, today),
    ]
    still_open = _section(Sort.STILL_OPEN, sorts.still_open, today)
    if not any(section.count for section in news):
        quiet = last is not None and (today - last.day).days < REMIND_DAYS
        unseen = sorts.still_open.filter(acknowledged_at=None)
        if quiet or not still_open.count or not unseen.exists():
            return None
    sections = [section for section in (*news, still_open) if section.count]
    context = {
        "greeting": greeting,
        "as_of": as_of,
        "sections": sections,
        "all_alerts": address_of(f"{reverse('analytics:alerts')}{f'?told={person}' if person else ''}"),
        "my_day": address_of(reverse("analytics:my-day")),
        "is_for_one": person is not None,
        "vanished": vanished_since(last),
        "vanished_list": address_of(LISTED),
    }
    return render_email("digest", _subject(sections), context)


def vanished_since(last: LastTold | None) -> int:
    """Count the customers who are newly missing from their feed since the digest before, few or many."""
    return Customer.objects.filter(missing_since__started_at__gt=last.moment).count() if last else 0


def _sorts(mine: Q, last: LastTold | None, today: date) -> _Sorts:
    alerts = Alert.objects.filter(mine)
    not_snoozed = alerts.not_snoozed(today)
    unseen, acknowledged = not_snoozed.filter(acknowledged_at=None), not_snoozed.exclude(acknowledged_at=None)
    if last is None:
        return _Sorts(unseen, alerts.none(), alerts.none(), acknowledged)
    awake_since = Q(snoozed_until__isnull=False, snoozed_until__gt=last.day, snoozed_until__lte=today)
    fresh = Q(raised_at__gt=last.moment) | awake_since
    new = Q(acknowledged_at=None) & fresh
    worse = Q(acknowledged_at=None, worse_at__isnull=False, worse_at__gt=last.moment)
    over = alerts.closed().filter(closed_at__gt=last.moment, raised_at__lte=last.moment, ending__in=_TOLD_WHEN_OVER)
    return _Sorts(
        new=not_snoozed.filter(new),
        worse=not_snoozed.filter(worse).exclude(new),
        recovered=over.exclude(snoozed_until__gt=today),
        still_open=not_snoozed.exclude(new).exclude(worse),
    )


def _section(sort: Sort, alerts: AlertQuerySet, today: date) -> Section:
    lines = alerts.select_related("customer", "rule").worst_first(today)[:MAX_LINES]
    return Section(sort, alerts.count(), [_line(alert, today) for alert in lines])


def _line(alert: Alert, today: date) -> Line:
    name = customer_label(alert.customer.organization) if alert.customer else alert.about
    link = customer_address(alert.customer_id) if alert.customer_id else address_of(LISTED) if alert.run_id else ""
    return Line(name, link, one_line(alert.words, 200), _hint(alert))


def _hint(alert: Alert) -> str:
    """Say when the alert was raised, and what has become of it."""
    raised = alert.opened_on
    if alert.closed_on:
        return one_line(alert.ending_words, 120)
    if alert.acknowledged_at:
        who = one_line(name_of_login(alert.acknowledged_by), 40)
        return say("raised {day}, acknowledged by {who}", day=raised, who=who)
    if alert.snoozed_until:
        return say("raised {day}, was snoozed until {until}", day=raised, until=alert.snoozed_until)
    return say("raised {day}", day=raised)


def _subject(sections: Sequence[Section]) -> str:
    first = sections[0]
    news = [one for one in sections if one.sort != Sort.STILL_OPEN]
    if len(news) == 1 and first.count == 1:
        line = first.lines[0]
        return f"{line.name}: {line.hint if first.sort == Sort.RECOVERED else line.text}"
    if news:
        return ", ".join(map(_number, news))
    return say_n("{number} alert still open", "{number} alerts still open", first.count)


def _number(section: Section) -> str:
    """Say how many there are of something new."""
    if section.sort == Sort.NEW:
        return counted(section.count, "new alert")
    if section.sort == Sort.WORSE:
        return say_n("{number} got worse", "{number} got worse", section.count)
    return say_n("{number} recovered", "{number} recovered", section.count)

"""What moves here when two customers are the same: what staff keep and did, alerts, and the scored dates."""

from collections.abc import Sequence
from datetime import date

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy, gettext_noop

from analytics.alerts import words
from analytics.alerts.changes import closed
from analytics.models import (
    Alert,
    Contact,
    Deferral,
    Forecast,
    ForecastCase,
    Message,
    PlaybookRun,
    PolicyTrial,
    PortfolioDay,
    Snapshot,
    Task,
    WebhookEvent,
)
from analytics.models.alerts import ended_by
from analytics.receivers.joined_playbooks import PLAYBOOKS, go_on, move_playbooks, playbooks_in_the_way
from analytics.urgency.stored import KEPT, keep_newest
from analytics.webhook_events.announce import announce
from customers.clock import program_today
from customers.models import KeyChange
from customers.text.say import Words, say_later, say_n

TASKS, MAILS = gettext_noop("tasks"), gettext_noop("emails")
ALERTS, ENDED = gettext_noop("alerts"), gettext_noop("alerts that end")
CONTACTS = gettext_noop("contacts")
CASES = gettext_noop("forecast cases")
EVENTS = gettext_noop("webhook events")
DATES, AGAIN = gettext_noop("scored dates"), gettext_noop("dates to be scored again")
PUT_ASIDE, REPLACED = gettext_noop("snoozes and dismissals"), gettext_noop("snoozes and dismissals that end")
_OPEN_AGAIN: dict[str, object] = {
    **dict.fromkeys(["closed_on", "closed_at", "ending_said"]),
    **dict.fromkeys(["ending", "ending_text"], ""),
}
_Moved = (
    type[Task]
    | type[Message]
    | type[Alert]
    | type[Deferral]
    | type[Contact]
    | type[ForecastCase]
    | type[PlaybookRun]
    | type[WebhookEvent]
)
_MODELS: dict[str, _Moved] = {
    TASKS: Task,
    MAILS: Message,
    ALERTS: Alert,
    PUT_ASIDE: Deferral,
    CONTACTS: Contact,
    CASES: ForecastCase,
    EVENTS: WebhookEvent,
    PLAYBOOKS: PlaybookRun,
}


def carry_over(pair: KeyChange, **_signal: object) -> dict[str, object]:
    """Move what a customer has to its new key; return the keys of what moved, and what stays, in words.

    Receives ``customers_joined``.
    """
    stays: list[str] = []
    PolicyTrial.objects.all().delete()
    rows = {
        TASKS: _move_tasks(pair, stays),
        MAILS: _move(Message, pair),
        CONTACTS: _move(Contact, pair),
        CASES: _move_cases(pair),
        EVENTS: _move(WebhookEvent, pair),
        **move_playbooks(pair),
        **_move_alerts(pair),
        **_move_deferrals(pair),
        **_move_dates(pair),
    }
    keep_newest(KEPT, [pair.former_id, pair.customer_id])
    return {"rows": rows, "stays": stays}


def put_back(pair: KeyChange, **_signal: object) -> list[Words]:
    """Move it back to the former key; return what could not be put back, in words. Receives ``customers_parted``."""
    rows = pair.carried["rows"]
    left: list[Words] = []
    PolicyTrial.objects.all().delete()
    in_the_way = {
        TASKS: _tasks_in_the_way(pair, rows.get(TASKS, [])),
        ALERTS: _alerts_in_the_way(pair, rows),
        PUT_ASIDE: _deferrals_in_the_way(pair, rows),
        PLAYBOOKS: playbooks_in_the_way(pair, rows.get(PLAYBOOKS, [])),
    }
    for kind, model in _MODELS.items():
        left += _move_back(model, kind, rows.get(kind, []), in_the_way.get(kind, set()), pair)
    go_on(pair, rows)
    # Where another one is open by now, the one that ended stays over.
    ended = Alert.objects.filter(pk__in=rows.get(ENDED, []), customer=pair.former)
    for alert in ended.exclude(Exists(_open_alerts(pair.former_id))):
        Alert.objects.filter(pk=alert.pk).update(**_OPEN_AGAIN)
    if not Deferral.objects.standing().filter(customer=pair.former).exists():
        Deferral.objects.filter(pk__in=rows.get(REPLACED, []), customer=pair.former).update(ended_at=None)
    dates = rows.get(DATES, [])
    theirs = Snapshot.objects.filter(customer=pair.former).values("date")
    ours = Snapshot.objects.filter(customer=pair.customer, date__in=dates).exclude(date__in=theirs)
    moved = list(ours.values_list("pk", flat=True))
    back = list(ours.values_list("date", flat=True))
    Snapshot.objects.filter(pk__in=moved).update(customer=pair.former)
    _move_forecasts(pair.customer_id, pair.former_id, back)
    if len(moved) < len(dates):
        said = {"lost": len(dates) - len(moved), "number": len(dates)}
        left.append(say_later("{lost} of {number} scored dates are no longer there, or were scored again", **said))
    PortfolioDay.objects.filter(date__in=rows.get(AGAIN, [])).update(stale=True)
    keep_newest(KEPT, [pair.former_id, pair.customer_id])
    return left


def _move(model: _Moved, pair: KeyChange, which: Q | None = None) -> list[int]:
    keys = sorted(model._default_manager.filter(which or Q(), customer=pair.former).values_list("pk", flat=True))
    model._default_manager.filter(pk__in=keys).update(customer=pair.customer)
    return keys


def _move_back(model: _Moved, kind: str, keys: Sequence[int], in_the_way: set[int], pair: KeyChange) -> list[Words]:
    there = model._default_manager.filter(pk__in=keys, customer=pair.customer)
    back = set(there.values_list("pk", flat=True)) - in_the_way
    model._default_manager.filter(pk__in=back).update(customer=pair.former)
    if len(keys) == len(back):
        return []
    lost, noun = len(keys) - len(back), gettext_lazy(kind)
    words = say_later("{lost} of {number} {kind} stay, or are no longer there", lost=lost, number=len(keys), kind=noun)
    return [words]


def _alerts_in_the_way(pair: KeyChange, rows: dict[str, list[int]]) -> set[int]:
    """Return the open alerts that the former key has an open one like."""
    there = Alert.objects.filter(pk__in=rows.get(ALERTS, []), customer=pair.customer, closed_on=None)
    return set(there.filter(Exists(_open_alerts(pair.former_id))).values_list("pk", flat=True))


def _open_alerts(customer: str) -> QuerySet[Alert]:
    return Alert.objects.open().filter(rule=OuterRef("rule"), customer=customer)


def _tasks_in_the_way(pair: KeyChange, keys: Sequence[int]) -> set[int]:
    there = Task.objects.filter(pk__in=keys, customer=pair.customer)
    return set(_taken(there, pair.former_id).values_list("pk", flat=True))


def _taken(tasks: QuerySet[Task], customer: str) -> QuerySet[Task]:
    """Return the open tasks that the customer has already: of the same rule, or with the same words and day."""
    same = Task.objects.open().filter(customer=customer)
    by_rule = same.filter(rule=OuterRef("rule"))
    by_words = same.filter(rule=None, what=OuterRef("what"), due=OuterRef("due"))
    return tasks.filter(Exists(by_rule) | Exists(by_words) & Q(rule=None), state=Task.State.OPEN)


def _move_tasks(pair: KeyChange, stays: list[str]) -> list[int]:
    twice = set(_taken(Task.objects.filter(customer=pair.former), pair.customer_id).values_list("pk", flat=True))
    if twice:
        stays.append(
            say_n(
                "{number} open task that {customer} has already",
                "{number} open tasks that {customer} has already",
                len(twice),
                customer=pair.customer_id,
            )
        )
    return _move(Task, pair, ~Q(pk__in=twice))


def _move_alerts(pair: KeyChange) -> dict[str, list[int]]:
    """Move the alerts. An open one that the new key has, too, ends: the former key is no longer scored to end it."""
    twice = Alert.objects.open().filter(Exists(_open_alerts(pair.customer_id)), customer=pair.former)
    ended = sorted(twice.values_list("pk", flat=True))
    now = timezone.now()
    Alert.objects.filter(pk__in=ended).update(
        closed_on=program_today(),
        closed_at=now,
        ending=Alert.Ending.WITHDRAWN,
        **ended_by(words.same_customer_has_it.of(customer=pair.customer_id)),
    )
    announce(closed(ended))
    return {ALERTS: _move(Alert, pair, ~Q(pk__in=ended)), ENDED: ended}


def _move_deferrals(pair: KeyChange) -> dict[str, list[int]]:
    """Move what was snoozed or dismissed. A standing one ends where the new key has one, too, which is the later."""
    standing = Deferral.objects.standing()
    theirs, ours = standing.filter(customer=pair.former), standing.filter(customer=pair.customer)
    replaced = sorted(theirs.values_list("pk", flat=True)) if ours.exists() else []
    Deferral.objects.filter(pk__in=replaced).update(ended_at=timezone.now())
    return {PUT_ASIDE: _move(Deferral, pair), REPLACED: replaced}


def _deferrals_in_the_way(pair: KeyChange, rows: dict[str, list[int]]) -> set[int]:
    """Return the standing one, if the former key has got another one since."""
    there = Deferral.objects.standing().filter(pk__in=rows.get(PUT_ASIDE, []), customer=pair.customer)
    is_in_the_way = Deferral.objects.standing().filter(customer=pair.former).exists()
    return set(there.values_list("pk", flat=True)) if is_in_the_way else set()


def _move_cases(pair: KeyChange) -> list[int]:
    """Move the cases of the months' ends at which the new key has none; the next back-test makes them all anew."""
    ours = ForecastCase.objects.filter(customer=pair.customer, target=OuterRef("target"), date=OuterRef("date"))
    return _move(ForecastCase, pair, ~Q(Exists(ours)))


def _move_dates(pair: KeyChange) -> dict[str, list[str]]:
    """Move the scored dates of the former key alone; dates of both keys become stale, without the former key."""
    ours = Snapshot.objects.filter(customer=pair.customer).values("date")
    theirs = Snapshot.objects.filter(customer=pair.former)
    alone = theirs.exclude(date__in=ours)
    dates = sorted(alone.values_list("date", flat=True))
    both = sorted(theirs.filter(date__in=ours).values_list("date", flat=True))
    theirs.filter(date__in=both).delete()
    theirs.update(customer=pair.customer)
    _move_forecasts(pair.former_id, pair.customer_id, dates)
    PortfolioDay.objects.filter(date__in=both).update(stale=True)
    return {DATES: [day.isoformat() for day in dates], AGAIN: [day.isoformat() for day in both]}


def _move_forecasts(from_key: str, to_key: str, dates: Sequence[date]) -> None:
    """Let the forecasts of dates follow their snapshots, where the other key has none of its own."""
    own = Forecast.objects.filter(customer=to_key).values("date")
    Forecast.objects.filter(customer=from_key, date__in=dates).exclude(date__in=own).update(customer=to_key)

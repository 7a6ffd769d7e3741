"""Deliver what waits: hand events out, claim, send in threads of their own, and record what came of it.

The protocol is that of ``mail.outbox``. A delivery whose process was killed is sent again by the next run, with the
same id: so each event arrives at least once, and a receiver knows by the id what it has had.
"""

import time
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from analytics.mail import outbox
from analytics.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint, WebhookEvent
from analytics.webhooks.bodies import body_of
from analytics.webhooks.endpoints import secrets_of, turn_off
from analytics.webhooks.hand_out import hand_out
from analytics.webhooks.retries import MOST_TRIES, next_try, rest_asked_for
from analytics.webhooks.sender import Answer, Sender
from analytics.webhooks.signing import SecretLost
from analytics.webhooks.workers import Dispatched, Parcel, Workers
from customers.text.say import english, in_english

State = WebhookDelivery.State
BATCH = 50
STUCK_AFTER = timedelta(minutes=2)
"""A batch takes ten seconds, its last request fifteen more: what is claimed for longer is nobody's."""
LATE_AFTER = timedelta(minutes=5)
"""The timer runs each minute; what waits for longer tells that it does not."""
_TURN_SECONDS = 0.2


@dataclass
class DeliveryRun:
    """What a run did: how many deliveries were taken, are to be tried again, and have failed for good."""

    sent: int = 0
    again: int = 0
    failed: int = 0
    turned_off: list[WebhookEndpoint] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Whether there was nothing to do."""
        return not (self.sent or self.again or self.failed or self.turned_off)


def has_work() -> bool:
    """Return whether a run would find anything to do."""
    if WebhookEvent.objects.filter(handed_out=False).exists():
        return True
    now = timezone.now()
    return WebhookDelivery.objects.due(now, now - STUCK_AFTER).filter(endpoint__in=_awake(now)).exists()


def is_late() -> bool:
    """Return whether nothing takes what has waited for some minutes, so that ``deliver`` seems not to run."""
    before = timezone.now() - LATE_AFTER
    if WebhookEvent.objects.filter(handed_out=False, occurred_at__lt=before).exists():
        return True
    if WebhookAttempt.objects.filter(at__gte=before).exists():
        return False
    waiting = WebhookDelivery.objects.filter(state=WebhookDelivery.State.WAITING, due_at__lt=before)
    return waiting.filter(endpoint__in=_awake(before)).exists()


def deliver_events(seconds: float, sender: Callable[[], Sender] = Sender) -> DeliveryRun:
    """Deliver what is due, and begin nothing new after so many seconds."""
    with closing(Workers(sender)) as workers:
        return _Delivering(workers, time.monotonic() + seconds).run()


def _awake(now: datetime) -> QuerySet[WebhookEndpoint]:
    """Return the endpoints that are on, and have not asked us to rest."""
    return WebhookEndpoint.objects.enabled().filter(Q(rests_until=None) | Q(rests_until__lte=now))


class _Delivering:
    """One run."""

    def __init__(self, workers: Workers, until: float) -> None:
        self.done = DeliveryRun()
        self._workers = workers
        self._until = until
        self._claimed: dict[int, WebhookDelivery] = {}

    def run(self) -> DeliveryRun:
        while True:
            is_in_time = time.monotonic() < self._until
            has_begun = is_in_time and self._begin()
            if not has_begun and not self._workers.are_busy:
                return self.done
            self._record(list(self._workers.done(_TURN_SECONDS)))

    def _begin(self) -> bool:
        """Hand out, and give each idle worker its next batch; return whether there was anything."""
        count, now = hand_out(), timezone.now()
        for endpoint in _awake(now):
            if self._workers.may_take(endpoint.pk):
                count += self._give(endpoint, now)
        return count > 0

    def _give(self, endpoint: WebhookEndpoint, now: datetime) -> int:
        due = endpoint.deliveries.due(now, now - STUCK_AFTER).select_related("event")[:BATCH]
        if not (waiting := list(due)):
            return 0
        try:
            with in_english():  # What turns it off is stored.
                secrets = secrets_of(endpoint, now)
        except SecretLost as error:
            self._turn_off(endpoint, english(f"{error}; make a new secret."))
            return 1
        with transaction.atomic():
            # In the order of their keys, or two runs at once might wait for each other.
            ours = [each for each in sorted(waiting, key=lambda each: each.pk) if outbox.claim(each, now)]
        for each in ours:
            each.claimed_at = now
            self._claimed[each.pk] = each
        if ours:
            ours.sort(key=lambda each: (each.due_at, each.pk))
            parcels = [Parcel(each.pk, each.uid, body_of(each)) for each in ours]
            self._workers.take(endpoint.pk, endpoint.url, secrets, parcels)
        return len(ours)

    def _record(self, results: Iterable[Dispatched]) -> None:
        """Record what came of some requests, all in one transaction; nothing of what was erased meanwhile."""
        ours = {result.delivery: (result, self._claimed.pop(result.delivery)) for result in results}
        attempts: list[WebhookAttempt] = []
        with transaction.atomic():
            locked = WebhookDelivery.objects.filter(pk__in=ours).order_by("pk").select_for_update(of=("self",))
            for pk, claimed_at in locked.values_list("pk", "claimed_at"):
                result, delivery = ours[pk]
                if result.answer:
                    attempts.append(attempt_of(delivery, result.at, result.answer))
                # One that another run has taken over since is recorded by that.
                if claimed_at == delivery.claimed_at:
                    self._settle(delivery, result.answer)
            WebhookAttempt.objects.bulk_create(attempts)

    def _settle(self, delivery: WebhookDelivery, answer: Answer | None) -> None:
        if answer is None:
            outbox.release(delivery, State.WAITING)
            return
        tries, now = delivery.tries + 1, timezone.now()
        if answer.is_success:
            outbox.record(delivery, outbox.Outcome(outbox.Result.SENT), tries=tries)
            self.done.sent += 1
            return
        reason = refusal_of(answer)
        rest, again = rest_asked_for(answer.retry_after, now), next_try(tries, now)
        outcome = outbox.Outcome(outbox.Result.REFUSED if answer.status else outbox.Result.UNKNOWN, reason)
        if answer.is_gone or again is None:
            outbox.record(delivery, outcome, tries=tries)
            self.done.failed += 1
            words = (
                english("The receiver answered 410 Gone.")
                if answer.is_gone
                else english(f"{MOST_TRIES} attempts failed: {reason}")
            )
            self._turn_off(delivery.endpoint, words)
            return
        outbox.record(delivery, outcome, state=State.WAITING, tries=tries, due_at=max(again, rest or again))
        self.done.again += 1
        if rest:
            WebhookEndpoint.objects.filter(pk=delivery.endpoint_id).update(rests_until=rest)

    def _turn_off(self, endpoint: WebhookEndpoint, because: str) -> None:
        if turn_off(endpoint, because):
            self.done.turned_off.append(endpoint)


def attempt_of(delivery: WebhookDelivery, at: datetime, answer: Answer) -> WebhookAttempt:
    """Return a request with what came back, for the log; not stored yet."""
    return WebhookAttempt(
        delivery=delivery,
        at=at,
        milliseconds=round(answer.seconds * 1000),
        status=answer.status,
        error=answer.error,
        answer=answer.text,
    )


def refusal_of(answer: Answer) -> str:
    """Say why a delivery was not taken, in a few words."""
    if answer.status is None:
        return answer.error
    if 300 <= answer.status < 400:
        return english(f"The receiver answered {answer.status}, and redirects are not followed.")
    return english(f"The receiver answered {answer.status}.")

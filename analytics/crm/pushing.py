"""A push from its beginning to its end, or to where it is resumed: one at a time for each destination."""

import logging
import time
from contextlib import AbstractContextManager

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext

from analytics.crm.begin import NotPushable, begin_push, begin_undo
from analytics.crm.connect import connect
from analytics.crm.interface import CrmAtWork, CrmUnavailable
from analytics.crm.sending import Sending
from analytics.crm.values import settings_hash
from analytics.models import Destination, Push, PushedCustomer, PushRow
from customers.audit import trail
from customers.core.limits import batches
from customers.jobs.lock import JobLock, job_lock
from customers.text.say import english, in_english, say

logger = logging.getLogger(__name__)

ROUNDS = 3
"""So often what nobody knows of is sent again before the push stops."""


def push_to(
    destination: Destination, started_by: str, *, everything: bool = False, seconds: float | None = None
) -> Push:
    """Push what differs from what was last pushed; first resume what is unfinished, which may be all that is done.

    After so many ``seconds`` no further rows are taken up, and no job there is waited for. Raises ``LockHeld`` while
    another push to it goes on.
    """
    with _lock(destination):
        destination.refresh_from_db()
        if not destination.enabled:
            raise NotPushable(
                say("{destination} is off. An administrator can switch it on.", destination=destination.name)
            )
        deadline = _Deadline(seconds)
        left = destination.pushes.filter(state=Push.State.UNFINISHED).first()
        if left and _carry_on(left, deadline).state == Push.State.UNFINISHED:
            return left
        return _carry_on(begin_push(destination, started_by, everything=everything), deadline)


def undo_push(push: Push, started_by: str, *, seconds: float | None = None) -> Push:
    """Write again what a push has replaced; raises ``NotPushable`` or ``LockHeld``."""
    with _lock(push.destination):
        push.refresh_from_db()
        if push.destination.pushes.filter(state=Push.State.UNFINISHED).exists():
            raise NotPushable(gettext("Another push to this destination is not finished. Resume it first."))
        return _carry_on(begin_undo(push, started_by), _Deadline(seconds))


def resume_push(push: Push, *, seconds: float | None = None) -> Push:
    """Send what has no result yet; raises ``LockHeld`` while somebody does already."""
    with _lock(push.destination):
        push.refresh_from_db()
        return _carry_on(push, _Deadline(seconds)) if push.state == Push.State.UNFINISHED else push


def _lock(destination: Destination) -> AbstractContextManager[JobLock]:
    return job_lock(f"crm-{destination.pk}")


class _Deadline:
    """When a push that somebody waits for takes up no further rows; none where nobody does."""

    def __init__(self, seconds: float | None) -> None:
        self._until = None if seconds is None else time.monotonic() + seconds

    def left(self) -> float | None:
        return None if self._until is None else max(self._until - time.monotonic(), 0)

    def is_over(self) -> bool:
        return self.left() == 0


def _carry_on(push: Push, deadline: _Deadline) -> Push:
    """Send what has no result yet, and note why it stopped where some is left."""
    with in_english():  # What it says is stored.
        if push.settings != settings_hash(push.destination):
            return _abandon(push)
        return _end(push, _send(push, deadline))


def _send(push: Push, deadline: _Deadline) -> str:
    """Send what is left, and return why it stopped; '' where all is done."""
    reason = ""
    try:
        if _open(push):
            crm = connect(push, deadline.left())
            if faults := crm.check():
                raise CrmUnavailable(" ".join(faults))
            for _round in range(ROUNDS):
                Sending(push, crm).run(deadline.is_over)
                if not _open(push) or deadline.is_over():
                    break
            else:
                reason = english("The CRM did not say what became of some customers. Resume the push later.")
    except CrmAtWork as at_work:
        # A page that waited as long as it does asks again.
        reason = "" if deadline.is_over() else str(at_work)
    except CrmUnavailable as unavailable:
        reason = str(unavailable)
        logger.warning("%s stopped: %s", push, reason)
    return reason


def _open(push: Push) -> bool:
    return push.rows.filter(state__in=PushRow.OPEN).exists()


def _end(push: Push, reason: str) -> Push:
    """Note that all have a result, or why not; who was erased on the way is held back."""
    with transaction.atomic():
        push.refresh_from_db()
        push.reason = reason
        if not _open(push):
            push.erased += push.waiting
            push.state, push.finished_at = Push.State.DONE, timezone.now()
        push.save()
        if push.state == Push.State.DONE or reason:
            trail.record(trail.Action.CHANGE, push, detail="\n".join(filter(None, [push.in_words, reason])))
    return push


def _abandon(push: Push) -> Push:
    """Give up a push whose destination was changed meanwhile; of what was on its way nothing is known."""
    with transaction.atomic():
        on_the_way = push.rows.filter(state=PushRow.State.SENDING).values_list("customer", flat=True)
        for some in batches(list(on_the_way)):
            PushedCustomer.objects.filter(destination=push.destination, customer__in=some).update(content_hash="")
        push.state, push.finished_at = Push.State.ABANDONED, timezone.now()
        push.reason = english("The destination was changed before it was finished; the next push sends what was left.")
        push.save()
        trail.record(trail.Action.CHANGE, push, detail=f"{push.in_words}\n{push.reason}")
    return push

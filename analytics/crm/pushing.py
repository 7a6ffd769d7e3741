"""A push from its beginning to its end, or to where it is resumed: one at a time for each destination."""

import logging
import time
from collections.abc import Callable
from contextlib import AbstractContextManager

from django.db import transaction
from django.utils import timezone

from analytics.crm.begin import NotPushable, begin_push, begin_undo
from analytics.crm.connect import connect
from analytics.crm.interface import CrmUnavailable
from analytics.crm.sending import Sending
from analytics.crm.values import settings_hash
from analytics.models import Destination, Push, PushedCustomer, PushRow
from customers.audit import trail
from customers.core.limits import batches
from customers.jobs.lock import JobLock, job_lock

logger = logging.getLogger(__name__)

ROUNDS = 3
"""So often what nobody knows of is sent again before the push stops."""


def push_to(
    destination: Destination, started_by: str, *, everything: bool = False, seconds: float | None = None
) -> Push:
    """Push what differs from what was last pushed; first resume what is unfinished, which may be all that is done.

    After so many ``seconds`` no further rows are taken up. Raises ``LockHeld`` while another push to it goes on.
    """
    with _lock(destination):
        destination.refresh_from_db()
        if not destination.enabled:
            raise NotPushable(f"{destination} is off. An administrator can switch it on.")
        is_over = _deadline(seconds)
        left = destination.pushes.filter(state=Push.State.UNFINISHED).first()
        if left and _carry_on(left, is_over).state == Push.State.UNFINISHED:
            return left
        return _carry_on(begin_push(destination, started_by, everything=everything), is_over)


def undo_push(push: Push, started_by: str, *, seconds: float | None = None) -> Push:
    """Write again what a push has replaced; raises ``NotPushable`` or ``LockHeld``."""
    with _lock(push.destination):
        push.refresh_from_db()
        if push.destination.pushes.filter(state=Push.State.UNFINISHED).exists():
            raise NotPushable("Another push to this destination is not finished. Resume it first.")
        return _carry_on(begin_undo(push, started_by), _deadline(seconds))


def resume_push(push: Push, *, seconds: float | None = None) -> Push:
    """Send what has no result yet; raises ``LockHeld`` while somebody does already."""
    with _lock(push.destination):
        push.refresh_from_db()
        return _carry_on(push, _deadline(seconds)) if push.state == Push.State.UNFINISHED else push


def _lock(destination: Destination) -> AbstractContextManager[JobLock]:
    return job_lock(f"crm-{destination.pk}")


def _deadline(seconds: float | None) -> Callable[[], bool]:
    until = None if seconds is None else time.monotonic() + seconds
    return lambda: until is not None and time.monotonic() >= until


def _carry_on(push: Push, is_over: Callable[[], bool]) -> Push:
    """Send what has no result yet, and note why it stopped where some is left."""
    if push.settings != settings_hash(push.destination):
        return _abandon(push)
    reason = ""
    try:
        if _open(push):
            crm = connect(push)
            if faults := crm.check():
                raise CrmUnavailable(" ".join(faults))
            for _round in range(ROUNDS):
                Sending(push, crm).run(is_over)
                if not _open(push) or is_over():
                    break
            else:
                reason = "The CRM did not say what became of some customers. Resume the push later."
    except CrmUnavailable as unavailable:
        reason = str(unavailable)
        logger.warning("%s stopped: %s", push, reason)
    return _end(push, reason)


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
        push.reason = "The destination was changed before it was finished; the next push sends what was left."
        push.save()
        trail.record(trail.Action.CHANGE, push, detail=f"{push.in_words}\n{push.reason}")
    return push

"""Moments that say what came after what: they keep their order when the machine's clock is put back.

A clock that was ahead for one night leaves moments in the future. What is compared with them would be silent until
then, and pages would not notice a newer state. So each new moment is later than those it will be compared with.
"""

from datetime import datetime, timedelta

from django.db.models import Max
from django.utils import timezone

from analytics.models import Alert, Digest, PortfolioDay

_TICK = timedelta(microseconds=1)


def alert_moment() -> datetime:
    """Now, or just after the newest moment of any alert or digest where that is later."""
    alerts = Alert.objects.order_by().aggregate(Max("raised_at"), Max("worse_at"), Max("closed_at"))
    digests = Digest.objects.order_by().aggregate(Max("claimed_at"))
    return _after(*alerts.values(), *digests.values())


def scoring_moment() -> datetime:
    """Now, or just after the newest scoring where that is later."""
    return _after(*PortfolioDay.objects.order_by().aggregate(Max("scored_at")).values())


def _after(*stored: datetime | None) -> datetime:
    return max([timezone.now(), *(moment + _TICK for moment in stored if moment)])

"""The portfolio of a week for the managers: the six figures, the statuses, and who became at risk or recovered."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from analytics.mail.compose import RenderedEmail, customer_address, customer_label, render_email
from analytics.mail.message import address_of
from analytics.models import PortfolioDay, Snapshot, SnapshotQuerySet
from analytics.portfolio.comparison import comparison_day
from analytics.portfolio.figures import health_distribution, stale_days
from analytics.portfolio.kpis import Kpi, kpis
from analytics.portfolio.movers import Crossing, crossed
from analytics.wording import DASH, known_of, signed
from customers.text.say import say_n
from customers.text.written import number, percentage

MAX_NAMES = 20
NO_CHANGE = _("no change")


@dataclass(frozen=True)
class WeeklyLine:
    """A figure with its change over the week, both in words; a dash for what does not exist."""

    label: str
    value: str
    change: str


@dataclass(frozen=True)
class Named:
    """A customer who is named: what it is called, its key, and its page's address for mails ('' without one)."""

    name: str
    key: str
    link: str


@dataclass(frozen=True)
class Movers:
    """Customers who crossed the line in the week: some of them by name, and how many there are."""

    crossing: Crossing
    count: int
    names: Sequence[Named]

    @property
    def title(self) -> str:
        """What they did, in words."""
        return self.crossing.label

    @property
    def more(self) -> int:
        """How many are not listed."""
        return self.count - len(self.names)


def compose_weekly(portfolio: PortfolioDay, *, greeting: str = "") -> RenderedEmail:
    """Render the summary of a scored date beside the one that it is compared with over a week."""
    before = comparison_day(portfolio.date)
    context = {
        "greeting": greeting,
        "day": portfolio.date,
        "before": before.date if before else None,
        "days_old": stale_days(portfolio.date),
        "figures": figures(portfolio, before),
        "statuses": statuses(portfolio, before),
        "movers": movers(portfolio, before) if before else [],
        "dashboard": address_of(reverse("admin:index")),
    }
    return render_email("weekly", _subject(portfolio), context)


def _subject(portfolio: PortfolioDay) -> str:
    return say_n(
        "Your week to {day}: {number} customer at risk",
        "Your week to {day}: {number} customers at risk",
        portfolio.at_risk,
        day=portfolio.date,
    )


def figures(portfolio: PortfolioDay, before: PortfolioDay | None) -> list[WeeklyLine]:
    """Return the key figures, with their changes since ``before``."""
    now, then = kpis(portfolio), kpis(before) if before else []
    changes = {kpi.key: _change(kpi, earlier) for kpi, earlier in zip(now, then, strict=False)}
    known = known_of(portfolio.days_known, portfolio.onboarded)
    notes = {"avg_time_to_value": f" ({known})" if known else ""}
    return [WeeklyLine(kpi.label, f"{kpi.text}{notes.get(kpi.key, '')}", changes.get(kpi.key, DASH)) for kpi in now]


def _change(kpi: Kpi, earlier: Kpi) -> str:
    difference = kpi.difference(earlier)
    if difference is None:
        return DASH
    return kpi.change(difference, "point") if difference else str(NO_CHANGE)


def statuses(portfolio: PortfolioDay, before: PortfolioDay | None) -> list[WeeklyLine]:
    """Count the customers of each status, with the changes since ``before``."""
    return [
        WeeklyLine(
            share.label,
            number(share.count) + ("" if share.percent is None else f" ({percentage(share.percent)})"),
            _more(share.count - getattr(before, share.key)) if before else DASH,
        )
        for share in health_distribution(portfolio)
    ]


def _more(customers: int) -> str:
    return signed(customers) if customers else str(NO_CHANGE)


def movers(portfolio: PortfolioDay, before: PortfolioDay) -> list[Movers]:
    """List who became at risk since ``before``, who recovered from it, and who vanished, if any."""
    now = Snapshot.objects.on(portfolio.date)
    found = [_movers(one, crossed(now, before.date, one)) for one in Crossing]
    return [one for one in found if one.count or one.crossing != Crossing.MISSING]


def _movers(crossing: Crossing, snapshots: SnapshotQuerySet) -> Movers:
    some = snapshots.select_related("customer").order_by("score", "customer_id")[:MAX_NAMES]
    names = [
        Named(customer_label(one.customer.organization), one.customer_id, customer_address(one.customer_id))
        for one in some
    ]
    return Movers(crossing, snapshots.count(), names)

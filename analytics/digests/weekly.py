"""The portfolio of a week for the managers: the six figures, the statuses, and who became at risk or recovered."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time

from django.db.models import Exists, OuterRef, QuerySet
from django.urls import reverse
from django.utils import timezone

from analytics.digests.digest import Composed, customer_address, customer_name, rendered
from analytics.mail.message import address_of
from analytics.models import HealthStatus, PortfolioDay, Snapshot
from analytics.portfolio import figures as dashboard
from analytics.portfolio.days import week_before

MOST_NAMES = 20
_LABELS = {
    "total_customers": "Total customers",
    "active_today": "Active today",
    "at_risk": "At risk",
    "onboarding_rate": "Onboarding rate",
    "success_rate": "Success rate",
    "avg_time_to_value": "Avg time to value",
}
_RATES = {"onboarding_rate", "success_rate"}
_WELL = [HealthStatus.NEEDS_ATTENTION, HealthStatus.HEALTHY, HealthStatus.CHAMPION]


@dataclass(frozen=True)
class Figure:
    """A figure with its change over the week, both in words; a dash for what does not exist."""

    label: str
    value: str
    change: str


@dataclass(frozen=True)
class Movers:
    """Customers who crossed the line in the week: some of their names with links, and how many there are."""

    title: str
    count: int
    names: Sequence[tuple[str, str]]

    @property
    def more(self) -> int:
        """How many are not listed."""
        return self.count - len(self.names)


def compose_weekly(portfolio: PortfolioDay, *, greeting: str = "") -> Composed:
    """The summary of a scored date beside the one that it is compared with over a week."""
    before = week_before(portfolio.date)
    age = dashboard.days_old(portfolio.date)
    context = {
        "greeting": greeting,
        "day": portfolio.date,
        "before": before.date if before else None,
        "days_old": age if age > dashboard.FRESH_DAYS else None,
        "figures": figures(portfolio, before),
        "statuses": statuses(portfolio, before),
        "movers": movers(portfolio, before) if before else [],
        "dashboard": address_of(reverse("admin:index")),
    }
    return rendered("weekly", f"The week to {portfolio.date:%-d %b %Y}: {portfolio.at_risk} at risk", context)


def figures(portfolio: PortfolioDay, before: PortfolioDay | None) -> list[Figure]:
    """The six figures, with their changes since ``before``."""
    now = dashboard.summary(portfolio).as_dict()
    then = dashboard.summary(before).as_dict() if before else {}
    found = []
    for name, title in _LABELS.items():
        value, earlier = now[name], then.get(name)
        if name == "avg_time_to_value":
            known = dashboard.known_of(portfolio.days_known, portfolio.onboarded)
            found.append(Figure(title, f"{value or '–'}{known and f' ({known})'}", _days(value, earlier)))
        else:
            unit = "%" if name in _RATES else ""
            change = "–" if value is None or earlier is None else _signed(value - earlier, unit and " points")
            found.append(Figure(title, "–" if value is None else f"{value:,}{unit}", change))
    return found


def statuses(portfolio: PortfolioDay, before: PortfolioDay | None) -> list[Figure]:
    """How many customers have which status, with the changes since ``before``."""
    shares = dashboard.health_distribution(portfolio)
    return [
        Figure(
            share.label,
            f"{share.count:,}" + ("" if share.percent is None else f" ({share.percent}%)"),
            _signed(share.count - getattr(before, share.key)) if before else "–",
        )
        for share in shares
    ]


def movers(portfolio: PortfolioDay, before: PortfolioDay) -> list[Movers]:
    """Who became at risk since ``before``, who was at risk then and does better now, and who vanished, if any."""
    then = Snapshot.objects.filter(customer=OuterRef("customer"), date=before.date, status=HealthStatus.AT_RISK)
    now = Snapshot.objects.filter(date=portfolio.date)
    since = timezone.make_aware(datetime.combine(before.date, time.max))
    gone = _movers("Missing from customers.csv since then", now.filter(customer__missing_since__started_at__gt=since))
    return [
        _movers("Became at risk", now.filter(~Exists(then), status=HealthStatus.AT_RISK)),
        _movers("Recovered", now.filter(Exists(then), status__in=_WELL)),
        *([gone] if gone.count else []),
    ]


def _movers(title: str, snapshots: QuerySet[Snapshot]) -> Movers:
    some = snapshots.select_related("customer").order_by("score", "customer_id")[:MOST_NAMES]
    names = [(customer_name(one.customer.organization), customer_address(one.customer_id)) for one in some]
    return Movers(title, snapshots.count(), names)


def _signed(number: int, unit: str = "") -> str:
    return f"{number:+,}{unit}" if number else "no change"


def _days(value: str | None, earlier: str | None) -> str:
    if value is None or earlier is None:
        return "–"
    tenths = round(10 * float(value[:-1])) - round(10 * float(earlier[:-1]))
    return f"{tenths / 10:+.1f}d" if tenths else "no change"

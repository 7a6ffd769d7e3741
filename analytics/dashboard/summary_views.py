"""The program on one screen of a phone: six figures, what changed in a week, and the customers who need most."""

from datetime import date

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext

from analytics.digests.weekly import Movers, movers
from analytics.models import PortfolioDay
from analytics.my_day.most_urgent import most_urgent
from analytics.my_day.worklist import LISTED_BY_HEALTH
from analytics.page_cache import page_cache
from analytics.page_cache.version import DataVersion
from analytics.pages.as_of import as_of
from analytics.pages.etag import answers_refresh, page_etag, with_etag
from analytics.pages.user_summary import user_summary
from analytics.portfolio.cards import cards
from analytics.portfolio.comparison import comparison_day
from customers.core.pages import admin_page, admin_response
from customers.models import Customer

MAX_WORST = 3


class MoversKey(page_cache.DataKey):
    """Of who became at risk, recovered or vanished between two scored dates."""

    day: date
    before: date


@admin_page("customers.view_customer")
@answers_refresh
def summary_page(request: HttpRequest) -> HttpResponse:
    """Show the figures, what changed, and the worst by their health, whatever was done about them."""
    tag = page_etag(request)
    shown = as_of(request)
    context: dict[str, object] = {"title": gettext("Summary"), "as_of": shown, "stay_query": shown.query, "tag": tag}
    if shown.portfolio:
        version = user_summary(request).version
        before = comparison_day(shown.portfolio.date)
        context |= {
            "before": before,
            "cards": cards(shown.portfolio, before, is_newest=shown.is_newest),
            "movers": _movers(shown.portfolio, before, version.data) if before else [],
            "listed": LISTED_BY_HEALTH,
            "worst": most_urgent(shown.portfolio, before, None, version).items[:MAX_WORST],
        }
    else:
        context["any_customer"] = Customer.objects.exists()
    return with_etag(admin_response(request, "analytics/dashboard/summary.html", context), tag)


def _movers(portfolio: PortfolioDay, before: PortfolioDay, version: DataVersion) -> list[Movers]:
    key = MoversKey(version=version, day=portfolio.date, before=before.date)
    return page_cache.get_or_set(key, lambda: movers(portfolio, before))

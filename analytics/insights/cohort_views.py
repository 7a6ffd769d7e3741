"""The cohorts page."""

from django.http import HttpRequest, HttpResponse

from analytics.insights.cohorts import WEEKS_SHOWN
from analytics.insights.cohorts import cohort_comparison as read_cohorts
from analytics.models import CohortDay
from analytics.pages.as_of import as_of
from analytics.pages.feeds import known_feed_states
from analytics.pages.user_summary import user_summary
from customers.core.pages import admin_page, admin_response
from customers.models import Customer

_BY = {by.value: by for by in (CohortDay.By.COHORT, CohortDay.By.MONTH)}
_WEEKS = {str(weeks): weeks for weeks in WEEKS_SHOWN}


@admin_page("customers.view_customer")
def cohorts(request: HttpRequest) -> HttpResponse:
    """How cohorts compare, and how many of each stay active; what the address asks in vain is left aside."""
    shown = as_of(request)
    by = _BY.get(request.GET.get("by", ""), CohortDay.By.COHORT)
    weeks = _WEEKS.get(request.GET.get("weeks", ""), WEEKS_SHOWN[0])
    day = shown.portfolio and shown.portfolio.date
    found = read_cohorts(day, by, weeks, request.GET.get("page")) if day else None
    context = {
        "title": "Cohorts",
        "as_of": shown,
        "feeds": known_feed_states(user_summary(request).version.data),
        "by": by,
        "ways": list(_BY.values()),
        "weeks": weeks,
        "most_weeks": list(_WEEKS.values()),
        "cohorts": found,
        "any_customer": found is not None or Customer.objects.exists(),
    }
    return admin_response(request, "analytics/insights/cohorts.html", context)

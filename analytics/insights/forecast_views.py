"""The page that says how often the forecasts were right."""

from django.http import HttpRequest, HttpResponse

from analytics.insights.forecast_accuracy import forecast_accuracy
from analytics.models import HORIZON
from analytics.pages.as_of import as_of
from customers.core.pages import admin_page, admin_response
from customers.models import Customer


@admin_page("customers.view_customer")
def accuracy(request: HttpRequest) -> HttpResponse:
    """How the forecasts are made, and how often they were right by what was known on the page's date."""
    shown = as_of(request)
    context: dict[str, object] = {"title": "Forecast accuracy", "as_of": shown, "horizon": HORIZON}
    if shown.portfolio:
        context["forecasts"] = forecast_accuracy(shown.portfolio.date)
    else:
        context["any_customer"] = Customer.objects.exists()
    return admin_response(request, "analytics/insights/forecast.html", context)

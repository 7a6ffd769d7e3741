"""The pages that say how often the forecasts were right, and of whom."""

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext

from analytics.insights.forecast_accuracy import forecast_accuracy
from analytics.insights.forecast_cases import list_cases, newest_tests
from analytics.insights.forecast_questions import KINDS, QUESTIONS
from analytics.insights.forecast_record import dates_of_record
from analytics.models import HORIZON
from analytics.pages.as_of import as_of
from customers.core.pages import admin_page, admin_response
from customers.models import Customer


@admin_page("customers.view_customer")
def accuracy(request: HttpRequest) -> HttpResponse:
    """How the forecasts are made, and how often they were right by what was known on the page's date."""
    shown = as_of(request)
    context: dict[str, object] = {"title": gettext("Forecast accuracy"), "as_of": shown, "horizon": HORIZON}
    if shown.portfolio:
        context["forecasts"] = forecast_accuracy(shown.portfolio.date)
    else:
        context["any_customer"] = Customer.objects.exists()
    return admin_response(request, "analytics/insights/forecast.html", context)


@admin_page("customers.view_customer")
def cases(request: HttpRequest) -> HttpResponse:
    """The customers whom a figure of the back-test counts: ``?cases=quiet-top-10``."""
    shown = as_of(request)
    asked = request.GET.get("cases", "")
    chosen = asked if asked in KINDS else next(iter(KINDS))
    question, kind = KINDS[chosen]
    tested = newest_tests(shown.portfolio.date).get(question.target) if shown.portfolio else None
    context = {
        "title": gettext("Forecast cases"),
        "as_of": shown,
        "question": question,
        "questions": QUESTIONS,
        "chosen": chosen,
        "tested": tested,
        "horizon": HORIZON,
        "accuracy": f"{reverse('analytics:forecast')}{f'?{shown.query}' if shown.query else ''}",
    }
    if tested and tested.has_cases:
        context["listed"] = list_cases(question, kind, request.GET.get("page"))
    return admin_response(request, "analytics/insights/forecast_cases.html", context)


@admin_page("customers.view_customer")
def record_dates(request: HttpRequest) -> HttpResponse:
    """The dates that a total of the live record sums: ``?forecast=quiet&made=afterwards``, else made on the day."""
    shown = as_of(request)
    questions = {str(one.target): one for one in QUESTIONS}
    question = questions.get(request.GET.get("forecast", ""), QUESTIONS[0])
    backfilled = request.GET.get("made") == "afterwards"
    context: dict[str, object] = {
        "title": gettext("Forecasts and their outcomes"),
        "as_of": shown,
        "question": question,
        "backfilled": backfilled,
        "horizon": HORIZON,
    }
    if shown.portfolio:
        page = request.GET.get("page")
        context["listed"] = dates_of_record(shown.portfolio.date, question.target, page, backfilled=backfilled)
    return admin_response(request, "analytics/insights/forecast_record_dates.html", context)

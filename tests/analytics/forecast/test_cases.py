"""The cases of a back-test: everybody at each month's end, what was forecast, what came true, and what counts them."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from analytics.forecast.load import load_program
from analytics.forecast.publish import is_due, publish_accuracy
from analytics.models import ForecastAccuracy, ForecastCase, ForecastModel, ForecastTarget
from customers.models import Engagement, Note
from tests.factories import make_day, make_run
from tests.support.programs import program, simulated, store

pytestmark = pytest.mark.django_db

FIRST = date(2024, 1, 1)
LAST = FIRST + timedelta(days=299)
ENDS = (
    *(date(2024, 1, 31), date(2024, 2, 29), date(2024, 3, 31), date(2024, 4, 30), date(2024, 5, 31)),
    *(date(2024, 6, 30), date(2024, 7, 31), date(2024, 8, 31)),
)
"""The last day is 26 Oct 2024: the 30 days after the end of September are not over."""
QUIET = ForecastTarget.QUIET


@pytest.fixture
def bursty() -> None:
    """120 customers over 300 days: enough for the model."""
    store(simulated(120, 300, seed=11, first=FIRST.toordinal()), make_run())
    make_day(date=LAST)


def publish() -> ForecastAccuracy:
    """Back-test all that is stored, and return what was found of going quiet."""
    publish_accuracy(load_program(LAST), LAST)
    return ForecastAccuracy.objects.filter(target=QUIET).latest("pk")


def population(day: date) -> dict[str, bool]:
    """Whom the forecast of a day is about, by the definition, and who of them went quiet."""
    days: dict[str, list[date]] = {}
    for customer, active in Engagement.objects.values_list("customer_id", "date"):
        days.setdefault(customer, []).append(active)
    known = {key: sorted(own) for key, own in days.items()}
    return {
        key: not any(day < one <= day + timedelta(days=30) for one in own)
        for key, own in known.items()
        if own[0] <= day - timedelta(days=30) and any(day - timedelta(days=90) < one <= day for one in own)
    }


@pytest.mark.usefixtures("bursty")
def test_everybody_at_each_months_end_with_what_came_true_whether_forecast_or_not() -> None:
    found = publish()
    cases = ForecastCase.objects.of(QUIET)
    for day in ENDS:
        assert dict(cases.on(day).values_list("customer_id", "came_true")) == population(day), day
    assert {*cases.values_list("date", flat=True)} == {*ENDS}
    without = cases.filter(probability=None)
    assert {*without.values_list("date", flat=True)} == {day for day in ENDS if day < found.first}
    assert without.exists()
    assert not without.exclude(rank=None, lead_days=None).exists()


@pytest.mark.usefixtures("bursty")
def test_the_figures_count_the_cases_with_a_forecast() -> None:
    found = publish()
    forecast = ForecastCase.objects.of(QUIET).forecast()
    assert forecast.count() == found.cases
    assert forecast.filter(came_true=True).count() == found.came_true
    assert forecast.values("customer").distinct().count() == found.customers
    for top in found.figures["tops"]:
        called = forecast.filter(rank__lte=top["size"])
        assert (called.count(), called.filter(came_true=True).count()) == (top["called"], top["hits"])
    [worst, *_others] = found.misses
    case = forecast.on(date.fromisoformat(worst["date"])).get(customer=worst["customer"])
    assert ((case.probability + 5) // 10, case.came_true) == (worst["percent"], worst["came_true"])


@pytest.mark.usefixtures("bursty")
def test_the_ranks_of_a_month_go_from_the_most_likely_to_the_fiftieth() -> None:
    found = publish()
    on_day = ForecastCase.objects.of(QUIET).on(found.last).forecast()
    assert on_day.count() > 50
    ranked = list(on_day.exclude(rank=None).order_by("rank").values_list("rank", "probability"))
    assert [rank for rank, _said in ranked] == list(range(1, 51))
    said = [probability for _rank, probability in ranked]
    assert said == sorted(said, reverse=True)
    assert on_day.filter(rank=None).latest("probability").probability <= said[-1]


@pytest.mark.usefixtures("bursty")
def test_each_silence_that_was_called_has_its_lead_on_one_case() -> None:
    found = publish()
    leads = ForecastCase.objects.of(QUIET).exclude(lead_days=None)
    assert leads.count() == found.figures["silences_called"] > 10
    assert not leads.filter(came_true=False).exists()
    ordered = sorted(leads.values_list("lead_days", flat=True))
    middle = [ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2]]
    assert sum(middle) / 2 == found.figures["median_lead"]


@pytest.mark.usefixtures("bursty")
def test_who_was_acted_on_in_the_thirty_days_and_no_sooner_or_later() -> None:
    day = date(2024, 8, 31)
    [one, two, three, *_others] = sorted(population(day))
    for key, moment in ((one, (9, 30)), (two, (8, 31)), (three, (10, 1))):
        note = Note.objects.create(customer_id=key, kind=Note.Kind.CALL, text="Called")
        Note.objects.filter(pk=note.pk).update(created_at=datetime(2024, *moment, 12, tzinfo=UTC))
    found = publish()
    acted = ForecastCase.objects.of(QUIET).filter(acted=True).values_list("customer_id", "date")
    assert {*acted.filter(date=day)} == {(one, day)}
    assert acted.filter(probability__isnull=False).count() == found.figures["acted"]["cases"]


@pytest.mark.usefixtures("bursty")
def test_each_back_test_replaces_them_all_in_as_many_statements() -> None:
    publish()
    before = {*ForecastCase.objects.values_list("pk", flat=True)}
    kept = list(ForecastCase.objects.order_by("customer_id", "target", "date").values("customer_id", "date", "rank"))
    with CaptureQueriesContext(connection) as asked:
        publish()
    again = ForecastCase.objects.order_by("customer_id", "target", "date").values("customer_id", "date", "rank")
    assert list(again) == kept
    assert before.isdisjoint(again.values_list("pk", flat=True))
    assert len(before) > 500
    assert len(asked) < 60


def test_where_too_little_is_known_there_is_the_population_and_no_figure() -> None:
    store(program(*[[LAST.toordinal() - ago for ago in range(0, 200, 3)]] * 12), make_run())
    found = publish()
    assert (found.cases, found.figures) == (0, {})
    counts = Counter(ForecastCase.objects.of(QUIET).values_list("date", "probability", "came_true"))
    # Active from 10 Apr 2024 on: 30 days before the end of May, and ever since.
    assert counts == {(day, None, False): 12 for day in ENDS[4:]}


@pytest.mark.usefixtures("bursty")
def test_a_back_test_that_kept_no_cases_is_made_again() -> None:
    call_command("forecast", "--backtest")
    assert ForecastModel.objects.exists()
    assert not is_due()
    ForecastCase.objects.all().delete()
    assert is_due()

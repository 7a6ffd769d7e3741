"""The newest back-tests, and the customers whom their figures count: the cases of one kind, a page of them."""

from dataclasses import dataclass
from datetime import date

from django.core.paginator import Page, Paginator
from django.db.models import Exists, OuterRef

from analytics.forecast.bands import percent_of
from analytics.insights.forecast_questions import QUESTIONS, CaseKind, Question
from analytics.models import ForecastAccuracy, ForecastCase
from analytics.rounding import half_up
from customers.text.say import Words, say_n

ROWS_PER_PAGE = 50


@dataclass(frozen=True)
class Tested:
    """A back-test; ``has_cases`` says whether its cases are kept, as those of the newest one are."""

    accuracy: ForecastAccuracy
    has_cases: bool


def newest_tests(day: date) -> dict[str, Tested]:
    """Return the newest back-test of each forecast whose outcomes were known on a date; one query."""
    later = ForecastAccuracy.objects.filter(target=OuterRef("target"), pk__gt=OuterRef("pk"))
    cases = ForecastCase.objects.filter(target=OuterRef("target"))
    found = ForecastAccuracy.objects.filter(through__lte=day).order_by("-through", "-pk")
    found = found.annotate(is_newest=~Exists(later), any_case=Exists(cases))
    # Those of both forecasts are stored together.
    return {one.target: Tested(one, one.is_newest and one.any_case) for one in found[: len(QUESTIONS)]}


@dataclass(frozen=True)
class ShownCase:
    """A case as the page shows it; ``rank`` is None where it has none, ``lead`` is ''."""

    customer: str
    name: str
    day: date
    percent: int
    rank: int | None
    happened: Words
    acted: bool
    lead: str


@dataclass(frozen=True)
class CasesPage:
    """The cases of one kind, a page of them."""

    kind: CaseKind
    page: Page[ForecastCase]
    rows: list[ShownCase]


def list_cases(question: Question, kind: CaseKind, page: str | None) -> CasesPage:
    """Return a page of the cases of a kind, the newest month first, and in it the most likely; two queries."""
    cases = ForecastCase.objects.of(question.target).forecast().filter(kind.condition)
    shown = Paginator(cases.select_related("customer"), ROWS_PER_PAGE).get_page(page)
    return CasesPage(kind, shown, [_row(question, case) for case in shown])


def _row(question: Question, case: ForecastCase) -> ShownCase:
    # The cases of a figure have a forecast.
    said = case.probability or 0
    happened = question.came_true if case.came_true else question.stayed
    return ShownCase(
        case.customer_id,
        case.customer.organization,
        case.date,
        percent_of(said),
        case.rank,
        happened,
        case.acted,
        "" if case.lead_days is None else lead_in_words(case.lead_days),
    )


def lead_in_words(days: float) -> str:
    """Say how long before the last quiet day a silence was flagged, such as ``12 days before``."""
    number = whole_days(days)
    if days > 0:
        return say_n("{number} day before", "{number} days before", number)
    return say_n("{number} day after", "{number} days after", number)


def whole_days(days: float) -> int:
    """Return of how many days people are told."""
    return half_up(int(2 * abs(days)), 2)

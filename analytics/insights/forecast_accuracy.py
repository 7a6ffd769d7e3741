"""How often the forecasts were right: the back-test and the live record, as of a scored date."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TypedDict

from analytics.forecast.bands import CAME_TRUE, DEFINITIONS
from analytics.insights.forecast_record import RecordDay, RecordTotal, newest_of_record, totals_of_record
from analytics.models import HORIZON, Figure, ForecastAccuracy, ForecastDay, ForecastTarget
from analytics.rounding import half_up, percent
from analytics.wording import MINUS, counted
from customers.models import Customer


@dataclass(frozen=True)
class Question:
    """A forecast, and in words what is said of those for whom it came true, or did not."""

    target: ForecastTarget
    came_true: str
    stayed: str

    @property
    def about(self) -> str:
        """What is forecast of whom."""
        return DEFINITIONS[self.target]


QUESTIONS = (
    Question(ForecastTarget.QUIET, CAME_TRUE[ForecastTarget.QUIET], "stayed active"),
    Question(ForecastTarget.FIRST_PR, CAME_TRUE[ForecastTarget.FIRST_PR], "got no first PR"),
)
SKILLS = ("skill", "skill_recency")
FIGURES = {
    "auc": (
        "Order (AUC)",
        "How often, of two customers, the one for whom it came true had the higher forecast. 0.50 is a tossed coin, "
        "1.00 is always.",
    ),
    "brier": (
        "Error (Brier score)",
        "The mean squared difference between forecast and outcome. 0.00 is perfect; saying 50% of everybody gives "
        "0.25.",
    ),
    "skill": (
        "Less error than the base rate",
        "By how much the error is below that of saying the same of everybody: the share in the past.",
    ),
    "skill_recency": (
        "Less error than days since last activity",
        "By how much the error is below that of a forecast that knows only how long ago a customer was last active.",
    ),
}
PARTS = {"acted": "Somebody acted", "not_acted": "Nobody acted"}
_VERDICTS = {1: ("better", "healthy"), 0: ("no difference shown", "inactive"), -1: ("worse", "at_risk")}
"""What the interval of a skill says, and how that is coloured."""


@dataclass(frozen=True)
class FigureRow:
    """A figure of the back-test in words; ``verdict`` is '' where none is given."""

    label: str
    definition: str
    value: str
    interval: str
    verdict: str = ""
    tone: str = ""


@dataclass(frozen=True)
class TopRow:
    """How it went with those called riskiest each month; shares in whole percent, None of nobody."""

    size: int
    called: int
    hits: int
    came_true: int

    @property
    def precision(self) -> int | None:
        """Of how many of the called it came true."""
        return percent(self.hits, self.called)

    @property
    def recall(self) -> int | None:
        """How many of those for whom it came true were called."""
        return percent(self.hits, self.came_true)


@dataclass(frozen=True)
class PartRow:
    """Of some cases how many came true, beside how many the forecasts had said."""

    label: str
    cases: int
    expected: int
    came_true: int


class StoredMiss(TypedDict):
    """A miss in JSON."""

    customer: str
    date: str
    percent: int
    came_true: bool


@dataclass(frozen=True)
class Miss:
    """A forecast that was far from what happened."""

    customer: str
    name: str
    day: date
    percent: int
    happened: str


@dataclass(frozen=True)
class TestedForecast:
    """What a back-test found, as the page shows it."""

    figures: Sequence[FigureRow]
    tops: Sequence[TopRow]
    reliability: Sequence[tuple[int, int]]
    """The curve: for a percent that was forecast, in what percent it came true."""
    lead: str
    parts: Sequence[PartRow]
    misses: Sequence[Miss]

    @property
    def curve(self) -> str:
        """The curve as the points of a polyline in a square of 100, whose top is 100 percent."""
        return " ".join(f"{said},{100 - came_true}" for said, came_true in self.reliability)


@dataclass(frozen=True)
class TargetAccuracy:
    """All that the page says about one forecast: the newest that is stored, the back-test, and the live record.

    ``backtest`` is None where nothing was ``tested``, or no month's end had enough to learn from.
    """

    question: Question
    day: ForecastDay | None
    tested: ForecastAccuracy | None
    backtest: TestedForecast | None
    totals: Sequence[RecordTotal]
    newest: Sequence[RecordDay]


def forecast_accuracy(day: date) -> list[TargetAccuracy]:
    """Return how good each forecast was by what was known on a scored date; five queries, whatever there is."""
    # Both forecasts of a date are stored together, and so are both back-tests.
    both = len(QUESTIONS)
    made = ForecastDay.objects.filter(date__lte=day).select_related("model").order_by("-date")[:both]
    tested = ForecastAccuracy.objects.filter(through__lte=day).order_by("-through", "-pk")[:both]
    days, found = {one.target: one for one in made}, {one.target: one for one in tested}
    names = dict(
        Customer.objects.filter(pk__in=[miss["customer"] for one in found.values() for miss in one.misses])
        .order_by()
        .values_list("pk", "organization")
    )
    totals, newest = totals_of_record(day), newest_of_record(day)
    return [
        TargetAccuracy(
            question,
            days.get(question.target),
            found.get(question.target),
            _backtest(question, found.get(question.target), names),
            totals.get(question.target, []),
            newest.get(question.target, []),
        )
        for question in QUESTIONS
    ]


def _backtest(question: Question, found: ForecastAccuracy | None, names: Mapping[str, str]) -> TestedForecast | None:
    if found is None or not found.cases:
        return None
    figures = found.figures
    return TestedForecast(
        figures=[_figure(name, figures[name]) for name in FIGURES if name in figures],
        tops=[TopRow(**top) for top in figures["tops"]],
        reliability=[
            (half_up(int(said * 1_000), 10), half_up(int(share * 1_000), 10)) for said, share in figures["reliability"]
        ],
        lead=_lead(figures["silences_called"], figures["median_lead"]),
        parts=[
            PartRow(
                label,
                figures[part]["cases"],
                half_up(int(figures[part]["expected"] * 10), 10),
                figures[part]["came_true"],
            )
            for part, label in PARTS.items()
        ],
        misses=[_miss(question, miss, names) for miss in found.misses if miss["customer"] in names],
    )


def _figure(name: str, numbers: Mapping[str, float]) -> FigureRow:
    """Return a figure in words: a skill in percent with its verdict, any other with two decimals."""
    label, definition = FIGURES[name]
    figure = Figure(**numbers)
    if name not in SKILLS:
        value, low, high = (f"{one:.2f}" for one in (figure.value, figure.low, figure.high))
        return FigureRow(label, definition, value, f"{low} to {high}")
    value, low, high = (f"{one:.0%}".replace("-", MINUS) for one in (figure.value, figure.low, figure.high))
    verdict, tone = _VERDICTS[figure.verdict]
    return FigureRow(label, definition, value, f"{low} to {high}", verdict, tone)


def _lead(called: int, median: float | None) -> str:
    """Say how early silences were called; '' where none was."""
    if median is None:
        return ""
    days = counted(half_up(int(2 * abs(median)), 2), "day")
    side = "before" if median > 0 else "after"
    return f"Silences called: {called:,}. The median call came {days} {side} the {HORIZON}th quiet day."


def _miss(question: Question, miss: StoredMiss, names: Mapping[str, str]) -> Miss:
    happened = question.came_true if miss["came_true"] else question.stayed
    key = miss["customer"]
    return Miss(key, names[key], date.fromisoformat(miss["date"]), miss["percent"], happened)

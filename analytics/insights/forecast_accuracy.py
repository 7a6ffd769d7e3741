"""How often the forecasts were right: the back-test and the live record, as of a scored date."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TypedDict

from analytics.forecast.bands import VERDICTS
from analytics.insights.forecast_cases import lead_in_words, newest_tests
from analytics.insights.forecast_questions import PARTS, QUESTIONS, Question
from analytics.insights.forecast_record import RecordDay, RecordTotal, newest_of_record, totals_of_record
from analytics.models import Figure, ForecastAccuracy, ForecastDay
from analytics.rounding import half_up, percent
from analytics.wording import MINUS
from customers.models import Customer

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
    """How it went with the most likely of each month, the flagged (``called``); percents are whole, None of nobody."""

    size: int
    called: int
    hits: int
    came_true: int

    @property
    def label(self) -> str:
        """Who they are."""
        return f"The {self.size} most likely"

    @property
    def kind(self) -> str:
        """The cases that were flagged."""
        return f"top-{self.size}"

    @property
    def missed(self) -> int:
        """For how many it came true who were not flagged."""
        return self.came_true - self.hits

    @property
    def precision(self) -> int | None:
        """Of how many of the flagged it came true."""
        return percent(self.hits, self.called)

    @property
    def recall(self) -> int | None:
        """How many of those for whom it came true were flagged."""
        return percent(self.hits, self.came_true)


@dataclass(frozen=True)
class PartRow:
    """Of some cases how many came true, beside how many the forecasts had said."""

    name: str
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
    silences_called: int
    lead: str
    """When the median one was flagged; '' where none was."""
    parts: Sequence[PartRow]
    misses: Sequence[Miss]

    @property
    def curve(self) -> str:
        """The curve as the points of a polyline in a square of 100, whose top is 100 percent."""
        return " ".join(f"{said},{100 - came_true}" for said, came_true in self.reliability)


@dataclass(frozen=True)
class TargetAccuracy:
    """All that the page says about one forecast: the newest that is stored, the back-test, and the live record.

    ``backtest`` is None where nothing was ``tested``, or no month's end had enough to learn from. Its figures lead to
    their customers where it ``has_cases``.
    """

    question: Question
    day: ForecastDay | None
    tested: ForecastAccuracy | None
    has_cases: bool
    backtest: TestedForecast | None
    totals: Sequence[RecordTotal]
    newest: Sequence[RecordDay]


def forecast_accuracy(day: date) -> list[TargetAccuracy]:
    """Return how good each forecast was by what was known on a scored date; five queries, whatever there is."""
    # Both forecasts of a date are stored together.
    both = len(QUESTIONS)
    made = ForecastDay.objects.filter(date__lte=day).select_related("model").order_by("-date")[:both]
    days, tests = {one.target: one for one in made}, newest_tests(day)
    found = {target: test.accuracy for target, test in tests.items()}
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
            question.target in tests and tests[question.target].has_cases,
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
        silences_called=figures["silences_called"],
        lead="" if figures["median_lead"] is None else lead_in_words(figures["median_lead"]),
        parts=[
            PartRow(
                part,
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
    # Without a sign before 0.
    value, low, high = (f"{one:z.0%}".replace("-", MINUS) for one in (figure.value, figure.low, figure.high))
    verdict, tone = VERDICTS[figure.verdict]
    return FigureRow(label, definition, value, f"{low} to {high}", verdict, tone)


def _miss(question: Question, miss: StoredMiss, names: Mapping[str, str]) -> Miss:
    happened = question.came_true if miss["came_true"] else question.stayed
    key = miss["customer"]
    return Miss(key, names[key], date.fromisoformat(miss["date"]), miss["percent"], happened)

"""How often the forecasts were right: the back-test and the live record, as of a scored date."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TypedDict

from django.utils.translation import gettext_lazy as _

from analytics.forecast.bands import VERDICTS
from analytics.insights.forecast_cases import newest_tests, whole_days
from analytics.insights.forecast_questions import PARTS, QUESTIONS, Question
from analytics.insights.forecast_record import RecordDay, RecordTotal, newest_of_record, totals_of_record
from analytics.models import HORIZON, Figure, ForecastAccuracy, ForecastDay, ForecastModel
from analytics.rounding import half_up, percent
from analytics.wording import MINUS, counted
from customers.models import Customer
from customers.text import written
from customers.text.say import Words, say, say_n

SKILLS = ("skill", "skill_recency")
FIGURES: Mapping[str, tuple[Words, Words]] = {
    "auc": (
        _("Order (AUC)"),
        _(
            "How often, of two customers, the one for whom it came true had the higher forecast. 0.50 is a tossed "
            "coin, 1.00 is always."
        ),
    ),
    "brier": (
        _("Error (Brier score)"),
        _(
            "The mean squared difference between forecast and outcome. 0.00 is perfect; saying 50% of everybody gives "
            "0.25."
        ),
    ),
    "skill": (
        _("Less error than the base rate"),
        _("By how much the error is below that of saying the same of everybody: the share in the past."),
    ),
    "skill_recency": (
        _("Less error than days since last activity"),
        _(
            "By how much the error is below that of a forecast that knows only how long ago a customer was last "
            "active."
        ),
    ),
}
METHODS: Mapping[str, Words] = {
    ForecastModel.Method.COUNTS.value: _("counts by days since the last activity"),
    ForecastModel.Method.LOGISTIC.value: _("logistic regression"),
}
"""What each is called within a sentence."""


@dataclass(frozen=True)
class FigureRow:
    """A figure of the back-test in words; ``verdict`` is '' where none is given."""

    label: Words
    definition: Words
    value: str
    interval: str
    verdict: Words = ""
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
        return say("The {size} most likely", size=self.size)

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
    label: Words
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
    happened: Words


@dataclass(frozen=True)
class TestedForecast:
    """What a back-test found, as the page shows it."""

    figures: Sequence[FigureRow]
    tops: Sequence[TopRow]
    reliability: Sequence[tuple[int, int]]
    """The curve: for a percent that was forecast, in what percent it came true."""
    silences_called: int
    median_lead: float | None
    """How many days before the silence the median one was flagged; None where none was."""
    parts: Sequence[PartRow]
    misses: Sequence[Miss]

    @property
    def called_in_words(self) -> str:
        """How many silences were flagged."""
        return say_n("{number} silence flagged", "{number} silences flagged", self.silences_called)

    @property
    def lead(self) -> str:
        """When the median one was flagged; '' where none was."""
        if self.median_lead is None:
            return ""
        days = whole_days(self.median_lead)
        if self.median_lead > 0:
            return say_n(
                "The median was flagged {number} day before the {horizon}th quiet day.",
                "The median was flagged {number} days before the {horizon}th quiet day.",
                days,
                horizon=HORIZON,
            )
        return say_n(
            "The median was flagged {number} day after the {horizon}th quiet day.",
            "The median was flagged {number} days after the {horizon}th quiet day.",
            days,
            horizon=HORIZON,
        )

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

    @property
    def method(self) -> Words:
        """How the newest forecast was made; '' where there is none."""
        return METHODS.get(self.day.model.method, "") if self.day and self.day.model else ""

    @property
    def learnt(self) -> str:
        """For how many of the examples it came true."""
        return self.question.count_of_true(self.day.model.came_true) if self.day and self.day.model else ""

    @property
    def counts(self) -> Mapping[str, str]:
        """What was tested, in words: forecasts, customers, month ends, and for how many it came true."""
        if self.tested is None:
            return {}
        return {
            "forecasts": counted(self.tested.cases, "forecast"),
            "customers": counted(self.tested.customers, "customer"),
            "months": counted(self.tested.months, "month end"),
            "came_true": self.question.count_of_true(self.tested.came_true),
        }


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
        median_lead=figures["median_lead"],
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
        value, low, high = (written.decimals(one, 2) for one in (figure.value, figure.low, figure.high))
        return FigureRow(label, definition, value, say("{low} to {high}", low=low, high=high))
    value, low, high = (_percentage(one) for one in (figure.value, figure.low, figure.high))
    verdict, tone = VERDICTS[figure.verdict]
    return FigureRow(label, definition, value, say("{low} to {high}", low=low, high=high), verdict, tone)


def _percentage(share: float) -> str:
    """Return a whole percent with a true minus sign, and none before 0."""
    number = int(f"{share:z.0%}".removesuffix("%"))
    return f"{MINUS if number < 0 else ''}{written.percentage(abs(number))}"


def _miss(question: Question, miss: StoredMiss, names: Mapping[str, str]) -> Miss:
    happened = question.came_true if miss["came_true"] else question.stayed
    key = miss["customer"]
    return Miss(key, names[key], date.fromisoformat(miss["date"]), miss["percent"], happened)

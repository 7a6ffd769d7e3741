"""The back-test of a draft in words: how far it is, each month end, and what all of them say together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING

from django.utils.functional import lazy
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from analytics.forecast.bands import VERDICTS
from analytics.models import FEWEST_OUTCOMES, HORIZON, PolicyTrial
from analytics.page_cache import page_cache
from analytics.page_cache.version import DataVersion
from analytics.policy_lab.back_test.trials import PolicyBackTest
from analytics.rounding import percent
from analytics.wording import DASH, MINUS, in_a_row
from customers.text import written
from customers.text.say import Words, say, say_later, say_n

if TYPE_CHECKING:
    from analytics.policy_lab.back_test.figures import Compared, Outcomes


@dataclass(frozen=True)
class FigureWords:
    """A figure: its name, what it means, how it is written, and what the draft does that is better or worse by it."""

    label: Words
    definition: Words
    form: str
    better: Words = ""
    worse: Words = ""

    def written(self, value: float, *, signed: bool = False) -> str:
        """Write a value; a percentage without its sign where it is a difference. A dash where there is none."""
        if value != value:
            return DASH
        factor, places = _FORMS[self.form]
        # What binary fractions have behind the ninth place is none of the value's.
        number = round(Decimal(value * factor), 9).quantize(Decimal(places), ROUND_HALF_UP)
        sign = "+" if signed and number > 0 else MINUS if number < 0 else ""
        if self.form == "%" and not signed:
            return f"{sign}{written.percentage(int(abs(number)))}"
        return f"{sign}{written.number(abs(number))}"


_FORMS = {"%": (100, "1"), "days": (1, "1"), "count": (1, "0.1"), "order": (1, "0.01")}
"""By what a value is multiplied, and to what it is rounded, half up."""
_TENTH = lazy(lambda: written.percentage(10), str)()
FIGURES = {
    "precision": FigureWords(
        _("At risk: went quiet"),
        say_later(
            "Of those who were At risk at a month end, how many had no active day in the {horizon} days after. "
            "Inactive customers are not counted as At risk.",
            horizon=HORIZON,
        ),
        "%",
        _("At risk is right more often"),
        _("At risk is right less often"),
    ),
    "recall": FigureWords(
        _("Went quiet: was At risk"),
        _(
            "Of those who went quiet, how many were At risk before. Putting more customers At risk finds more, so "
            "this has no verdict."
        ),
        "%",
    ),
    "lowest_precision": FigureWords(
        say_later("Lowest {share}: went quiet", share=_TENTH),
        _("Of the tenth with the lowest scores of each month end, how many went quiet."),
        "%",
        _("the lowest scores are right more often"),
        _("the lowest scores are right less often"),
    ),
    "lowest_recall": FigureWords(
        say_later("Went quiet: was in the lowest {share}", share=_TENTH),
        _("Of those who went quiet, how many were in the tenth with the lowest scores."),
        "%",
    ),
    "lead": FigureWords(
        say_later("Days before the {horizon}th quiet day", horizon=HORIZON),
        say_later(
            "How long before the {horizon}th quiet day the median of those who were At risk and went quiet was At "
            "risk: from the first of an unbroken row of such month ends.",
            horizon=HORIZON,
        ),
        "days",
    ),
    "flagged": FigureWords(
        _("At risk at a month end"), _("How many customers, on average, are At risk then."), "count"
    ),
    "auc": FigureWords(
        _("Order (AUC)"),
        _(
            "How often, of two customers, the one who went quiet had the lower score. 0.50 is a tossed coin, 1.00 is "
            "always."
        ),
        "order",
        _("the scores put customers in a better order"),
        _("the scores put customers in a worse order"),
    ),
}


@dataclass(frozen=True)
class SideCounts:
    """Of a month end, or of all: how many were At risk, how many of them went quiet, and how many others."""

    flagged: int
    hits: int
    missed: int


@dataclass(frozen=True)
class MonthRow:
    """A month end; ``before`` and ``after`` are None as long as it is not scored."""

    day: date
    customers: int
    quiet: int
    before: SideCounts | None
    after: SideCounts | None


@dataclass(frozen=True)
class ComparedRow:
    """A figure of both sides in words; ``verdict`` is '' where none is given."""

    label: Words
    definition: Words
    before: str
    after: str
    difference: str
    interval: str
    verdict: Words
    tone: str


@dataclass(frozen=True)
class BackTestResult:
    """What all month ends say together: a summary, a verdict in words, and the figures."""

    summary: str
    verdict: str
    tone: str
    is_enough: bool
    figures: Sequence[ComparedRow]


@dataclass(frozen=True)
class BackTestPage:
    """The month ends, the newest first, which one is next, and the result once all are there."""

    months: Sequence[MonthRow]
    next: date | None
    result: BackTestResult | None
    judged_from: date | None

    @property
    def done(self) -> int:
        """How many month ends are scored."""
        return sum(month.after is not None for month in self.months)


class FiguresKey(page_cache.DataKey):
    """Of the figures of a back-test: by both policies, and from which month end on they are counted."""

    key: str
    draft: int
    judged_after: date | None


def back_test_page(asked: PolicyBackTest, version: DataVersion, *, compare: bool = True) -> BackTestPage:
    """Return what is known of a back-test; to ``compare``, the figures too, once all month ends are scored."""
    known = asked.known()
    months = [_month(day, known.get(day)) for day in asked.days]
    following = asked.following(known)
    learnt = asked.draft.learnt_through
    judged = [row for row in months if learnt is None or row.day > learnt]
    result = None
    if compare and judged and following is None:
        key = FiguresKey(version=version, key=asked.key, draft=asked.draft.pk, judged_after=learnt)
        outcomes, figures = page_cache.get_or_set(key, lambda: _figures(asked, learnt))
        result = _result(judged, outcomes, figures)
    return BackTestPage(months, following, result, judged[-1].day if learnt and judged else None)


def _figures(asked: PolicyBackTest, learnt: date | None) -> "tuple[Outcomes, dict[str, Compared]]":
    # numpy and the forecast's accuracy: no other page pays for the import.
    from analytics.policy_lab.back_test.figures import compared_figures

    return compared_figures({day: one for day, one in asked.cases().items() if learnt is None or day > learnt})


def _month(day: date, trial: PolicyTrial | None) -> MonthRow:
    if trial is None:
        return MonthRow(day, 0, 0, None, None)
    counts, quiet = trial.counts, trial.counts["quiet"]
    sides = [
        SideCounts(side["flagged"], side["hits"], quiet - side["hits"]) for side in (counts["before"], counts["after"])
    ]
    return MonthRow(day, counts["customers"], quiet, *sides)


def _result(months: Sequence[MonthRow], outcomes: "Outcomes", figures: "Mapping[str, Compared]") -> BackTestResult:
    enough = outcomes.are_enough
    rows = [_compared_row(FIGURES[name], figure, enough) for name, figure in figures.items()]
    verdict, tone = _verdict(figures) if enough else (_lacking(outcomes), "inactive")
    return BackTestResult(_summary(months), verdict, tone, enough, rows)


def _compared_row(words: FigureWords, figure: "Compared", enough: bool) -> ComparedRow:
    difference = figure.difference
    interval, tone = "", ""
    verdict: Words = ""
    if enough and difference.is_known:
        low, high = (words.written(end, signed=True) for end in (difference.low, difference.high))
        interval = say("{low} to {high}", low=low, high=high)
        verdict, tone = VERDICTS[difference.verdict] if words.better else ("", "")
    return ComparedRow(
        words.label,
        words.definition,
        words.written(figure.before),
        words.written(figure.after),
        words.written(difference.value, signed=True),
        interval or DASH,
        verdict,
        tone,
    )


def _summary(months: Sequence[MonthRow]) -> str:
    """Say in two sentences what the draft would have done over all month ends."""
    before = _total([month.before for month in months])
    after = _total([month.after for month in months])
    quiet = sum(month.quiet for month in months)
    shares = [percent(side.hits, quiet) for side in (after, before)]
    flagged = say_n(
        "At {number} month end the draft would have put customers At risk {after} times, instead of {before}.",
        "At {number} month ends the draft would have put customers At risk {after} times, instead of {before}.",
        len(months),
        after=after.flagged,
        before=before.flagged,
    )
    hits = [written.number(side.hits) for side in (after, before)]
    found, now = (
        number if share is None else f"{number} ({written.percentage(share)})"
        for number, share in zip(hits, shares, strict=True)
    )
    told = say(
        "Of the {quiet} times that a customer then went quiet it would have found {after}, instead of {before}.",
        quiet=quiet,
        after=found,
        before=now,
    )
    return f"{flagged} {told}"


def _total(sides: Sequence[SideCounts | None]) -> SideCounts:
    there = [side for side in sides if side]
    flagged, hits, missed = (sum(getattr(side, name) for side in there) for name in ("flagged", "hits", "missed"))
    return SideCounts(flagged, hits, missed)


def _verdict(figures: "Mapping[str, Compared]") -> tuple[str, str]:
    """Say in what the draft is better or worse, beyond what may be chance, and how that is coloured."""
    told = {name: figure.difference.verdict for name, figure in figures.items() if figure.difference.is_known}
    better = in_a_row([FIGURES[name].better for name, one in told.items() if one > 0 and FIGURES[name].better])
    worse = in_a_row([FIGURES[name].worse for name, one in told.items() if one < 0 and FIGURES[name].worse])
    if better and worse:
        return say("Better and worse: {better}, but {worse}.", better=better, worse=worse), "needs_attention"
    if better:
        return say("Better: {better}.", better=better), "healthy"
    if worse:
        return say("Worse: {worse}.", worse=worse), "at_risk"
    return gettext("No difference shown: it may all be chance."), "inactive"


def _lacking(outcomes: "Outcomes") -> str:
    return say(
        "Too few outcomes for a verdict: {quiet} of {fewest} customers who went quiet, and {stayed} of {fewest} who "
        "did not.",
        quiet=outcomes.went_quiet,
        stayed=outcomes.stayed,
        fewest=FEWEST_OUTCOMES,
    )

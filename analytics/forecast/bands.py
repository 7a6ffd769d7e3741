"""Probabilities in words: whole percents in three bands, the same for every forecast."""

from dataclasses import dataclass

from analytics.models import ForecastTarget


@dataclass(frozen=True)
class Band:
    """A range of whole percents, from ``at_least`` to the next band's."""

    name: str
    label: str
    at_least: int


BANDS = (Band("likely", "Likely", 50), Band("unclear", "Unclear", 20), Band("unlikely", "Unlikely", 0))
"""From the most probable one."""


DEFINITIONS = {
    ForecastTarget.QUIET: (
        "How probable it is that there is no active day in the next 30 days. For customers who were active in the "
        "last 90 days, and for the first time at least 30 days ago."
    ),
    ForecastTarget.FIRST_PR: (
        "How probable it is that the first PR is generated in the next 30 days. For customers who have none yet."
    ),
}
VERDICTS = {1: ("better", "healthy"), 0: ("no difference shown", "inactive"), -1: ("worse", "at_risk")}
"""What ``Figure.verdict`` says of a back-test, and how that is coloured."""
CAME_TRUE = {ForecastTarget.QUIET: "went quiet", ForecastTarget.FIRST_PR: "got a first PR"}
"""What is said of those for whom it did."""
_WHAT = {ForecastTarget.QUIET: "to go quiet", ForecastTarget.FIRST_PR: "to get a first PR"}


def percent_of(thousandths: int) -> int:
    """Return a probability as it is shown: a whole percent, rounded half up."""
    return (thousandths + 5) // 10


def band_of(thousandths: int) -> Band:
    """Return the band of a probability, by the percent that is shown."""
    return next(band for band in BANDS if percent_of(thousandths) >= band.at_least)


def shown_percent(thousandths: int | None) -> int | None:
    """Return a probability as files have it: a whole percent, None where there is no forecast."""
    return None if thousandths is None else percent_of(thousandths)


def thousandths_of(band: Band) -> range:
    """Return the probabilities of a band."""
    above = [one for one in BANDS if one.at_least > band.at_least]
    return range(_least(band), _least(above[-1]) if above else 1_001)


def _least(band: Band) -> int:
    return max(10 * band.at_least - 5, 0)


def band_in_words(target: ForecastTarget, band: Band) -> str:
    """Return what a band says of a customer: ``Likely to go quiet``, ``Unclear``, ``Unlikely to get a first PR``."""
    return band.label if band.name == "unclear" else f"{band.label} {_WHAT[target]}"


LIKELY = thousandths_of(BANDS[0])
"""The probabilities of the band that people are told of without asking."""

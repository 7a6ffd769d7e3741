"""Probabilities in words: whole percents in three bands, the same for every forecast."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _

from analytics.models import ForecastTarget
from customers.text.say import Words


@dataclass(frozen=True)
class Band:
    """A range of whole percents, from ``at_least`` to the next band's."""

    name: str
    label: Words
    at_least: int


BANDS = (Band("likely", _("Likely"), 50), Band("unclear", _("Unclear"), 20), Band("unlikely", _("Unlikely"), 0))
"""From the most probable one."""


DEFINITIONS: Mapping[ForecastTarget, Words] = {
    ForecastTarget.QUIET: _(
        "How probable it is that there is no active day in the next 30 days. For customers who were active in the "
        "last 90 days, and for the first time at least 30 days ago."
    ),
    ForecastTarget.FIRST_PR: _(
        "How probable it is that the first PR is generated in the next 30 days. For customers who have none yet."
    ),
}
VERDICTS: Mapping[int, tuple[Words, str]] = {
    1: (_("better"), "healthy"),
    0: (_("no difference shown"), "inactive"),
    -1: (_("worse"), "at_risk"),
}
"""What ``Figure.verdict`` says of a back-test, and how that is coloured."""
CAME_TRUE: Mapping[ForecastTarget, Words] = {
    ForecastTarget.QUIET: _("went quiet"),
    ForecastTarget.FIRST_PR: _("got a first PR"),
}
"""What is said of those for whom it did."""
_IN_WORDS: Mapping[tuple[ForecastTarget, str], Words] = {
    (ForecastTarget.QUIET, "likely"): _("Likely to go quiet"),
    (ForecastTarget.QUIET, "unlikely"): _("Unlikely to go quiet"),
    (ForecastTarget.FIRST_PR, "likely"): _("Likely to get a first PR"),
    (ForecastTarget.FIRST_PR, "unlikely"): _("Unlikely to get a first PR"),
}


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
    return str(_IN_WORDS.get((target, band.name), band.label))


LIKELY = thousandths_of(BANDS[0])
"""The probabilities of the band that people are told of without asking."""

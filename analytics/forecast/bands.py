"""Probabilities in words: whole percents in three bands, the same for every forecast."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Band:
    """A range of whole percents, from ``at_least`` to the next band's."""

    name: str
    label: str
    at_least: int


BANDS = (Band("likely", "Likely", 50), Band("unclear", "Unclear", 20), Band("unlikely", "Unlikely", 0))
"""From the most probable one."""


def percent_of(thousandths: int) -> int:
    """Return a probability as it is shown: a whole percent, rounded half up."""
    return (thousandths + 5) // 10


def band_of(thousandths: int) -> Band:
    """Return the band of a probability, by the percent that is shown."""
    return next(band for band in BANDS if percent_of(thousandths) >= band.at_least)

"""The cohorts as a CSV: a row for each, with its comparison and its weeks of retention."""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import IO

from analytics.insights.cohorts import CohortRow, RetentionRow, every_cohort
from analytics.models import CohortDay, HealthStatus
from customers.feeds.exports import write_csv
from customers.text.say import english


def write_cohorts(file: IO[bytes], day: date, by: CohortDay.By) -> int:
    """Write every cohort of a scored date, if there is any; returns how many rows were written."""
    found = every_cohort(day, by)
    if not found:
        return 0
    weeks = len(found[-1][1].cells)
    return write_csv(file, _header(by, weeks), (_cells(day, *both) for both in found)).rows


def _header(by: CohortDay.By, weeks: int) -> list[str]:
    return [
        by.label,
        english("Customers"),
        english("Onboarded"),
        english("Onboarded %"),
        english("Median days to value"),
        english("Average days to value"),
        english("Success rate %"),
        english("Average score"),
        *(status.label for status in HealthStatus),
        *(english(f"Week {week}: {what}") for week in range(weeks) for what in ("active", "of")),
        english("As of"),
    ]


def _cells(day: date, row: CohortRow, retention: RetentionRow) -> Sequence[str]:
    figures = (row.size, row.onboarded, row.onboarding_rate)
    return [
        row.label,
        *map(_cell, figures),
        *((days or "").removesuffix("d") for days in (row.median_days, row.mean_days)),
        *map(_cell, (row.success_rate, row.mean_score)),
        *(str(share.count) for share in row.health),
        *_weeks(retention),
        day.isoformat(),
    ]


def _weeks(retention: RetentionRow) -> Iterator[str]:
    """Yield of each week how many were active, of how many; nothing where it has ended for nobody."""
    for cell in retention.cells:
        yield from (str(cell.active), str(cell.size)) if cell else ("", "")


def _cell(figure: int | None) -> str:
    return "" if figure is None else str(figure)

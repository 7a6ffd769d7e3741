"""Members of cohorts, and the cohorts page as it is read."""

from collections.abc import Sequence
from typing import Any

from analytics.insights.cohorts import Cohorts, cohort_comparison
from analytics.models import CohortDay, HealthStatus
from analytics.scoring.cohort_days import CohortCounts, Member
from customers.core.limits import batches
from tests.support.scoring import D, days_before

ALL, COHORT, MONTH = CohortDay.By


def read(by: CohortDay.By = COHORT, weeks: int = 12, page: str | None = None) -> Cohorts:
    """What the page shows of D."""
    found = cohort_comparison(D, by, weeks, page)
    assert found is not None
    return found


def triangle(by: CohortDay.By = COHORT, weeks: int = 12) -> dict[str, list[tuple[int, int] | None]]:
    """The cells of D: how many of how many, by the row's label."""
    return {row.label: [cell and (cell.active, cell.size) for cell in row.cells] for row in read(by, weeks).retention}


def member(**overrides: Any) -> Member:
    """A member who signed up 20 days before D, so that two weeks have ended."""
    values = {
        "cohort": "VIP",
        "signup_date": days_before(20),
        "score": 75,
        "status": HealthStatus.HEALTHY,
        "days": None,
        "generated": 0,
        "merged": 0,
        "weeks": 0,
        **overrides,
    }
    ended = min(((D - values["signup_date"]).days + 1) // 7, 52)
    values["weeks"] &= 2**ended - 1
    return Member(**{"onboarded": values["days"] is not None, "ended": ended, **values})


def cohort_days(members: Sequence[Member]) -> list[CohortDay]:
    """The rows of D of some members, who are counted two at a time."""
    counts = CohortCounts(D)
    for some in batches(members, 2):
        counts.add(some)
    return counts.rows()


def shown(found: Cohorts) -> dict[str, dict[str, Any]]:
    """What the page's rows say, by label, in the words of ``naive``."""

    def number(text: str | None) -> float | None:
        return None if text is None else float(text.removesuffix("d"))

    return {
        row.label: {
            "size": row.size,
            "onboarding_rate": row.onboarding_rate,
            "median": number(row.median_days),
            "mean": number(row.mean_days),
            "mean_score": row.mean_score,
            "health": {share.key: share.count for share in row.health},
            "success_rate": row.success_rate,
            "cells": [(cell.active, cell.size) for cell in cells.cells if cell],
        }
        for row, cells in zip(found.comparison, found.retention, strict=True)
    }

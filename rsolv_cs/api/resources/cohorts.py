"""Cohorts, and how many of each stay active."""

from datetime import date
from typing import Annotated, ClassVar, TypedDict

from django.http import HttpRequest
from drf_spectacular.utils import OpenApiParameter

from analytics.insights.cohorts import CohortRow, RetentionRow, every_cohort
from analytics.models import CohortDay, HealthStatus
from rsolv_cs.api.access import Accesses, reads
from rsolv_cs.api.paging import paging_of
from rsolv_cs.api.reading import AS_OF, PAGING, ReadView, choice_of, scored_date

WAYS = (CohortDay.By.COHORT.value, CohortDay.By.MONTH.value)
BY = OpenApiParameter(
    "by",
    {"type": "string", "enum": list(WAYS), "default": CohortDay.By.COHORT.value},
    description="By the cohort that the CSV says, or by the month of the signup.",
)


class Week(TypedDict):
    """A week after the members' own signups; 0 begins with the signup."""

    week: int
    active: Annotated[int, "Members with an active day in it."]
    of: Annotated[int, "Members for whom it has ended."]


class CohortFacts(TypedDict):
    """A cohort on a scored date."""

    label: str
    query: Annotated[str, "Narrows the customers to the members."]
    size: int
    onboarded: int
    onboarding_rate: Annotated[int | None, "Whole percent."]
    median_time_to_value: Annotated[str | None, "Days with one decimal, such as `3.5d`."]
    mean_time_to_value: Annotated[str | None, "Days with one decimal, such as `3.5d`."]
    success_rate: Annotated[int | None, "Whole percent."]
    mean_score: int
    statuses: Annotated[dict[str, int], f"How many members have each: {', '.join(HealthStatus.values)}."]
    retention: Annotated[list[Week], "Each week that has ended for a member."]


class CohortPage(TypedDict):
    """A page of cohorts; the last row of all is that of all customers."""

    as_of: Annotated[date | None, "The scored date; null where nothing is scored yet."]
    next: Annotated[str | None, "The address of the next page; null on the last one."]
    results: list[CohortFacts]


class CohortsView(ReadView):
    """How cohorts compare on a scored date; the last row is that of all customers."""

    access: Accesses = reads("customers.view_customer")
    operation = "list_cohorts"
    parameters: ClassVar = (AS_OF, BY, *PAGING)
    answers = CohortPage

    def answer(self, request: HttpRequest, **kwargs: object) -> CohortPage:
        """Return a page of cohorts."""
        paging = paging_of(request)
        by = CohortDay.By(choice_of(request, BY.name, WAYS, CohortDay.By.COHORT.value))
        portfolio = scored_date(request).portfolio
        if portfolio is None:
            return {"as_of": None, "next": None, "results": []}
        rows, position = paging.slice(every_cohort(portfolio.date, by))
        following = paging.next_page(position, portfolio.date)
        return {"as_of": portfolio.date, "next": following, "results": [_facts(*both) for both in rows]}


def _facts(row: CohortRow, retention: RetentionRow) -> CohortFacts:
    return {
        "label": row.label,
        "query": row.query,
        "size": row.size,
        "onboarded": row.onboarded,
        "onboarding_rate": row.onboarding_rate,
        "median_time_to_value": row.median_days,
        "mean_time_to_value": row.mean_days,
        "success_rate": row.success_rate,
        "mean_score": row.mean_score,
        "statuses": {share.key: share.count for share in row.health},
        "retention": [{"week": cell.week, "active": cell.active, "of": cell.size} for cell in retention.cells if cell],
    }

"""The portfolio on a scored date, and on each of them."""

from datetime import date, datetime
from typing import Annotated, ClassVar, TypedDict

from django.http import HttpRequest
from rest_framework.exceptions import NotFound

from analytics.models import HealthStatus, PortfolioDay
from analytics.portfolio.figures import Share, health_distribution, onboarding_progress
from analytics.portfolio.kpis import kpis, summary
from customers.models import Step
from rsolv_cs.api.access import Accesses, reads
from rsolv_cs.api.paging import paging_of
from rsolv_cs.api.reading import AS_OF, PAGING, ReadView, scored_date

NOTHING_SCORED = "Nothing is scored yet."


class Summary(TypedDict):
    """The key figures; null where nothing was counted."""

    total_customers: int
    active_today: int
    at_risk: int
    onboarding_rate: Annotated[int | None, "Whole percent."]
    success_rate: Annotated[int | None, "Whole percent."]
    avg_time_to_value: Annotated[str | None, "Days with one decimal, such as `3.5d`."]
    onboarded: int
    onboarding_day_known: Annotated[int, "Of so many of them the time to value is the average."]


class Definition(TypedDict):
    """What a key figure counts, in words."""

    key: str
    label: str
    definition: str


class StepShare(TypedDict):
    """How many customers have done an onboarding step."""

    step: Step
    label: str
    count: int
    percent: int | None


class OnboardingProgress(TypedDict):
    """All done steps as a share of all, and each step."""

    percent: int | None
    steps: list[StepShare]


class StatusShare(TypedDict):
    """How many customers have a health status."""

    status: HealthStatus
    label: str
    count: int
    percent: int | None


class DayCounts(TypedDict):
    """What happened on the date itself."""

    issues_tagged: int
    prs_generated: int
    prs_merged: int
    support_requests: int


class PortfolioFacts(TypedDict):
    """The portfolio on a scored date."""

    date: date
    scored_at: datetime
    backfilled: Annotated[bool, "Scored long after, with the customers' fields of then."]
    stale: Annotated[bool, "What the date was scored from has changed since."]
    policies: Annotated[list[str], "The scoring policies that were in force, that for everybody first."]
    summary: Summary
    onboarding: OnboardingProgress
    distribution: Annotated[list[StatusShare], "From best to worst."]
    activity: DayCounts


class PortfolioAnswer(PortfolioFacts):
    """The portfolio on a scored date, with what the figures count."""

    definitions: list[Definition]


class PortfolioPage(TypedDict):
    """A page of scored dates."""

    as_of: Annotated[date | None, "The scored date up to which they are; null where nothing is scored yet."]
    next: Annotated[str | None, "The address of the next page; null on the last one."]
    results: list[PortfolioFacts]


class PortfolioView(ReadView):
    """Summary, onboarding and health of all customers on a scored date."""

    access: Accesses = reads("customers.view_customer")
    operation = "get_portfolio"
    parameters: ClassVar = (AS_OF,)
    answers = PortfolioAnswer

    def answer(self, request: HttpRequest, **kwargs: object) -> PortfolioAnswer:
        """Return the date's figures."""
        portfolio = scored_date(request).portfolio
        if portfolio is None:
            raise NotFound(NOTHING_SCORED)
        definitions: list[Definition] = [
            {"key": kpi.key, "label": kpi.label, "definition": kpi.definition} for kpi in kpis(portfolio)
        ]
        return {**_facts(portfolio), "definitions": definitions}


class PortfolioDaysView(ReadView):
    """The same for each scored date up to one, the newest first."""

    access: Accesses = reads("customers.view_customer")
    operation = "list_portfolio_days"
    parameters: ClassVar = (AS_OF, *PAGING)
    answers = PortfolioPage

    def answer(self, request: HttpRequest, **kwargs: object) -> PortfolioPage:
        """Return a page of dates."""
        paging = paging_of(request)
        portfolio = scored_date(request).portfolio
        if portfolio is None:
            return {"as_of": None, "next": None, "results": []}
        days = PortfolioDay.objects.filter(date__lte=portfolio.date).order_by("-date")
        found, position = paging.rows(days, PortfolioDay.objects.select_related("policy"))
        following = paging.next_page(position, portfolio.date)
        return {"as_of": portfolio.date, "next": following, "results": [_facts(one) for one in found]}


def _facts(portfolio: PortfolioDay) -> PortfolioFacts:
    progress = onboarding_progress(portfolio)
    return {
        "date": portfolio.date,
        "scored_at": portfolio.scored_at,
        "backfilled": portfolio.backfilled,
        "stale": portfolio.stale,
        "policies": list(portfolio.policies.values()),
        "summary": summary(portfolio),  # type: ignore[typeddict-item]  # its keys are those of the key figures
        "onboarding": {"percent": progress.percent, "steps": [_step(one) for one in progress.steps]},
        "distribution": [_status(one) for one in health_distribution(portfolio)],
        "activity": {
            "issues_tagged": portfolio.day_issues_tagged,
            "prs_generated": portfolio.day_prs_generated,
            "prs_merged": portfolio.day_prs_merged,
            "support_requests": portfolio.day_support_requests,
        },
    }


def _step(one: Share) -> StepShare:
    return {"step": Step(one.key), "label": one.label, "count": one.count, "percent": one.percent}


def _status(one: Share) -> StatusShare:
    return {"status": HealthStatus(one.key), "label": one.label, "count": one.count, "percent": one.percent}

"""Snapshots: of everybody on a scored date, of one customer over time; and the milestones that they tell."""

from datetime import date
from typing import Annotated, ClassVar, TypedDict

from django.http import HttpRequest
from django.shortcuts import get_object_or_404

from analytics.insights.milestones import MilestoneFilter, milestone_list
from analytics.models import Snapshot
from analytics.portfolio.milestones import Milestone
from customers.models import Customer
from rsolv_cs.api.access import Accesses, reads
from rsolv_cs.api.paging import paging_of
from rsolv_cs.api.reading import AS_OF, PAGING, ReadView, check_filters, filter_parameters, scored_date
from rsolv_cs.api.resources.alerts import PAGE
from rsolv_cs.api.resources.customers import LIST_PARAMETERS, listed_snapshots
from rsolv_cs.api.resources.facts import SnapshotFacts, snapshot_facts, with_facts


class Inputs(TypedDict):
    """What the points are calculated from, each of the window that the policy says."""

    active_days: int
    prs_generated: int
    prs_merged: int
    support_requests: int
    csat_sum: int
    csat_count: int
    activity: Annotated[int, "Of the activity trend's newer days."]
    activity_before: Annotated[int, "Of the days before them."]


class SnapshotRow(SnapshotFacts):
    """A snapshot with whose it is, and what its points are calculated from."""

    customer: Annotated[str, "The customer's id."]
    inputs: Inputs


class SnapshotPage(TypedDict):
    """A page of snapshots."""

    as_of: Annotated[date | None, "The scored date; null where nothing is scored yet."]
    next: Annotated[str | None, "The address of the next page; null on the last one."]
    results: list[SnapshotRow]


class SnapshotsView(ReadView):
    """The numbers of all customers on a scored date, by the same filters as the customers."""

    access: Accesses = reads("customers.view_customer")
    operation = "list_snapshots"
    parameters: ClassVar = LIST_PARAMETERS
    answers = SnapshotPage

    def answer(self, request: HttpRequest, **kwargs: object) -> SnapshotPage:
        """Return a page of snapshots."""
        day, following, snapshots = listed_snapshots(request)
        return {"as_of": day, "next": following, "results": [_row(one) for one in snapshots]}


class HistoryView(ReadView):
    """One customer's snapshots up to a scored date, the newest first."""

    access: Accesses = reads("customers.view_customer")
    operation = "list_customer_history"
    parameters: ClassVar = (AS_OF, *PAGING)
    answers = SnapshotPage

    def answer(self, request: HttpRequest, **kwargs: object) -> SnapshotPage:
        """Return a page of snapshots."""
        paging = paging_of(request)
        found = get_object_or_404(Customer.objects.only("pk"), pk=kwargs["pk"])
        portfolio = scored_date(request).portfolio
        if portfolio is None:
            return {"as_of": None, "next": None, "results": []}
        theirs = Snapshot.objects.filter(customer=found, date__lte=portfolio.date).order_by("-date")
        snapshots, position = paging.rows(theirs, with_facts(Snapshot.objects.all()))
        following = paging.next_page(position, portfolio.date)
        return {"as_of": portfolio.date, "next": following, "results": [_row(one) for one in snapshots]}


class MilestoneFacts(TypedDict):
    """A milestone that a customer has reached."""

    milestone: Milestone
    label: str
    customer: Annotated[str, "The customer's id."]
    organization: str
    day: Annotated[date, "The first scored date on which it counts."]


class MilestonePage(TypedDict):
    """A page of milestones."""

    as_of: Annotated[date | None, "The scored date; null where nothing is scored yet."]
    next: Annotated[str | None, "The address of the next page; null on the last one."]
    results: list[MilestoneFacts]


class MilestonesView(ReadView):
    """Who has reached which milestone in the week to a scored date, the newest first."""

    access: Accesses = reads("customers.view_customer")
    operation = "list_milestones"
    parameters: ClassVar = (
        AS_OF,
        *filter_parameters(
            MilestoneFilter,
            q="Words that all occur in the customer's name or id.",
            week="So many weeks before that week.",
            cohort="The cohort, or `none`.",
            owner="The key of the account of the customers' owner, or `none`.",
        ),
        PAGE,
        *PAGING,
    )
    answers = MilestonePage

    def answer(self, request: HttpRequest, **kwargs: object) -> MilestonePage:
        """Return a page of milestones."""
        paging = paging_of(request)
        portfolio = scored_date(request).portfolio
        if portfolio is None:
            return {"as_of": None, "next": None, "results": []}
        listed = milestone_list(request, portfolio.date)
        check_filters(listed.filters)
        reached, position = paging.slice(listed.reached)
        results: list[MilestoneFacts] = [
            {
                "milestone": row.reached.milestone,
                "label": str(row.reached.milestone.label),
                "customer": row.snapshot.customer_id,
                "organization": row.snapshot.customer.organization,
                "day": row.reached.day,
            }
            for row in listed.rows(reached)
        ]
        return {"as_of": portfolio.date, "next": paging.next_page(position, portfolio.date), "results": results}


def _row(snapshot: Snapshot) -> SnapshotRow:
    return {
        "customer": snapshot.customer_id,
        **snapshot_facts(snapshot),
        "inputs": {
            "active_days": snapshot.active_days,
            "prs_generated": snapshot.window_prs_generated,
            "prs_merged": snapshot.window_prs_merged,
            "support_requests": snapshot.window_support_requests,
            "csat_sum": snapshot.csat_sum,
            "csat_count": snapshot.csat_count,
            "activity": snapshot.trend_now,
            "activity_before": snapshot.trend_before,
        },
    }

"""Reports: those that one may see, and the rows of one, as its file has them."""

from datetime import date
from typing import Annotated, ClassVar, TypedDict

from django.http import HttpRequest
from django.shortcuts import get_object_or_404

from analytics.customer_list.export import TableExport
from analytics.models import PortfolioDay, Report
from analytics.reports.saved_views import ReportUnavailable, report_list, scored_day
from customers.clock import program_today
from customers.core.pages import user_of
from customers.workbooks.writer import Cell
from rsolv_cs.api.access import Accesses, reads
from rsolv_cs.api.paging import CURSOR, paging_of
from rsolv_cs.api.reading import AS_OF, PAGING, ReadView, scored_date
from rsolv_cs.api.resources.facts import Person, person
from rsolv_cs.api.writing import Conflict


class ReportFacts(TypedDict):
    """A saved view of the customer table."""

    id: int
    name: str
    owner: Person | None
    shared: bool
    query: Annotated[str, "Its filters, columns and order."]
    as_of: Annotated[Report.AsOf, "Which scored date it is about."]
    schedule: Annotated[str, "When it is mailed; empty where it is not."]


class ReportList(TypedDict):
    """A page of reports."""

    next: Annotated[str | None, "The address of the next page; null on the last one."]
    results: list[ReportFacts]


class Column(TypedDict):
    """A column of a report: its key in the rows, its heading in the file, and the unit of its numbers."""

    name: str
    heading: str
    unit: str


class ReportRows(TypedDict):
    """A page of a report's rows, each with a value (a text, a number, a day, or null) for each of its columns."""

    report: str
    as_of: Annotated[date, "The scored date."]
    columns: list[Column]
    next: Annotated[str | None, "The address of the next page; null on the last one."]
    results: list[dict[str, Cell]]


class ReportsView(ReadView):
    """Your own reports, the shared ones, and those that are mailed to you; the newest first."""

    access: Accesses = reads("analytics.view_report", "customers.view_customer")
    operation = "list_reports"
    parameters: ClassVar = PAGING
    answers = ReportList

    def answer(self, request: HttpRequest, **kwargs: object) -> ReportList:
        """Return a page of reports."""
        paging = paging_of(request)
        theirs = Report.objects.visible_to(user_of(request)).order_by("-pk")
        rows, position = paging.rows(theirs, Report.objects.select_related("owner"))
        return {"next": paging.next_page(position), "results": [_facts(one) for one in rows]}


class ReportRowsView(ReadView):
    """The rows of a report in its order; the audit has an entry of each export that begins."""

    access: Accesses = reads("analytics.view_report", "customers.view_customer", "customers.export_customer")
    operation = "list_report_rows"
    parameters: ClassVar = (AS_OF, *PAGING)
    answers = ReportRows

    def answer(self, request: HttpRequest, **kwargs: object) -> ReportRows:
        """Return a page of rows; raises ``Conflict`` where the report cannot be made."""
        paging, user = paging_of(request), user_of(request)
        report = get_object_or_404(Report.objects.visible_to(user).select_related("owner"), pk=kwargs["pk"])
        try:
            portfolio = self._day(request, report)
            made = TableExport(report_list(report, user, portfolio.date), portfolio, report=report.name)
        except ReportUnavailable as fault:
            raise Conflict(str(fault)) from None
        keys, position = paging.keys(made.list.customers)
        if CURSOR not in request.GET:
            made.export("").record()
        names = [one.name for one in made.columns]
        return {
            "report": report.name,
            "as_of": portfolio.date,
            "columns": [
                {"name": one.name, "heading": heading, "unit": one.unit}
                for one, heading in zip(made.columns, made.header, strict=True)
            ],
            "next": paging.next_page(position, portfolio.date),
            "results": [dict(zip(names, cells, strict=True)) for cells in made.rows_of(keys)],
        }

    @staticmethod
    def _day(request: HttpRequest, report: Report) -> PortfolioDay:
        """Return the date that the address says, or else the report."""
        portfolio = scored_date(request).portfolio if AS_OF.name in request.GET else None
        return portfolio or scored_day(report, program_today())


def _facts(one: Report) -> ReportFacts:
    return {
        "id": one.pk,
        "name": one.name,
        "owner": person(one.owner),
        "shared": one.shared,
        "query": one.query,
        "as_of": Report.AsOf(one.as_of),
        "schedule": one.schedule,
    }

"""The report that the customer table was opened from, and the list that its address asks for."""

from dataclasses import dataclass, replace
from datetime import date

from django import forms
from django.http import HttpRequest

from analytics.customer_list.listing import CustomerList
from analytics.customer_list.own_columns import own_columns
from analytics.models import Report
from analytics.pages.user_summary import user_summary
from analytics.reports.saved_views import OWNERLESS, is_same, may_change, query_of, unknown
from analytics.segments.filters import ME
from customers.core.pages import user_of
from customers.editing.values import value_hash
from customers.text.numbers import number_or_none

QUERY_FIELD = forms.CharField(strip=False)
"""By which two texts of a query are compared."""


@dataclass(frozen=True)
class OpenReport:
    """The report that the table was opened from: whether the view has changed, and what it asks for in vain."""

    report: Report
    query: str
    is_changed: bool
    may_change: bool
    wrong: list[str]

    @property
    def version(self) -> str:
        """What was saved when the page was made, to be known again when the view is saved."""
        return value_hash(QUERY_FIELD, self.report.query)


def opened_report(request: HttpRequest) -> OpenReport | None:
    """Return the report that an address of the table was opened from; None where the user may not see it."""
    key, user = number_or_none(request.GET.get("report")), user_of(request)
    if key is None or not user.has_perm("analytics.view_report"):
        return None
    report = Report.objects.visible_to(user).select_related("owner").filter(pk=key).first()
    if report is None:
        return None
    query = query_of(request.GET, report.owner_id)
    wrong = unknown(request.GET)
    if report.owner is None and ME in request.GET.getlist("owner"):
        wrong.append(str(OWNERLESS))
    changed = not is_same(report.query, request.GET, report.owner_id)
    return OpenReport(report, query, changed, may_change(user, report), wrong)


def requested_list(request: HttpRequest, day: date, report: OpenReport | None) -> CustomerList:
    """Return the list that the table's address asks for; "me" in a report's view is the report's owner.

    A report has columns of its own; they are as wide as the visitor's.
    """
    user = user_of(request)
    own = own_columns(user)
    known = user_summary(request)
    if report:
        columns = replace(own, names=())
        return CustomerList(request.GET, user, day, me=report.report.owner, own=columns, version=known.version)
    return CustomerList(request.GET, user, day, me=user, owns=known.owns, own=own, version=known.version)

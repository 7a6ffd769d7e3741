"""The pages of the reports: the list, save and edit, open, export, delete; every form works without a script."""

from http import HTTPStatus
from typing import IO

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpResponse, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext

from analytics.customer_list.listing import CustomerList
from analytics.models import ExportFormat, PortfolioDay, Report
from analytics.pages.user_summary import user_summary
from analytics.reports.forms import ReportForm
from analytics.reports.open_report import QUERY_FIELD
from analytics.reports.pinned import MAX_PINNED, move, pin, pinned_reports, unpin
from analytics.reports.saved_list import saved_list
from analytics.reports.saved_views import (
    MAX_QUERY_LENGTH,
    ReportUnavailable,
    file_name,
    may_change,
    problems,
    query_of,
    scored_day,
    write_report,
)
from customers.audit import trail
from customers.audit.export import Export, export_response
from customers.clock import program_today
from customers.core.pages import StaffRequest, admin_page, admin_response, next_page, sent_by_form
from customers.editing.conflicts import VERSION, Decision, decide, tell_kept
from customers.editing.edit_admin import gone_page, typed_texts, warn_if_changed
from customers.editing.form_keys import create_once
from customers.editing.last_changes import last_changes
from customers.editing.values import value_hash
from customers.text.say import english, say, say_n


@admin_page("analytics.view_report", "customers.view_customer")
def reports(request: StaffRequest) -> HttpResponse:
    """One's own reports, then those of others that one may see."""
    context = {
        "title": gettext("Reports"),
        "one": "report",
        **saved_list(request, Report.objects.visible_to(request.user)),
        "pinned": {key for key, _name in pinned_reports(request.user, user_summary(request).version)},
        "export_formats": ExportFormat.choices,
    }
    return admin_response(request, "analytics/reports/list.html", context)


@admin_page("analytics.add_report", "customers.view_customer")
@create_once
def save(request: StaffRequest) -> HttpResponse:
    """Save the view of an address under a name."""
    address = QueryDict(request.POST.get("query", "")) if request.method == "POST" else request.GET
    query = query_of(address, request.user.pk)
    report = Report(owner=request.user, query=query)
    newest = PortfolioDay.objects.newest()
    if newest is None:
        messages.error(request, gettext("Nothing is scored yet, so there is no view to save."))
        return redirect("admin:index")
    shown = CustomerList(QueryDict(query), request.user, newest.date, me=request.user)
    wrong = problems(QueryDict(query), shown.filters)
    if len(query) > MAX_QUERY_LENGTH:
        wrong.append(gettext("The view has too many filters to be saved."))
    form = ReportForm(request.POST or None, instance=report, owner=request.user)
    if request.method == "POST" and not wrong and form.is_valid() and (saved := form.store()):
        messages.success(request, say("Saved “{name}”.", name=saved.name))
        if "pinned" in request.POST:
            _pin(request, report)
            return redirect("analytics:report", report.pk)
        return redirect("analytics:reports")
    context = {
        "title": gettext("Save as report"),
        "form": form,
        "query": query,
        "wrong": wrong,
        "filters": shown.chips,
        "sorted_by": shown.order_words,
        "columns": [choice.label for choice in shown.column_choices if choice.shown],
        "back": f"{reverse('admin:index')}?{address.urlencode()}#customers",
    }
    return admin_response(request, "analytics/reports/form.html", context)


@admin_page("analytics.change_report", "customers.view_customer")
def edit(request: StaffRequest, pk: int) -> HttpResponse:
    """Change a report's name, date, schedule and recipients; one that nobody owns becomes the visitor's."""
    if request.method == "POST" and not Report.objects.filter(pk=pk).exists():
        return _gone(request, pk)
    with transaction.atomic():
        report = _changeable(request, pk)
        form = ReportForm(request.POST or None, instance=report, owner=report.owner or request.user)
        saved = form.store() if request.method == "POST" and form.is_valid() else None
    if saved:
        tell_kept(request, form)
        messages.success(request, say("Saved “{name}”.", name=saved.name))
        return redirect("analytics:reports")
    context = {
        "title": gettext("Edit report"),
        "form": form,
        "report": report,
        "adopts": report.owner is None,
        "back": reverse("analytics:reports"),
    }
    status = HTTPStatus.CONFLICT if form.is_bound and form.is_refused else 200
    return admin_response(request, "analytics/reports/form.html", context, status=status)


@admin_page("analytics.change_report", "customers.view_customer")
@sent_by_form(lambda pk: reverse("analytics:report", args=[pk]))
def change_view(request: StaffRequest, pk: int) -> HttpResponse:
    """Give a report the filters, columns and order that the visitor has made of it."""
    with transaction.atomic():
        return _change_view(request, _changeable(request, pk))


def _change_view(request: StaffRequest, report: Report) -> HttpResponse:
    address = QueryDict(request.POST.get("query", ""))
    query = query_of(address, report.owner_id)
    newest = PortfolioDay.objects.newest()
    if newest is None or len(query) > MAX_QUERY_LENGTH:
        wrong = [gettext("The view cannot be saved.")]
    else:
        asked = CustomerList(QueryDict(query), request.user, newest.date, me=report.owner)
        wrong = problems(asked.asked, asked.filters)
    for text in wrong:
        messages.error(request, text)
    if not wrong and not _tell_other_view(request, report, query):
        trail.update_rows(Report.objects.filter(pk=report.pk), query=query)
        messages.success(request, say("“{name}” has these filters, columns and order now.", name=report.name))
    back = address.copy()
    back["report"] = str(report.pk)
    return redirect(f"{reverse('admin:index')}?{back.urlencode()}#customers")


def _tell_other_view(request: StaffRequest, report: Report, query: str) -> bool:
    """Whether somebody else has saved another view since this one was opened; who is said, and nothing is stored."""
    change = last_changes(report).get(trail.field_label(trail.field_of(Report, "query")))
    read, now, mine = request.POST.get(VERSION), *(value_hash(QUERY_FIELD, text) for text in (report.query, query))
    if decide(read, now, mine, changed_since=change is not None and change.is_unknown_to_me) == Decision.MINE:
        return False
    warning = say(
        "{changed}, after you opened it: nothing is saved yet. “Back to what was saved” shows it.",
        changed=str(change or gettext("Somebody changed this")),
    )
    messages.warning(request, warning)
    messages.warning(request, gettext("Yours is below as it was; save it once more to store it instead."))
    return True


@admin_page("analytics.view_report", "customers.view_customer")
@sent_by_form(lambda pk: reverse("analytics:report", args=[pk]))
def pin_as_tab(request: StaffRequest, pk: int) -> HttpResponse:
    """Pin a report as a tab over the visitor's table, move that tab, or take it away."""
    report = _visible(request, pk)
    match request.POST.get("action"):
        case "unpin":
            unpin(request.user, report)
        case "left":
            move(request.user, report, -1)
        case "right":
            move(request.user, report, 1)
        case _:
            _pin(request, report)
    return redirect(next_page(request, reverse("analytics:report", args=[pk])))


def _pin(request: StaffRequest, report: Report) -> None:
    if not pin(request.user, report):
        full = say_n(
            "You have {number} tab, which is the most: unpin one first.",
            "You have {number} tabs, which is the most: unpin one first.",
            MAX_PINNED,
        )
        messages.error(request, full)


@admin_page("analytics.delete_report")
def delete(request: StaffRequest, pk: int) -> HttpResponse:
    """Ask, then delete."""
    report = _visible(request, pk)
    if not may_change(request.user, report, "delete"):
        raise PermissionDenied
    if request.method == "POST":
        with transaction.atomic():
            Report.objects.select_for_update().filter(pk=pk).first()
            report = _visible(request, pk)
            if not warn_if_changed(request, [report]):
                report.delete()
                messages.success(request, say("Deleted “{name}”.", name=report.name))
                return redirect("analytics:reports")
    context = {"title": gettext("Delete report"), "report": report}
    return admin_response(request, "analytics/reports/delete.html", context)


@admin_page("analytics.view_report", "customers.view_customer")
def open_report(request: StaffRequest, pk: int) -> HttpResponse:
    """Lead to the table with what the report asks for, on its date."""
    report = _visible(request, pk)
    address = QueryDict(report.query, mutable=True)
    address["report"] = str(report.pk)
    if report.as_of != Report.AsOf.NEWEST:
        try:
            address["as_of"] = scored_day(report, program_today()).date.isoformat()
        except ReportUnavailable as fault:
            messages.error(request, say("“{name}” cannot be shown. {reason}", name=report.name, reason=str(fault)))
            return redirect("analytics:reports")
    return redirect(f"{reverse('admin:index')}?{address.urlencode()}#customers")


@admin_page("analytics.view_report", "customers.view_customer", "customers.export_customer")
def export(request: StaffRequest, pk: int, format: str) -> HttpResponseBase:
    """Download a report; where it cannot be made, say why."""
    if format not in ExportFormat.values:
        raise Http404
    export_format = ExportFormat(format)
    report = _visible(request, pk)

    def write(file: IO[bytes]) -> Export:
        made = write_report(report, export_format, file, request.user, program_today())
        return made.export(file_name(report, made.portfolio.date, export_format))

    try:
        return export_response(write)
    except ReportUnavailable as fault:
        messages.error(request, say("“{name}” was not exported. {reason}", name=report.name, reason=str(fault)))
        return redirect("analytics:reports")


def _visible(request: StaffRequest, pk: int) -> Report:
    return get_object_or_404(Report.objects.visible_to(request.user).select_related("owner"), pk=pk)


def _gone(request: StaffRequest, pk: int) -> HttpResponse:
    """Somebody has deleted the report; by whom is only told of one that the visitor may have seen."""
    row = Report(pk=pk)
    entry = trail.recent_changes(row).filter(action=trail.Action.DELETE).first()
    before = {name: both[0] for name, both in entry.changes.items()} if entry else {}
    was_seen = before.get(english("shared with everybody")) or before.get("owner") == request.user.get_username()
    name, texts = str(row._meta.verbose_name), typed_texts(ReportForm(owner=request.user).fields, request.POST)
    return gone_page(request, row if was_seen else None, name, texts, reverse("analytics:reports"))


def _changeable(request: StaffRequest, pk: int) -> Report:
    """The report; where it is about to be changed, locked first."""
    if request.method == "POST":
        Report.objects.select_for_update().filter(pk=pk).first()
    report = _visible(request, pk)
    if not may_change(request.user, report):
        raise PermissionDenied
    return report

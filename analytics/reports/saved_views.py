"""Saved views of the customer table: what they ask for, who may see and change them, and their files."""

from datetime import date, timedelta
from typing import IO

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import QueryDict
from django.utils.functional import lazy
from django.utils.text import slugify
from django.utils.translation import gettext, gettext_lazy

from analytics.customer_list.columns import TABLE_COLUMNS
from analytics.customer_list.export import TableExport
from analytics.customer_list.first_view import with_owner_as_me
from analytics.customer_list.listing import CustomerList
from analytics.models import ExportFormat, PortfolioDay, Report, Shared
from analytics.portfolio.comparison import comparison_day
from analytics.segments.address import NOT_OF_THE_TABLE, OF_THE_TABLE, narrowed_query
from analytics.segments.filters import ME, SnapshotFilter
from analytics.segments.in_words import refusals
from customers.core.roles import staff_who_may
from customers.core.sql import read_snapshot
from customers.text.say import Words, in_english, say, say_later
from customers.workbooks.writer import TooLarge

MAX_QUERY_LENGTH = 4_000
MAX_FILE_NAME_LENGTH = 60
OWNERLESS = gettext_lazy("Its filter “Me” is nobody, because the report’s owner has been deleted.")


class ReportUnavailable(Exception):
    """Why there is no file, in the words of whoever reads the message."""

    def __init__(self, why: Words) -> None:
        super().__init__(why)
        self.why = why


# --- What a report asks for ---------------------------------------------------------------------------------------


def query_of(address: QueryDict, owner: int | None = None) -> str:
    """What of an address is saved: filters, order, columns, rows per page; be it understood or not.

    The report's ``owner`` is kept as "me".
    """
    return narrowed_query(with_owner_as_me(address, owner), leave_out=tuple(NOT_OF_THE_TABLE))


def is_same(query: str, address: QueryDict, owner: int | None = None) -> bool:
    """Whether an address asks for what was saved, whatever order its parts are in.

    Columns may be joined by commas or stand one by one; their order is part of the view.
    """
    return _parts(query_of(QueryDict(query), owner)) == _parts(query_of(address, owner))


def _parts(query: str) -> dict[str, list[str]]:
    parts = dict(QueryDict(query).lists())
    if "columns" in parts:
        parts["columns"] = ",".join(parts["columns"]).split(",")
    return parts


def unknown(address: QueryDict) -> list[str]:
    """What an address names that the table does not have, in words; the table itself would pass over it."""
    known = {*SnapshotFilter.base_filters, *OF_THE_TABLE, *NOT_OF_THE_TABLE}
    chosen = [name for text in address.getlist("columns") for name in text.split(",") if name]
    sorts = [text.removeprefix("-") for text in address.getlist("sort") if text]
    return [
        *(say("There is no filter “{name}”.", name=name) for name in address if name not in known),
        *(say("There is no column “{name}” to sort by.", name=name) for name in sorts if name not in TABLE_COLUMNS),
        *(say("There is no column “{name}” to show.", name=name) for name in chosen if name not in TABLE_COLUMNS),
    ]


def problems(address: QueryDict, filters: SnapshotFilter) -> list[str]:
    """Everything that is not understood, in words; nothing is left out silently."""
    return [*unknown(address), *refusals(filters)]


def _as_one_text(address: QueryDict, filters: SnapshotFilter) -> str:
    return " ".join(problems(address, filters))


_problems_later = lazy(_as_one_text, str)
"""In the words of whoever reads it."""


def scored_day(report: Report, today: date, newest: PortfolioDay | None = None) -> PortfolioDay:
    """The scored date that a report is about; raises ``ReportUnavailable`` where there is none.

    An earlier date may stand for the ``newest``, as it was on it ``today``.

    A week before is what a page compares the newest date with. Last month is that of the calendar, not of the data;
    where its end is not scored, the newest date before it will do.
    """
    newest = newest or PortfolioDay.objects.newest()
    if newest is None:
        raise ReportUnavailable(gettext_lazy("Nothing is scored yet."))
    if report.as_of == Report.AsOf.WEEK_BEFORE:
        if found := comparison_day(newest.date):
            return found
        raise ReportUnavailable(
            say_later("Nothing is scored 7 to 14 days before {day}, which this report is about.", day=newest.date)
        )
    if report.as_of != Report.AsOf.MONTH_END:
        return newest
    wanted = today.replace(day=1) - timedelta(days=1)
    found = PortfolioDay.objects.newest(until=wanted)
    if found is None:
        raise ReportUnavailable(
            say_later("Nothing is scored on or before {day}, which this report is about.", day=wanted)
        )
    return found


def report_list(report: Report, user: User, day: date) -> CustomerList:
    """Return the list that a report asks for of a scored date. Raises ``ReportUnavailable``."""
    address = QueryDict(report.query)
    if report.owner is None and ME in address.getlist("owner"):
        raise ReportUnavailable(OWNERLESS)
    asked = CustomerList(address, user, day, me=report.owner)
    if problems(address, asked.filters):
        raise ReportUnavailable(_problems_later(address, asked.filters))
    return asked


def write_report(report: Report, format: ExportFormat, file: IO[bytes], user: User, today: date) -> TableExport:
    """Write a report as the table's export would, in English; "me" is its owner. Raises ``ReportUnavailable``."""
    with read_snapshot(), in_english():
        portfolio = scored_day(report, today)
        made = TableExport(report_list(report, user, portfolio.date), portfolio, report=report.name)
        try:
            made.write(format, file)
        except TooLarge as fault:
            raise ReportUnavailable(
                say_later("{problem} Narrow the report, or choose CSV.", problem=str(fault))
            ) from fault
        return made


def file_name(report: Report, day: date, format: ExportFormat) -> str:
    """Of letters, digits and hyphens, whatever the report is called."""
    name = slugify(report.name, allow_unicode=True)[:MAX_FILE_NAME_LENGTH].strip("-_")
    return f"{name or 'report'}_{day}.{format.extension}"


# --- Who ----------------------------------------------------------------------------------------------------------


def may_change(user: User, row: Shared, verb: str = "change") -> bool:
    """Whether somebody may edit (or delete) a report or board: the owner; a shared one, who manages every report."""
    if not user.has_perm(f"analytics.{verb}_{row._meta.model_name}"):
        return False
    return row.owner_id == user.pk or (row.shared and user.has_perm("analytics.manage_every_report"))


def users_who_may_export() -> QuerySet[User]:
    """Active staff who may export customers."""
    return staff_who_may("customers.view_customer", "customers.export_customer")


def why_no_mail(user: User, exporting: set[int]) -> str:
    """Why somebody cannot be sent a report; '' where nothing is in the way."""
    if not (user.is_active and user.is_staff):
        return gettext("the account is not active")
    if user.pk not in exporting:
        return gettext("may not export customers")
    return "" if user.email else gettext("no email address")


def why_stopped(report: Shared, exporting: set[int]) -> str:
    """Why a scheduled report or board is not mailed, because of its owner; '' where it is."""
    if report.owner is None:
        return gettext("its owner has been deleted")
    if not (report.owner.is_active and report.owner.is_staff):
        return gettext("its owner’s account is not active")
    return "" if report.owner_id in exporting else gettext("its owner may no longer export customers")

"""The lists of reports and of boards: one's own first, each with whom it goes to and what may be done with it."""

from collections.abc import Sequence

from django.contrib.auth.models import AbstractUser
from django.core.paginator import Paginator
from django.db.models import Case, QuerySet, Value, When
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import pgettext

from analytics.models import Board, Report, Shared
from analytics.reports.saved_views import may_change, users_who_may_export, why_no_mail, why_stopped
from customers.core.pages import StaffRequest
from customers.core.people import name_of

PER_PAGE = 50


def saved_list(request: StaffRequest, visible: QuerySet[Report] | QuerySet[Board]) -> dict[str, object]:
    """Return a page of what is ``visible``, and its rows; constant queries."""
    mine_first = Case(When(owner=request.user.pk, then=Value(0)), default=Value(1))
    ordered = visible.order_by(mine_first, "name", "pk").select_related("owner").prefetch_related("recipients")
    page = Paginator(ordered, PER_PAGE).get_page(request.GET.get("page"))
    exporting = set(users_who_may_export().values_list("pk", flat=True))
    return {"page": page, "rows": [_row(saved, request, exporting) for saved in page]}


def _row(saved: Shared, request: StaffRequest, exporting: set[int]) -> dict[str, object]:
    people = list(saved.recipients.all())
    refused = [(person, why) for person in people if (why := why_no_mail(person, exporting))]
    return {
        "saved": saved,
        "mine": saved.owner_id == request.user.pk,
        "stopped": why_stopped(saved, exporting) if saved.schedule else "",
        "to": _names(people),
        "refused": refused if saved.schedule else [],
        "may_change": may_change(request.user, saved),
        "may_delete": may_change(request.user, saved, "delete"),
    }


def _names(people: Sequence[AbstractUser]) -> str | SafeString:
    """Return the names, each kept apart from the words around it."""
    return format_html_join(", ", "<bdi>{}</bdi>", ((name_of(one),) for one in people)) or pgettext(
        "recipients", "nobody"
    )

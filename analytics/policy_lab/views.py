"""The pages of the policy lab: the drafts, one draft with its parts, and the preview of what it would change."""

import logging
from collections.abc import Iterator
from contextlib import suppress
from datetime import tzinfo
from typing import IO

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import Error
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext, gettext_lazy

from analytics.admin import copy_address
from analytics.models import ExportFormat, PortfolioDay, ScoringPolicy
from analytics.pages.as_of import as_of
from analytics.pages.user_summary import user_summary
from analytics.policy_lab.changes import PolicyChanges, finished
from analytics.policy_lab.export import ChangesExport
from analytics.policy_lab.numbers import changed_numbers
from analytics.policy_lab.preview import AskedPreview, PolicyPreview, preview_of
from analytics.scoring.policies import Policies, overlaps
from customers.audit.export import Export, export_response
from customers.clock import program_today
from customers.core.pages import admin_page, admin_response, streamed, user_of
from customers.models import Customer
from customers.text.say import say
from customers.workbooks.writer import TooLarge

logger = logging.getLogger(__name__)

MAY_LOOK = ("customers.view_customer", "analytics.view_scoringpolicy")


@admin_page(*MAY_LOOK)
def drafts(request: HttpRequest) -> HttpResponse:
    """The drafts, each of which leads to its own page."""
    context: dict[str, object] = {
        "title": gettext("Policy lab"),
        "drafts": list(ScoringPolicy.objects.filter(state=ScoringPolicy.State.DRAFT)),
    }
    with suppress(ScoringPolicy.DoesNotExist):
        context["copy_address"] = copy_address(Policies.on(program_today()).everybody)
    return admin_response(request, "analytics/policy_lab/drafts.html", context)


@admin_page(*MAY_LOOK)
def lab(request: HttpRequest, pk: int) -> HttpResponse:
    """What a draft would do; the preview is there at once where it is known, else it is asked for by the page."""
    policy = get_object_or_404(ScoringPolicy, pk=pk)
    shown = as_of(request)
    context: dict[str, object] = {"title": policy.name, "policy": policy, "as_of": shown}
    if shown.portfolio is None:
        context["any_customer"] = Customer.objects.exists()
    elif policy.is_draft:
        context["why_not"], asked = _asked(request, policy, shown.portfolio)
        if asked:
            context["before"], context["numbers"] = asked.replaced, changed_numbers(asked.replaced, policy)
        # One for everybody can never meet another.
        context["overlaps"] = overlaps(policy, shown.portfolio.date) if policy.is_for_segment else []
        found = asked.kept() if asked else None
        if asked and found is None and "now" in request.GET:
            found = finished(asked.make())
        context["preview"] = _preview(request, found) if found else None
    return admin_response(request, "analytics/policy_lab/page.html", context)


@admin_page(*MAY_LOOK)
def preview_part(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Send the preview as a part of the page, behind how far it is; whoever opens the address gets the page."""
    policy = get_object_or_404(ScoringPolicy, pk=pk)
    portfolio = as_of(request).portfolio
    asked = _asked(request, policy, portfolio)[1] if portfolio and policy.is_draft else None
    if asked is None or "HX-Request" not in request.headers:
        return redirect(f"{reverse('analytics:policy-lab', args=[pk])}?{request.GET.urlencode()}")
    return streamed(_step_by_step(request, asked, timezone.get_current_timezone()))


@admin_page(*MAY_LOOK, "customers.export_customer")
def export_preview(request: HttpRequest, pk: int, format: str) -> HttpResponseBase:
    """Download what a draft would change, of everybody who is scored; where it cannot be, say why."""
    if format not in ExportFormat.values:
        raise Http404
    draft = get_object_or_404(ScoringPolicy, pk=pk)
    portfolio, chosen = as_of(request).portfolio, ExportFormat(format)
    why_not, asked = _asked(request, draft, portfolio) if portfolio and draft.is_draft else ("", None)

    def write(file: IO[bytes]) -> Export:
        if asked is None:
            raise TooLarge(why_not or gettext_lazy("There is no preview to export."))
        found = asked.kept() or finished(asked.make())
        exported = ChangesExport(draft, found, user_of(request).get_username())
        exported.write(chosen, file)
        return exported.described(chosen)

    try:
        return export_response(write)
    except TooLarge as fault:
        messages.error(request, say("{problem} Nothing was exported.", problem=str(fault)))
        return redirect("analytics:policy-lab", pk)


def _asked(request: HttpRequest, draft: ScoringPolicy, portfolio: PortfolioDay) -> tuple[str, AskedPreview | None]:
    """Return why a draft has no preview, or '', and its preview as it is asked for."""
    try:
        draft.clean()
        return "", AskedPreview.of(draft, portfolio.date, user_summary(request).version)
    except ValidationError as error:
        return " ".join(error.messages), None
    except ScoringPolicy.DoesNotExist as error:
        return str(error), None


def _step_by_step(request: HttpRequest, asked: AskedPreview, zone: tzinfo) -> Iterator[str]:
    """Yield how many customers are scored, by which the page's bar grows, and then the preview."""
    context = {"policy": asked.draft, "as_of": as_of(request)}
    # The answer is read after its request, and so after the time zone of its user.
    with timezone.override(zone):
        try:
            found, steps = asked.kept(), asked.make()
            while found is None:
                try:
                    yield format_html('<data value="{}"></data>', next(steps))
                except StopIteration as end:
                    found = end.value
            context["preview"] = _preview(request, found)
        except Error:
            # The answer has begun, so no page of errors can take its place.
            logger.exception("A preview did not end")
            context["why_not"] = gettext("The database is busy, or cannot be reached. Try again later.")
        yield render_to_string("analytics/policy_lab/preview.html", context, request)


def _preview(request: HttpRequest, found: PolicyChanges) -> PolicyPreview:
    return preview_of(found, everyone=request.GET.get("show") == "all", page=request.GET.get("page", ""))

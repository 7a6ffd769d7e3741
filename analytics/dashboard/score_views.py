"""The page that scores now, for those who may import: what it will do, and how far it is."""

import logging
from collections.abc import Iterator

from django.contrib import admin
from django.db import Error
from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.utils.html import format_html

from analytics.alerts.put_right import close_repaired
from analytics.scoring.snapshots import NotScorable, score_day
from analytics.scoring.unscored import scoring, unscored
from analytics.wording import counted
from customers.audit import trail
from customers.core.client import client_address
from customers.core.pages import admin_page
from customers.jobs.lock import LockHeld

logger = logging.getLogger(__name__)

MAY_SCORE = "customers.upload_importrun"
_HERE = "<!-- what is done -->"
"""Stands in the page where the lines of the scoring go, one by one."""


@admin_page("customers.view_customer", MAY_SCORE)
def score_now(request: HttpRequest) -> HttpResponseBase:
    """Say what would be scored, or score it.

    Each date is a transaction of its own. Where the visitor leaves, the date that is being scored is the last one; the
    others stay as they are, and the pages say so.
    """
    context = {**admin.site.each_context(request), "title": "Score now"}
    if request.method != "POST":
        return TemplateResponse(request, "analytics/dashboard/score.html", {**context, "unscored": unscored()})
    page = render_to_string("analytics/dashboard/score.html", {**context, "running": True, "here": _HERE}, request)
    before, _, after = page.partition(_HERE)
    actor = trail.Actor(request.user.get_username(), f"{request.method} {request.path}", client_address(request))
    answer = StreamingHttpResponse(_scored(before, after, actor))
    answer["X-Accel-Buffering"] = "no"  # Or a proxy would show it all at the end.
    answer["Cache-Control"] = "no-store"
    return answer


def _scored(before: str, after: str, actor: trail.Actor) -> Iterator[str]:
    """The page, with a line for each date once it is scored."""
    yield before
    try:
        with scoring() as (days, newest):
            yield _line("Scoring {}: {}.", counted(len(days), "date"), ", ".join(f"{day:%-d %b %Y}" for day in days))
            yield _progress(0, len(days))
            for number, day in enumerate(days, start=1):
                with trail.acting(actor):
                    portfolio = score_day(day, newest)
                said = f"{counted(portfolio.total, 'customer')}, {portfolio.at_risk:,} at risk"
                yield _line("{}: {}.", f"{day:%-d %b %Y}", said) + _progress(number, len(days))
        close_repaired()
        yield _line("<strong>Done.</strong>")
    except LockHeld:
        yield _line("<strong>Nothing was scored:</strong> another scoring or an import is running. Try again later.")
    except NotScorable as error:
        yield _line("<strong>Nothing was scored:</strong> {}", str(error))
    except Error:
        # The page has begun, so no page of errors can take its place.
        logger.exception("A scoring that somebody had asked for did not end")
        yield _line("<strong>It stopped here:</strong> the database is busy, or cannot be reached. Try again later.")
    yield after


def _line(text: str, *values: str) -> str:
    return format_html(f"<li>{text}</li>", *values) if values else f"<li>{text}</li>"


def _progress(done: int, of: int) -> str:
    return format_html('<li><progress class="bar" max="{}" value="{}">{} of {}</progress></li>', of, done, done, of)

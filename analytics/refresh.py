"""Whether a page is still as it was: a tag of everything that it shows, for a refresh that costs next to nothing."""

import hashlib
from functools import cache

from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.cache import get_conditional_response, patch_vary_headers

from analytics.models import PortfolioDay
from customers.models import CustomerCare, ImportRun
from customers.staging import fetch, table_of


def state_tag(request: HttpRequest) -> str:
    """An ETag of what a page shows to this visitor today at this address; one query.

    What it shows changes with a scoring, an import (an undo or a replay is one too), an edit in the admin, and with
    who looks after whom, whoever changed that. Two customers that exchange their owners, in a way that the admin does
    not log, are the one change that it does not see.
    """
    runs, user = table_of(ImportRun), request.user
    state = f"""
        SELECT
            (SELECT MAX(scored_at) FROM {table_of(PortfolioDay)}),
            (SELECT MAX(id) FROM {runs}),
            (SELECT MAX(finished_at) FROM {runs}),
            (SELECT COUNT(*) FROM {runs} WHERE status = %s),
            (SELECT MAX(id) FROM {table_of(LogEntry)}),
            COUNT(owner_id),
            SUM(owner_id)
        FROM {table_of(CustomerCare)}"""
    what = (
        request.get_full_path(),
        user.pk,
        user.is_superuser or sorted(user.get_all_permissions()),
        timezone.localdate(),
        build(),
        fetch(state, [ImportRun.Status.RUNNING]),
    )
    return f'"{hashlib.sha256(repr(what).encode()).hexdigest()[:32]}"'


@cache
def build() -> str:
    """The version of the code: when the newest of our modules and templates was written."""
    folders = (settings.BASE_DIR / "analytics", settings.BASE_DIR / "customers", settings.BASE_DIR / "templates")
    files = (
        path for folder in folders for path in folder.rglob("*") if path.suffix in {".py", ".html", ".js", ".css"}
    )
    return str(max(path.stat().st_mtime_ns for path in files))


def is_refresh(request: HttpRequest) -> bool:
    """Whether the page asks for itself again, rather than a visitor for it."""
    return "HX-Request" in request.headers


def not_modified(request: HttpRequest, tag: str) -> HttpResponse | None:
    """The answer to a refresh that would show nothing new; None where the page has to be made.

    A visit always gets the whole page: it carries messages and a CSRF token.
    """
    response = get_conditional_response(request, etag=tag) if is_refresh(request) else None
    return tagged(response, tag) if response else None


def tagged(response: HttpResponse, tag: str) -> HttpResponse:
    """The response with its tag; only the page's own script keeps it, for the admin forbids every cache to."""
    response.headers["ETag"] = tag
    patch_vary_headers(response, ["Cookie", "HX-Request"])
    return response

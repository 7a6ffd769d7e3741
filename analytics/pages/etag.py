"""The ETag of a page: it names everything that the page shows, so that a refresh costs next to nothing."""

from functools import cache

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import get_language
from django.views.decorators.http import etag
from django.views.decorators.vary import vary_on_headers

from analytics.page_cache.page_cache import digest
from analytics.pages.user_summary import user_summary
from customers.core.pages import View, user_of


def page_etag(request: HttpRequest) -> str:
    """Return an ETag of what a page shows this user at this address today. It needs no query of its own.

    What a page shows changes with the version of the state, with the user's badges, and with the last night.
    """
    user = user_of(request)
    shown = (
        request.get_full_path(),
        user.pk,
        user.is_superuser or sorted(user.get_all_permissions()),
        timezone.localdate(),
        get_language(),
        build(),
        user_summary(request),
    )
    return f'"{digest(shown)}"'


@cache
def build() -> str:
    """Return the version of the code: when the newest of our modules and templates was written."""
    folders = (settings.BASE_DIR / "analytics", settings.BASE_DIR / "customers", settings.BASE_DIR / "templates")
    files = (
        path for folder in folders for path in folder.rglob("*") if path.suffix in {".py", ".html", ".js", ".css"}
    )
    return str(max(path.stat().st_mtime_ns for path in files))


def answers_refresh(view: View) -> View:
    """Let a view answer 304 to a refresh that would show nothing new.

    A visit gets the whole page whatever it has: the page carries messages and a CSRF token.
    """
    return vary_on_headers("Cookie", "HX-Request")(etag(_etag_of_refresh)(view))


def _etag_of_refresh(request: HttpRequest, **_address: object) -> str | None:
    """Return the page's tag where the page asks for itself again, by htmx; none to who is not logged in."""
    return page_etag(request) if "HX-Request" in request.headers and request.user.is_authenticated else None


def with_etag(response: HttpResponse, tag: str) -> HttpResponse:
    """Return the response with its tag; only the page's own script keeps it, because the admin sends ``no-store``."""
    response.headers["ETag"] = tag
    return response

"""Whether a page is still as it was: a tag of everything that it shows, for a refresh that costs next to nothing."""

from functools import cache

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.cache import get_conditional_response, patch_vary_headers

from analytics.page_cache.program import digest
from analytics.pages.current_user import visitor


def page_tag(request: HttpRequest) -> str:
    """An ETag of what a page shows to this visitor today at this address; one query.

    What it shows changes with the state of the program; with the visitor's alerts and tasks, which are told by badges;
    and with a night that begins, ends, or does not come.
    """
    about = visitor(request)
    what = (
        request.get_full_path(),
        request.user.pk,
        request.user.is_superuser or sorted(request.user.get_all_permissions()),
        timezone.localdate(),
        build(),
        about.found,
        # It comes with time alone where no night begins.
        about.trouble,
    )
    return f'"{digest(what)}"'


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

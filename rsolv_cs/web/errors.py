"""The pages of errors: what happened, what to do, where to go, and what was typed.

They need no database, session or user, so that they can be shown whatever is broken.
"""

import logging
import sys
from http import HTTPStatus
from urllib.parse import urlencode

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.deprecation import MiddlewareMixin
from django.utils.translation import gettext, gettext_lazy

from customers.core.database_errors import is_busy, is_unavailable
from customers.core.storage.area import StorageUnavailable
from customers.text.say import Words, say
from rsolv_cs.web import busy
from rsolv_cs.web.health import PATHS
from rsolv_cs.web.problem import OF_OURS, is_of_api, problem
from rsolv_cs.web.sent import is_from_here, sent

logger = logging.getLogger(__name__)

TEMPLATE = "errors/page.html"
GONE = gettext_lazy("A customer in an older email or link may have been erased since, a task or report deleted.")
AGAIN = gettext_lazy("Look at it below, then send it again.")


class OwnPages(MiddlewareMixin):
    """Answers with a page of ours where a bare one would come, or what was typed be lost."""

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        """The answer, or what it should have been."""
        if request.path in PATHS:
            return response
        if response.status_code == HTTPStatus.METHOD_NOT_ALLOWED and not response.streaming and not response.content:
            return _with_headers_of(response, not_allowed(request))
        if request.method == "POST" and _leads_to(response, "admin:login") and request.path != reverse("admin:login"):
            return logged_out(request) or response
        if request.path.endswith("/change/") and request.method == "POST" and _leads_to(response, "admin:index"):
            # The admin leads away from a form whose row somebody has deleted meanwhile.
            return not_found(request)
        if request.method == "POST" and any(_leads_to(response, name) for name in _FACTOR):
            return half_logged_in(request, response) or response
        return response

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """A database or a storage that cannot be used is no fault of the page, which may be asked again."""
        if isinstance(error, StorageUnavailable):
            return storage_unavailable(request, error)
        return unavailable(request, error) if is_unavailable(error) else None


_FACTOR = ("verify-second-factor", "second-factor")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400: what was asked cannot be understood."""
    return _page(
        request,
        HTTPStatus.BAD_REQUEST,
        gettext("This cannot be understood"),
        gettext("The address, or what the form sent, is not as this page takes it."),
        gettext("Go back and try again. If you came by a link, it may have been cut off."),
        again=False,
    )


def refused(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """403: the visitor's role does not allow it."""
    why = str(exception) if isinstance(exception, PermissionDenied) else ""
    user = getattr(request, "_cached_user", None)
    is_in = user is not None and user.is_authenticated
    who = say("You are logged in as {login}.", login=user.get_username()) if user is not None and is_in else ""
    advice = gettext("An administrator can change your role.")
    return _page(
        request,
        HTTPStatus.FORBIDDEN,
        gettext("You may not do this"),
        why or gettext("Your role does not include this page or action."),
        f"{who} {advice}".lstrip(),
        again=False,
        log_out=bool(who),
    )


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """404: there is no such page or row."""
    return _page(
        request,
        HTTPStatus.NOT_FOUND,
        gettext("There is nothing here"),
        gettext("This page does not exist, or what it was about is gone."),
        GONE,
        again=False,
    )


def not_allowed(request: HttpRequest) -> HttpResponse:
    """405: the address takes another kind of request."""
    return _page(
        request,
        HTTPStatus.METHOD_NOT_ALLOWED,
        gettext("This address is not a page"),
        gettext("It only takes what a form or a button sends. Nothing was done."),
        gettext("Open the page with the form, and send it from there."),
        again=False,
        log_out=request.path == reverse("admin:logout"),
    )


def failed(request: HttpRequest) -> HttpResponse:
    """500: a fault of ours; or 503, where the database is to blame."""
    error = sys.exc_info()[1]
    if is_unavailable(error):
        return unavailable(request, error)
    return _page(
        request,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        gettext("Something went wrong"),
        OF_OURS,
        gettext("Try again. If it fails again, tell your administrator what you did, and at what time."),
    )


def unavailable(request: HttpRequest, error: BaseException | None) -> HttpResponse:
    """503: the database is busy or gone, and will be back."""
    if is_busy(error):
        logger.warning("The database is busy: %s", type(error).__name__)
        title = gettext("The data are busy")
        what = gettext("Somebody else is changing the data, perhaps a long import. Nothing was saved.")
    else:
        logger.warning("The database cannot be used: %s", type(error).__name__)
        title = gettext("The database cannot be reached")
        what = gettext("It is being restarted, or there is a fault. Nothing was saved.")
    response = _page(request, HTTPStatus.SERVICE_UNAVAILABLE, title, what, gettext("Try again in a minute."))
    response.headers["Retry-After"] = str(busy.RETRY_SECONDS)
    return response


def storage_unavailable(request: HttpRequest, error: StorageUnavailable) -> HttpResponse:
    """503: the files that all machines share cannot be read or written, and will be back."""
    logger.warning("The storage of files cannot be used: %s", error)
    response = _page(
        request,
        HTTPStatus.SERVICE_UNAVAILABLE,
        gettext("The files cannot be reached"),
        gettext("Where uploads and imported files are kept cannot be used just now. Nothing was saved."),
        gettext("Try again in a minute. If it fails again, tell your administrator."),
    )
    response.headers["Retry-After"] = str(busy.RETRY_SECONDS)
    return response


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403: the form's token is not, or no longer, that of this browser."""
    if not is_from_here(request):
        title, what = (
            gettext("This was not sent"),
            gettext("The request did not come from a page of ours, so nothing was done."),
        )
        todo = gettext("Open the page here, and send the form from there. Your browser must accept cookies.")
    elif request.path == reverse("admin:login"):
        title, what = (
            gettext("The login form was out of date"),
            gettext("It was opened before your last login or logout."),
        )
        todo = gettext("Open the login again.")
    else:
        title = gettext("This was not sent yet")
        what = gettext("The page was opened before you last logged in, perhaps in another tab, so nothing was saved.")
        todo = str(AGAIN)
    return _page(request, HTTPStatus.FORBIDDEN, title, what, todo)


def logged_out(request: HttpRequest) -> HttpResponse | None:
    """403: the session has ended while somebody wrote; None where nothing would be lost."""
    if not sent(request).typed:
        return None
    return _page(
        request,
        HTTPStatus.FORBIDDEN,
        gettext("You are logged out"),
        gettext("Your session ended before this was sent, so nothing was saved. Your text is below."),
        gettext("Log in in the new tab, then come back to this one and send it again."),
        log_in=True,
    )


def half_logged_in(request: HttpRequest, response: HttpResponse) -> HttpResponse | None:
    """403: the code of the second factor is missing; None where nothing would be lost."""
    if request.path in map(reverse, _FACTOR) or not sent(request).typed:
        return None
    return _page(
        request,
        HTTPStatus.FORBIDDEN,
        gettext("Your login is not finished"),
        gettext("You have not entered your two-factor code, so nothing was saved. Your text is below."),
        gettext("Enter the code in the new tab, then come back to this one and send it again."),
        log_in=True,
    )


def _page(
    request: HttpRequest,
    status: HTTPStatus,
    title: Words,
    what: Words,
    todo: Words,
    *,
    again: bool = True,
    log_in: bool = False,
    log_out: bool = False,
) -> HttpResponse:
    """The page; ``again`` offers to send the form once more, where it is whole."""
    if is_of_api(request):
        return problem(status, str(what))
    content, here = sent(request), request.get_full_path()
    can_send = again and bool(content.fields) and content.is_whole
    context: dict[str, object] = {
        "status": status.value,
        "title": title,
        "what": what,
        "todo": todo,
        "content": content,
        "can_send": can_send,
        "here": here,
        # A form that cannot be sent again is filled in anew on its own page.
        "form_page": here if request.method == "POST" and again and not can_send else "",
        "home": reverse("admin:index"),
        "login": f"{reverse('admin:login')}?{urlencode({'next': here})}" if log_in else "",
        "log_out": reverse("admin:logout") if log_out else "",
        "token": get_token(request) if can_send or log_out else "",
    }
    return HttpResponse(render_to_string(TEMPLATE, context), status=status)


def _leads_to(response: HttpResponse, name: str) -> bool:
    to = response.headers.get("Location", "") if response.status_code == HTTPStatus.FOUND else ""
    return to.partition("?")[0] == reverse(name)


def _with_headers_of(other: HttpResponse, response: HttpResponse) -> HttpResponse:
    for name, value in other.headers.items():
        if name.lower() not in {"content-type", "content-length"}:
            response.headers[name] = value
    response.cookies = other.cookies
    return response

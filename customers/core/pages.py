"""What each of our pages inside the admin needs."""

import logging
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import wraps
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.auth.models import User
from django.core.exceptions import BadRequest, FieldError, PermissionDenied, ValidationError
from django.db import DataError, Error, transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import get_language, gettext, gettext_lazy, override

from customers.core.database_errors import is_busy
from customers.core.replica import watch

logger = logging.getLogger(__name__)

View = Callable[..., HttpResponseBase]


class StaffRequest(HttpRequest):
    """A request of somebody who is logged in, as every page inside the admin gets it."""

    user: User


def user_of(request: HttpRequest) -> User:
    """Return the logged-in user of a request; raise ``PermissionDenied`` for an anonymous visitor."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


CANNOT_BE_FILTERED = gettext_lazy("The list cannot be filtered like this.")


def admin_page(*permissions: str) -> Callable[[View], View]:
    """Make a page of the admin that needs all ``permissions``; send others to the login, or refuse them."""

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, **kwargs: object) -> HttpResponseBase:
            if not request.user.has_perms(permissions):
                raise PermissionDenied
            return view(request, **kwargs)

        @wraps(view)
        def page(request: HttpRequest, **kwargs: object) -> HttpResponseBase:
            return admin.site.admin_view(guarded)(request, **kwargs)

        return page

    return decorate


def streamed(parts: Iterator[str]) -> StreamingHttpResponse:
    """Answer with HTML that is sent part by part, while the next one is made."""
    answer = StreamingHttpResponse(_in_language(parts, get_language()))
    answer["X-Accel-Buffering"] = "no"  # Or a proxy would show it all at the end.
    answer["Cache-Control"] = "no-store"
    return answer


def _in_language(parts: Iterator[str], language: str | None) -> Iterator[str]:
    """Make each part in the language of the request, which is over when the first one is made.

    Whoever follows a link in it finds what was done until then.
    """
    while True:
        with override(language):
            part = next(parts, None)
        if part is None:
            return
        if watch.is_used():
            with suppress(Error):
                watch.WATCH.wait_for(watch.position())
        yield part


def admin_response(
    request: HttpRequest, template: str, context: Mapping[str, object], *, status: int | None = None
) -> TemplateResponse:
    """Render a page inside the admin: ``context`` is its own, beside what every page of the admin shows."""
    return TemplateResponse(request, template, {**admin.site.each_context(request), **context}, status=status)


def narrowed(rows: Callable[[], QuerySet[Any]]) -> QuerySet[Any]:
    """Return the rows that a list's address asks for, by a query that the database can answer.

    Raises ``BadRequest``, which does not say what was asked for: the log has no search.
    """
    try:
        found = rows()
        # Some values are refused by the database alone: a number too large, a NUL, no address.
        with transaction.atomic(using=found.db):
            found.exists()
    except (IncorrectLookupParameters, FieldError, ValidationError, DataError, OverflowError, ValueError, TypeError):
        raise BadRequest(CANNOT_BE_FILTERED) from None
    return found


def sent_by_form(page: Callable[..., str]) -> Callable[[View], View]:
    """Make an address accept only what a form sends; lead whoever opens it to ``page``, which has the form."""

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, **kwargs: object) -> HttpResponseBase:
            if request.method == "POST":
                return view(request, **kwargs)
            return lead_to_form(request, page(**kwargs))

        return guarded

    return decorate


def lead_to_form(request: HttpRequest, address: str) -> HttpResponse:
    """Lead whoever opened an address that only takes a form to that form, as after a login in between."""
    if request.method not in {"GET", "HEAD"}:
        return HttpResponseNotAllowed(["POST"])
    messages.info(request, gettext("Nothing was saved by opening that address. Use the form or button here."))
    return redirect(address)


def next_page(request: HttpRequest, otherwise: str, name: str = "next") -> str:
    """Return the page of ours that the form or the address gives under a name; ``otherwise`` where that is none."""
    asked = request.POST.get(name) or request.GET.get(name) or ""
    # Without a host, so that a page of any other site is none of ours.
    is_ours = url_has_allowed_host_and_scheme(asked, allowed_hosts=None, require_https=request.is_secure())
    return asked if is_ours and asked.startswith("/") else otherwise


def tell_database_error(request: HttpRequest) -> None:
    """Say that the database could not be used, and let the log say why: its words repeat rows and addresses."""
    if is_busy(sys.exception()):
        logger.warning("The database is busy")
        messages.error(request, gettext("The data are busy: somebody else is changing them. Try again in a minute."))
        return
    logger.exception("The database could not be used")
    messages.error(request, gettext("The database cannot be used. Tell the operator: the log says why."))

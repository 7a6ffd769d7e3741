"""What each of our pages inside the admin needs."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse

View = Callable[..., HttpResponse]


def admin_page(*permissions: str) -> Callable[[View], View]:
    """A page of the admin that needs all ``permissions``; others are sent to the login, or refused."""

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, **kwargs: Any) -> HttpResponse:
            if not request.user.has_perms(permissions):
                raise PermissionDenied
            return view(request, **kwargs)

        @wraps(view)
        def page(request: HttpRequest, **kwargs: Any) -> HttpResponse:
            return admin.site.admin_view(guarded)(request, **kwargs)

        return page

    return decorate

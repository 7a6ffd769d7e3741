"""The password again, before an account or what guards it is changed: an open session alone is not enough.

It holds for ten minutes in the session, as the login itself does. What a form has sent goes on once it is given.
"""

from django.contrib.auth import authenticate
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.deprecation import MiddlewareMixin
from django.utils.translation import gettext

from customers.audit import trail
from customers.core.pages import admin_response, user_of
from customers.text.say import english
from rsolv_cs.login import second_factor, sessions
from rsolv_cs.login.attempts import Credentials, is_locked_out, locked, view_name
from rsolv_cs.web.sent import sent

FOR_SECONDS = 600
CONFIRMED = "confirmed"
FIELD, THEN = "password_again", "password_then"
FORBIDDEN = 403

_SENT = {"POST"}
# Their forms have passwords, which are not sent along: so it is asked before they are filled in.
_SHOWN_AND_SENT = {"GET", "POST"}
ASKS = {
    "second-factor": _SENT,
    "sessions": _SENT,
    "admin:auth_user_changelist": _SENT,
    "admin:auth_user_add": _SENT,
    "admin:auth_user_change": _SENT,
    "admin:auth_user_delete": _SENT,
    "admin:auth_user_password_change": _SHOWN_AND_SENT,
    "admin:auth_user_reset_second_factor": _SENT,
    "admin:auth_user_unlink_provider": _SENT,
    "admin:auth_user_invitation": _SENT,
    "admin:customers_apitoken_add": _SENT,
    "admin:customers_apitoken_revoke": _SENT,
    "admin:auth_group_copy": _SENT,
    "admin:auth_group_changelist": _SENT,
    "admin:auth_group_add": _SENT,
    "admin:auth_group_change": _SENT,
    "admin:auth_group_delete": _SENT,
}
"""The pages that ask for it, and the methods with which they do."""


class PasswordAgain(MiddlewareMixin):
    """Asks for the password before a page of ``ASKS``, unless it was given a short while ago."""

    def process_view(self, request: HttpRequest, *_view: object) -> HttpResponse | None:
        """Let it pass, or ask."""
        if request.method not in ASKS.get(view_name(request), ()):
            return None
        if not request.user.is_authenticated or not request.user.is_staff or is_fresh(request):
            return None
        if FIELD not in request.POST:
            return _ask(request)
        return _take(request)


def is_fresh(request: HttpRequest) -> bool:
    """Whether the password was given within the last minutes: at the login, or since."""
    session = request.session
    given = (session.get(sessions.AUTHENTICATED, session.get(sessions.STARTED, 0)), session.get(CONFIRMED, 0))
    return any(abs(sessions.now() - at) < FOR_SECONDS for at in given)


def _take(request: HttpRequest) -> HttpResponse | None:
    credentials: Credentials = {"username": request.user.get_username()}
    user = authenticate(request, **credentials, password=request.POST[FIELD])
    if is_locked_out(request):
        return locked(request, None, credentials)
    if user is None or user.pk != request.user.pk:
        return _ask(request, gettext("This is not your password."))
    request.session.cycle_key()
    request.session[CONFIRMED] = sessions.now()
    trail.record(trail.Action.LOGIN, request.user, detail=english("password given again"))
    return redirect(request.get_full_path()) if THEN in request.POST else None


def _ask(request: HttpRequest, error: str = "") -> HttpResponse:
    fields = [field for field in sent(request).fields if field.name not in {FIELD, THEN}]
    is_shown = request.method == "GET" or THEN in request.POST
    context = {
        "title": gettext("Confirm your password"),
        "layout": "login/page.html" if second_factor.needed(request) else "second_factor/inside.html",
        "error": error,
        "fields": [] if is_shown else fields,
        "field": FIELD,
        "then": THEN if is_shown else "",
        "has_password": second_factor.may_use_password(user_of(request)),
    }
    return admin_response(request, "login/confirm.html", context, status=FORBIDDEN)

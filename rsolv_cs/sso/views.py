"""The pages of a login by the provider: where it begins, where it comes back to, and the way out."""

import logging
from http import HTTPStatus
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import admin
from django.contrib.auth import login, logout
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET
from mozilla_django_oidc.views import OIDCAuthenticationRequestView

from customers.audit import trail
from customers.audit.signals import record_failed_login
from customers.core.client import client_address
from customers.core.pages import admin_response, next_page
from customers.core.roles import staff_who_may
from customers.text.say import english
from rsolv_cs.login import own_sessions, second_factor, sessions
from rsolv_cs.people.guard import MANAGES
from rsolv_cs.sso import accounts, flow, hint, pending
from rsolv_cs.sso.claims import Told
from rsolv_cs.sso.discovery import is_on, provider
from rsolv_cs.sso.refusal import Refused, Unreachable, Why

logger = logging.getLogger(__name__)

AGAIN = "again"
LONG_AGO = 0
"""When somebody gave a password of whom the provider does not say that."""
MOST_NAMED = 3
"""So many Administrators are named to whoever has to ask one."""
_TELL_WHOM_TO_ASK = {Why.NO_ROLE, Why.OUTSIDER, Why.PASSWORD, Why.TAKEN, Why.CLOSED}
"""They come of people whom the provider knows, with an address of an allowed domain."""


class _Begin(OIDCAuthenticationRequestView):
    get_settings = staticmethod(flow.setting)

    def get_extra_params(self, request: HttpRequest) -> dict[str, str]:
        return flow.extra_parameters(again=AGAIN in request.GET)


@never_cache
@require_GET
def begin_sso(request: HttpRequest) -> HttpResponse:
    """Lead to the provider."""
    if not is_on():
        raise Http404(gettext("No provider is set up."))
    try:
        with pending.in_place_of_session(request) as begun:
            response: HttpResponse = _Begin().get(request)
            pending.remember(begun, next_page(request, ""), again=AGAIN in request.GET)
    except Unreachable as error:
        return _unreachable(request, error)
    pending.send_pending(response, begun)
    return response


@never_cache
@require_GET
def come_back(request: HttpRequest) -> HttpResponse:
    """Log in whoever comes back from the provider, or say why not."""
    if not is_on():
        raise Http404(gettext("No provider is set up."))
    begun, left = pending.take_begun(request, request.GET.get("state", ""))
    try:
        if begun is None:
            raise Refused(Why.STALE, english("the state is of no login that was begun in this browser"))
        if "error" in request.GET:
            raise Refused(Why.DECLINED, english("the provider did not let them in"))
        response = _enter(request, flow.finish(request, begun.nonce, begun.verifier), begun)
    except Refused as refused:
        response = _refuse(request, refused)
    except Unreachable as error:
        response = _unreachable(request, error)
    pending.send_pending(response, left)
    return response


def _enter(request: HttpRequest, told: Told, begun: pending.Begun) -> HttpResponse:
    """Begin the session."""
    actor = trail.Actor(told.email, english(f"OpenID Connect, {told.issuer}"), client_address(request))
    with trail.acting(actor):
        user = accounts.account_of(told)
        # Another session than any of before, also of the same person: that one may have ended by what changed.
        if request.session.session_key:
            own_sessions.end([request.session.session_key])
        request.session.flush()
        login(request, user, backend=settings.AUTHENTICATION_BACKENDS[0])
    request.session[second_factor.AT_PROVIDER] = told.has_second_factor
    if told.authenticated_at is not None:
        request.session[sessions.AUTHENTICATED] = told.authenticated_at
    elif not begun.again:
        # The provider may have let in whoever sits before an open session of its own.
        request.session[sessions.AUTHENTICATED] = LONG_AGO
    hint.keep_hint(request, told.hint)
    return redirect(begun.next or settings.LOGIN_REDIRECT_URL)


def _refuse(request: HttpRequest, refused: Refused) -> HttpResponse:
    logger.warning("A login by OpenID Connect was refused: %s", refused.reason)
    about = refused.about if isinstance(refused.about, User) else english("somebody whom the provider sent")
    record_failed_login(about, english(f"OpenID Connect: {refused.reason}"))
    context = {
        "title": gettext("You are not logged in"),
        "why": refused.why.label,
        "is_stale": refused.why is Why.STALE,
        "is_untrusted": refused.why is Why.UNTRUSTED,
        "ask": _administrators() if refused.why in _TELL_WHOM_TO_ASK else [],
    }
    return admin_response(request, "sso/refused.html", context, status=HTTPStatus.FORBIDDEN)


def _unreachable(request: HttpRequest, error: Unreachable) -> HttpResponse:
    logger.error("The OpenID provider cannot be used: %s", error)
    context = {"title": gettext("The login cannot be reached")}
    response = admin_response(request, "sso/unreachable.html", context, status=HTTPStatus.SERVICE_UNAVAILABLE)
    response.headers["Retry-After"] = "30"
    return response


def _administrators() -> list[User]:
    return list(staff_who_may(MANAGES).exclude(email="").order_by("pk")[:MOST_NAMED])


@never_cache
def log_out(request: HttpRequest) -> HttpResponse:
    """End the session here and, where the provider can, there."""
    leads_to = _end_at_provider(request) if request.method == "POST" else ""
    if not leads_to:
        return admin.site.admin_view(admin.site.logout)(request)
    logout(request)
    # A page in between: a form of ours leads to ourselves alone, as the content security policy has it.
    return TemplateResponse(request, "sso/leaving.html", {"title": gettext("Logging out"), "leads_to": leads_to})


def _end_at_provider(request: HttpRequest) -> str:
    """Return the address that ends the session at the provider; '' where nobody came by it, or it has none."""
    token = hint.hint_of(request)
    if not token or not is_on():
        return ""
    try:
        end = provider().end_session_endpoint
    except Unreachable:
        return ""
    back = request.build_absolute_uri(reverse("admin:login"))
    asked = {
        "id_token_hint": token,
        "client_id": settings.OIDC_RP_CLIENT_ID,
        "post_logout_redirect_uri": back,
    }
    return f"{end}{'&' if '?' in end else '?'}{urlencode(asked)}" if end else ""

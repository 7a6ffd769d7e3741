"""Who asks: the user of a token, or somebody who is logged in.

A request with a token has no session: neither cookies nor CSRF nor the second factor play a part in it.
"""

import hmac
from contextlib import suppress
from datetime import datetime

from django.contrib.auth.models import User
from django.db import DatabaseError
from django.http import HttpRequest
from django.utils import timezone
from django.utils.deprecation import MiddlewareMixin
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed, NotAuthenticated, PermissionDenied, Throttled
from rest_framework.request import Request

from customers.core.client import client_address
from customers.core.sql import waiting_at_most
from customers.models import ApiToken
from rsolv_cs.api import throttle
from rsolv_cs.web.problem import is_of_api

SCHEME = "Token"
KEY_HEADER = "X-Api-Key"


class TokenAlone(MiddlewareMixin):
    """Drops the cookies of a request to the API that shows a token: the token says who asks, and nothing else."""

    def process_request(self, request: HttpRequest) -> None:
        """Drop them before anything looks for a session."""
        if is_of_api(request) and secret_of(request) is not None:
            request.META.pop("HTTP_COOKIE", None)


def secret_of(request: HttpRequest | Request) -> str | None:
    """The token that a request shows, in either header; None where there is none."""
    scheme, _, secret = request.headers.get("Authorization", "").strip().partition(" ")
    if scheme.lower() == SCHEME.lower():
        return str(secret.strip())
    key: str | None = request.headers.get(KEY_HEADER)
    return None if key is None else key.strip()


class TokenAuthentication(BaseAuthentication):
    """``Authorization: Token rsolv_…`` or ``x-api-key: rsolv_…``."""

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        """The user and the token; None where no token is shown."""
        secret = secret_of(request)
        if secret is None:
            return None
        token = _find(secret)
        if seconds := throttle.wait(token):
            raise Throttled(seconds)
        now = timezone.now()
        if why := _why_dead(token, now):
            raise AuthenticationFailed(why)
        if not token.may_come_from(client_address(request._request)):
            raise PermissionDenied("This token may not be used from this address.")
        _note_use(token, now)
        # The log has its user, and the audit the token with whatever it does.
        request._request.api_token = token  # type: ignore[attr-defined]
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        """What a refused client is told to send."""
        return f'{SCHEME} realm="api"'


class StaffSession(SessionAuthentication):
    """A login in the browser; what changes anything needs the token of a form, as everywhere."""

    def authenticate(self, request: Request) -> tuple[User, None] | None:
        """The user, who must be staff as on every page."""
        found = super().authenticate(request)
        return found if found and found[0].is_staff else None


def _find(secret: str) -> ApiToken:
    """The token of a secret.

    It is looked for by its digest: how long that takes tells nothing of any secret.
    """
    digest = ApiToken.digest_of(secret)
    token = ApiToken.objects.select_related("user").filter(digest=digest).first()
    if token is None or not hmac.compare_digest(token.digest, digest):
        raise AuthenticationFailed("There is no such token.")
    return token


def _why_dead(token: ApiToken, now: datetime) -> str:
    """Why a token cannot be used; '' where it can. Told to who has it, and to nobody else."""
    if token.revoked_at:
        return "This token was revoked."
    if token.is_expired(now):
        return "This token has expired."
    user = token.user
    return "" if user.is_active and user.is_staff else "The account of this token is deactivated."


def token_of(request: Request) -> ApiToken:
    """The token of a request, for a view that takes nothing else."""
    if not isinstance(request.auth, ApiToken):
        raise NotAuthenticated
    return request.auth


def _note_use(token: ApiToken, now: datetime) -> None:
    """Note the hour of a token's use, once an hour, and unless the database is held by an import."""
    hour = now.replace(minute=0, second=0, microsecond=0)
    if token.last_used_at == hour:
        return
    with suppress(DatabaseError), waiting_at_most(0):
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=hour)

"""Tokens of the API, and clients that show one."""

from typing import Any

from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from customers.core.roles import Role
from customers.models import ApiToken
from tests.factories import make_staff


def make_token(user: User | None = None, *scopes: str, role: Role = Role.VIEWER, **more: Any) -> str:
    """The secret of a token with the scope ``read``, or others; of a viewer, another role, or another user.

    It was used within this hour, so that no request notes that.
    """
    used = timezone.now().replace(minute=0, second=0, microsecond=0)
    given = {"last_used_at": used, **more}
    _token, secret = ApiToken.make(user or make_staff(role), "CI", list(scopes or ["read"]), **given)
    return secret


def token_client(secret: str, **more: Any) -> Client:
    """A client that shows a token, and answers a fault with its page."""
    return Client(headers={"Authorization": f"Token {secret}"}, raise_request_exception=False, **more)

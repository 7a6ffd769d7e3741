"""Who may ask what of the API: each view declares its ``access``, and without it lets nobody in."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.contrib.auth.models import User
from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from customers.models import ApiToken

if TYPE_CHECKING:
    # It asks the settings for this module while it is imported.
    from rest_framework.views import APIView

Scope = ApiToken.Scope


@dataclass(frozen=True)
class Access:
    """What a request needs: a scope of its token, where it has one, and every permission of its user's roles."""

    scope: Scope
    permissions: tuple[str, ...] = ()


Accesses = Mapping[str, Access]
"""For each method that a view takes, what it needs; HEAD is asked for as GET is."""


_METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE"}


def reads(*permissions: str) -> Accesses:
    """Return the access of a view that only reads."""
    return {"GET": Access(Scope.READ, permissions)}


class HasAccess(BasePermission):
    """Lets in whose token has the scope and whose role has the permissions that a view's ``access`` names."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        """Return whether somebody may ask; raises where the token alone is to blame, to say so."""
        declared: Accesses = getattr(view, "access", {})
        method = "GET" if request.method == "HEAD" else str(request.method)
        needed = declared.get(method)
        if not isinstance(request.user, User):
            return False
        if needed is None:
            # Nobody may what is not declared; what the view does not take at all is answered as such.
            return method not in _METHODS or not hasattr(view, method.lower())
        if isinstance(request.auth, ApiToken) and needed.scope not in request.auth.scopes:
            raise PermissionDenied(f"This token lacks the scope “{needed.scope}”.")
        return request.user.has_perms(needed.permissions)

"""The names of the people behind logins that are stored as text, because they outlive their users."""

from django.contrib.auth.models import User
from django.db.models import F, OuterRef, Subquery, Value
from django.db.models.functions import Coalesce, Concat, NullIf, Trim


def name_of(login: str) -> Coalesce:
    """The full name of the user with a column's login, or the login where there is none (any more)."""
    name = NullIf(Trim(Concat("first_name", Value(" "), "last_name")), Value(""))
    return Coalesce(Subquery(User.objects.filter(username=OuterRef(login)).values(name=name)[:1]), F(login))

"""What staff are called wherever people read it: by name, and by name and login where several have one name."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from asgiref.local import Local
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractUser
from django.core.signals import request_started
from django.db.models import F, Value
from django.db.models.functions import Coalesce, Concat, NullIf, Trim
from django.db.models.signals import post_delete, post_save
from django.utils.translation import gettext

from customers.text.fold import Fold, fold

_known = Local()


def name_of(user: AbstractUser | None, nobody: str | None = None) -> str:
    """Return what a member of staff is called; for None ``nobody``, or that there is nobody."""
    if user is None:
        return gettext("nobody") if nobody is None else nobody
    return display_name(user.first_name, user.last_name, user.get_username())


def display_name(first: str, last: str, login: str) -> str:
    """Return the full name (with the login, where others have the same name), or the login where there is none."""
    name = f"{first} {last}".strip()
    if not name:
        return login
    return f"{name} ({login})" if fold(name) in _people().names_of_several else name


def name_of_login(login: str) -> str:
    """Return what the user with a login is called, which is stored as text because it outlives its user.

    The login itself where there is no such user (any more).
    """
    names = _people().names.get(login) if login else None
    return display_name(*names, login) if names else login


def by_name(user: str) -> list[Any]:
    """Return the order of people by what they are called, ``user`` being the way to them and ``__``."""
    name = Trim(Concat(f"{user}first_name", Value(" "), f"{user}last_name"))
    return [Fold(Coalesce(NullIf(name, Value("")), F(f"{user}username"))), F(f"{user}username")]


def listen() -> None:
    """Forget who is called alike with each request, and where an account changes."""
    request_started.connect(_forget, dispatch_uid="people.request_started")
    for signal in (post_save, post_delete):
        signal.connect(_forget, sender=get_user_model(), dispatch_uid="people.account")


@dataclass(frozen=True)
class _People:
    """The first and last names of all accounts by login, and the folded names that several have."""

    names: dict[str, tuple[str, str]]
    names_of_several: frozenset[str]


def _people() -> _People:
    """Return all accounts; one query for a request."""
    found: _People | None = getattr(_known, "people", None)
    if found is None:
        accounts = get_user_model().objects.order_by().values_list("username", "first_name", "last_name")
        names = {login: (first, last) for login, first, last in accounts}
        counts = Counter(fold(f"{first} {last}".strip() or login) for login, (first, last) in names.items())
        several = frozenset(name for name, number in counts.items() if number > 1)
        found = _known.people = _People(names, several)
    return found


def _forget(**_signal: Any) -> None:
    _known.people = None

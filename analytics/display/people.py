"""The names of the people behind logins that are stored as text, because they outlive their users."""

from collections.abc import Iterable

from django.contrib.auth.models import User
from django.db.models import Model

from customers.core.people import name_of


def add_names(rows: Iterable[Model], **logins: str) -> None:
    """Give each row, as the attribute that a keyword says, what the user with the login in a column is called.

    The login itself where there is no name, or no such user (any more). One query, none where no row has a login.
    """
    rows = list(rows)
    wanted = {getattr(row, column) for row in rows for column in logins.values()} - {""}
    users = User.objects.filter(username__in=wanted) if wanted else []
    names = {user.username: name_of(user) for user in users}
    for row in rows:
        for attribute, column in logins.items():
            login = getattr(row, column)
            setattr(row, attribute, names.get(login) or login)

"""Who changed a row last, and when, as the audit tells it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User
from django.contrib.humanize.templatetags.humanize import naturaltime
from django.db.models import Model

from customers.audit import trail
from customers.core.people import name_of

YOU = "You"
MOST_ENTRIES = 200


@dataclass(frozen=True)
class LastChange:
    """Who changed a field of a row last, and when."""

    by: str
    at: datetime
    by_form: bool

    @property
    def is_unknown_to_me(self) -> bool:
        """Whether somebody else made it in the pages, so that a form of before may not show it."""
        return self.by_form and self.by != YOU

    def __str__(self) -> str:
        return f"{self.by} changed this {self.ago}"

    @property
    def ago(self) -> str:
        """How long ago that was."""
        return ago(self.at)


def ago(moment: datetime) -> str:
    """How long ago a moment was, in words."""
    words = naturaltime(moment)
    return "just now" if words == "now" else words


def last_changes(row: Model) -> dict[str, LastChange]:
    """Who changed each field of a row last, by its name in the audit, while a session may last."""
    return last_changes_among(trail.lately(row))


def last_changes_among(entries: Iterable[trail.AuditEntry]) -> dict[str, LastChange]:
    """The newest change of each field, of entries that come newest first."""
    entries = list(entries)[:MOST_ENTRIES]
    people = actor_names(entries)
    found: dict[str, LastChange] = {}
    for each in entries:
        for name in each.changes:
            found.setdefault(name, LastChange(people[each.actor], each.at, is_by_form(each)))
    return found


def is_by_form(entry: trail.AuditEntry) -> bool:
    """Whether an entry tells of a form that somebody sent, not of a command."""
    return entry.source.startswith("POST ")


def actor_names(entries: Iterable[trail.AuditEntry]) -> dict[str, str]:
    """The people who made entries of the audit, by login: oneself, a full name, or the login itself."""
    logins = {each.actor for each in entries}
    people = {one.username: name_of(one) for one in User.objects.filter(username__in=logins)}
    names = {login: people.get(login, login) or "Somebody" for login in logins}
    me = trail.current_actor()
    return {**names, me: YOU} if me in names else names

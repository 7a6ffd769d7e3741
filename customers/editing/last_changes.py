"""Who changed a row last, and when, as the audit tells it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User
from django.contrib.humanize.templatetags.humanize import naturaltime
from django.db.models import Model

from customers.audit import trail
from customers.core.people import name_of
from customers.models import AuditEntry

YOU = "You"
MAX_ENTRIES = 200


@dataclass(frozen=True)
class LastChange:
    """The last change of a field: by whom, when, and whether by a form."""

    by: str
    at: datetime
    by_form: bool

    @property
    def is_unknown_to_me(self) -> bool:
        """Return whether somebody else made it by a form, so that an older form does not show it."""
        return self.by_form and self.by != YOU

    def __str__(self) -> str:
        return f"{self.by} changed this {self.ago}"

    @property
    def ago(self) -> str:
        """Return in words how long ago that was."""
        return ago(self.at)


def ago(moment: datetime) -> str:
    """Return in words how long ago a moment was."""
    words = naturaltime(moment)
    return "just now" if words == "now" else words


def last_changes(row: Model) -> dict[str, LastChange]:
    """Return the last change of each field of a row, by its name in the audit, within a session's time."""
    return last_changes_among(trail.recent_changes(row))


def last_changes_among(entries: Iterable[AuditEntry]) -> dict[str, LastChange]:
    """Return the last change of each field, from entries that come newest first."""
    entries = list(entries)[:MAX_ENTRIES]
    people = actor_names(entries)
    changes: dict[str, LastChange] = {}
    for each in entries:
        for name in each.changes:
            changes.setdefault(name, LastChange(people[each.actor], each.at, is_by_form(each)))
    return changes


def is_by_form(entry: AuditEntry) -> bool:
    """Return whether an entry was written for a form that somebody sent, not for a command."""
    return entry.source.startswith("POST ")


def actor_names(entries: Iterable[AuditEntry]) -> dict[str, str]:
    """Return what to call the actors of entries, by login: "You", a full name, or the login itself."""
    logins = {each.actor for each in entries}
    people = {one.username: name_of(one) for one in User.objects.filter(username__in=logins)}
    names = {login: people.get(login, login) or "Somebody" for login in logins}
    me = trail.current_actor()
    return {**names, me: YOU} if me in names else names

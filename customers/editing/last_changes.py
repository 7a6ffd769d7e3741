"""Who changed a row last, and when, as the audit tells it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.contrib.humanize.templatetags.humanize import naturaltime
from django.db.models import Model
from django.utils import timezone
from django.utils.translation import gettext

from customers.audit import trail
from customers.core.people import name_of
from customers.models import AuditEntry
from customers.text.say import english, say

YOU = english("You")
"""Who reads, as ``actor_names`` says it; a sentence about them is another one than about anybody else."""
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
        if self.by == YOU:
            return say("You changed this {ago}", ago=self.ago)
        return say("{who} changed this {ago}", who=self.by, ago=self.ago)

    @property
    def ago(self) -> str:
        """Return in words how long ago that was."""
        return ago(self.at)


def ago(moment: datetime) -> str:
    """Return in words how long ago a moment was."""
    is_now = abs(timezone.now() - moment) < timedelta(seconds=1)
    return gettext("just now") if is_now else str(naturaltime(moment))


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
    names = {login: people.get(login, login) or gettext("Somebody") for login in logins}
    me = trail.current_actor()
    return {**names, me: YOU} if me in names else names

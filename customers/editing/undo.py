"""What can be undone: a message says what was done, with a button that undoes it.

What is to be undone travels in the button's form, signed and for one user alone; it is kept nowhere else.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.contrib import messages
from django.contrib.auth.models import User
from django.contrib.messages.storage.base import Message
from django.core import signing
from django.http import HttpRequest

from customers.core.pages import user_of

MAX_ROWS = 500
"""Of more rows the form would be too large."""
LASTS = timedelta(hours=1)
_TAG = "undo:"
_SALT = "customers.editing.undo"


@dataclass(frozen=True)
class Undo:
    """What undoes something: its ``kind`` in the table of the view, and the ``rows`` that it is about, as JSON."""

    kind: str
    rows: Sequence[object]


def tell_done(request: HttpRequest, text: str, undo: Undo | None = None) -> None:
    """Say at the top of the next page what was done, with an Undo button unless there is nothing to undo."""
    token = ""
    if undo and undo.rows:
        said = {"user": user_of(request).pk, "kind": undo.kind, "rows": undo.rows}
        token = _TAG + signing.dumps(said, salt=_SALT, compress=True)
    messages.success(request, text, extra_tags=token)


def undo_token(message: Message | str) -> str:
    """Return what the Undo button of a message sends; '' for one without, as the texts that the theme says itself."""
    tag = "" if isinstance(message, str) else message.extra_tags or ""
    return tag.removeprefix(_TAG) if tag.startswith(_TAG) else ""


def read_undo(token: str, user: User) -> Undo | None:
    """Return what a user's button asks to undo; None where it is another user's, older than an hour, or forged."""
    try:
        said = signing.loads(token, salt=_SALT, max_age=LASTS)
    except signing.BadSignature:
        return None
    return Undo(said["kind"], said["rows"]) if said["user"] == user.pk else None

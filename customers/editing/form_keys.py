"""Idempotent creation: a form that is sent twice creates once, whether one after the other or at the same moment.

Each form that creates has a key of its own. What is stored is a keyed hash of the key and all that was sent, under a
unique constraint and in the transaction of what is created, so that the database decides who was first. A page that
the back button shows again may be sent with other text: that is another form.
"""

import json
import secrets
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import wraps
from typing import Any

from django.contrib import messages
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.crypto import salted_hmac

from customers.models.form_submission import FormSubmission

KEY = "form_key"
KEPT = timedelta(days=2)
AT_ONCE = timedelta(seconds=10)
"""A form without a key is the same one again only so soon."""
ALREADY = "You sent this form twice: it was stored once."
_NOT_SENT = {"csrfmiddlewaretoken", "draft", "typed"}
"""What the browser adds, and may do otherwise the second time."""


def new_key() -> str:
    """A key for a form that is shown."""
    return secrets.token_urlsafe(16)


def create_once(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """A view whose POST creates something in one transaction, and redirects once it has."""

    @wraps(view)
    def once(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.method != "POST":
            return view(request, *args, **kwargs)
        return answer_once(request, lambda: view(request, *args, **kwargs))

    return once


def answer_once(request: HttpRequest, answer: Callable[[], HttpResponse]) -> HttpResponse:
    """The answer, unless the very same form was stored before: then lead to where that one led, and say so."""
    digest = _digest(request)
    with transaction.atomic():
        submission, is_first = _claim(digest, is_keyed=KEY in request.POST)
        if is_first:
            response = answer()
            if 300 <= response.status_code < 400:
                submission.location = response["Location"][:500]
                submission.save(update_fields=["location"])
            else:
                submission.delete()
            return response
    messages.info(request, ALREADY)
    return redirect(submission.location)


def forget_submissions(words: str) -> None:
    """Forget the forms that led to an address with these words."""
    FormSubmission.objects.filter(location__contains=words).delete()


def _claim(digest: str, *, is_keyed: bool) -> tuple[FormSubmission, bool]:
    """The form's row, and whether it is this request that makes it; waits for another one that is about to."""
    now = timezone.now()
    FormSubmission.objects.filter(at__lt=now - KEPT).delete()
    while True:
        try:
            with transaction.atomic():
                return FormSubmission.objects.create(digest=digest, at=now), True
        except IntegrityError:
            found = FormSubmission.objects.select_for_update().filter(digest=digest).first()
        if found is not None:
            is_another = not is_keyed and abs(now - found.at) > AT_ONCE
            if is_another:
                found.at = now
                found.save(update_fields=["at"])
            return found, is_another


def _digest(request: HttpRequest) -> str:
    sent = sorted((name, values) for name, values in request.POST.lists() if name not in _NOT_SENT)
    files = sorted((name, file.name, list(_hashes(file))) for name, file in request.FILES.items())
    told = json.dumps([request.user.pk, request.get_full_path(), sent, files])
    return salted_hmac("customers.form_keys", told, algorithm="sha256").hexdigest()


def _hashes(file: Any) -> Iterator[str]:
    for chunk in file.chunks():
        yield salted_hmac("customers.form_keys.file", chunk, algorithm="sha256").hexdigest()
    file.seek(0)

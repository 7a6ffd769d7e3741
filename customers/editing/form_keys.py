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

from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy

from customers.models import FormSubmission

KEY = "form_key"
KEPT_FOR = timedelta(days=2)
RESEND_TIME = timedelta(seconds=10)
"""Within this time a form without a key counts as sent twice."""
ALREADY = gettext_lazy("You sent this form twice: it was stored once.")
_NOT_SENT = {"csrfmiddlewaretoken", "draft", "typed"}
"""The browser adds these, and may change them when it sends the form again."""


def new_key() -> str:
    """Return a key for a form that is about to be shown."""
    return secrets.token_urlsafe(16)


def create_once(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Decorate a view whose POST creates something and then redirects: a form that is sent twice creates it once."""

    @wraps(view)
    def once(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        if request.method != "POST":
            return view(request, *args, **kwargs)
        return answer_once(request, lambda: view(request, *args, **kwargs))

    return once


def answer_once(request: HttpRequest, answer: Callable[[], HttpResponse]) -> HttpResponse:
    """Return the view's answer; where the same form was stored before, tell so and lead to where that one led."""
    answers: list[HttpResponse] = []

    def store() -> str:
        response = answer()
        answers.append(response)
        return response["Location"] if 300 <= response.status_code < 400 else ""

    location = store_once(_sent(request), store, is_keyed=KEY in request.POST)
    if answers:
        return answers[0]
    messages.info(request, ALREADY)
    return redirect(location)


def store_once(sent: object, store: Callable[[], str], *, is_keyed: bool) -> str:
    """Return where that is which ``store`` stores; where the same was ``sent`` before, where that one is.

    It is called in a transaction, and returns '' where nothing was stored. What was sent is JSON; it ``is_keyed``
    where it has a key of its own, else the same counts as sent twice within ``RESEND_TIME`` alone.
    """
    digest = salted_hmac("customers.form_keys", json.dumps(sent), algorithm="sha256").hexdigest()
    with transaction.atomic():
        submission, is_first = _claim(digest, is_keyed=is_keyed)
        if not is_first:
            return submission.location
        location = store()
        if location:
            submission.location = location[:500]
            submission.save(update_fields=["location"])
        else:
            submission.delete()
        return location


def forget_submissions(words: str) -> None:
    """Forget the forms that led to an address with these words in it."""
    FormSubmission.objects.filter(location__contains=words).delete()


def _claim(digest: str, *, is_keyed: bool) -> tuple[FormSubmission, bool]:
    """Return the form's row, and whether this request made it; wait for another request that is making it."""
    now = timezone.now()
    FormSubmission.objects.filter(at__lt=now - KEPT_FOR).delete()
    while True:
        try:
            with transaction.atomic():
                return FormSubmission.objects.create(digest=digest, at=now), True
        except IntegrityError:
            submission = FormSubmission.objects.select_for_update().filter(digest=digest).first()
        if submission is not None:
            is_another = not is_keyed and abs(now - submission.at) > RESEND_TIME
            if is_another:
                submission.at = now
                submission.save(update_fields=["at"])
            return submission, is_another


def _sent(request: HttpRequest) -> list[object]:
    """Return who sent what to where."""
    sent = sorted((name, values) for name, values in request.POST.lists() if name not in _NOT_SENT)
    files = sorted(
        (name, file.name or "", list(_hashes(file))) for name in request.FILES for file in request.FILES.getlist(name)
    )
    return [request.user.pk, request.get_full_path(), sent, files]


def _hashes(file: "UploadedFile[bytes]") -> Iterator[str]:
    for chunk in file.chunks():
        yield salted_hmac("customers.form_keys.file", chunk, algorithm="sha256").hexdigest()
    file.seek(0)

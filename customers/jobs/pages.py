"""How a page tells what kept it from doing its work: a rule, a job that runs, or the database."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.contrib import messages
from django.db import Error
from django.http import HttpRequest
from django.utils.translation import gettext_lazy

from customers.core.pages import tell_database_error
from customers.jobs.lock import LockHeld
from customers.text.say import Words

IMPORT_RUNS = gettext_lazy("An import is running; try again when it has ended.")
IMPORT_OR_SCORING_RUNS = gettext_lazy("An import or a scoring is running; try again when it has ended.")


@contextmanager
def failures_told(request: HttpRequest, *refusals: type[Exception], busy: Words) -> Iterator[None]:
    """Tell the visitor why the block failed: by a refusal's words, ``busy`` for a held lock, or the database."""
    try:
        yield
    except refusals as refusal:
        messages.error(request, str(refusal))
    except LockHeld:
        messages.error(request, str(busy))
    except Error:
        tell_database_error(request)

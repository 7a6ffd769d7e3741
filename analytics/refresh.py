"""Whether a page is still as it was: a tag of everything that it shows, for a refresh that costs next to nothing."""

import hashlib
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.db.models.expressions import RawSQL
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.cache import get_conditional_response, patch_vary_headers

from analytics.models import PortfolioDay
from analytics.visitor import facts, remember
from customers.models import CustomerCare, Erasure, ImportRun, QuarantinedRow
from customers.staging import table_of

KEPT_SECONDS = 3600
"""What is kept under the name of a state is found no more once the state has changed; this clears it away."""


@dataclass(frozen=True)
class State:
    """A page's tag; a name for the state of the program whoever asks; how many rows wait in quarantine."""

    tag: str
    program: str
    quarantined: int


def page_state(request: HttpRequest) -> State:
    """An ETag of what a page shows to this visitor today at this address; one query.

    What it shows changes with a scoring, an import (an undo or a replay is one too), an edit in the admin, an erasure,
    and with who looks after whom, whoever changed that; with the visitor's alerts and tasks, which it remembers for
    the badges; and with a night that begins, ends, or does not come. Two customers that exchange their owners, in a
    way that the admin does not log, are the one change that it does not see.
    """
    runs, care = table_of(ImportRun), table_of(CustomerCare)
    # As the ORM's own subqueries they take ten times as long to write as to answer.
    program = {
        "quarantined": _one(f"COUNT(*) FROM {table_of(QuarantinedRow)} WHERE status = %s", QuarantinedRow.Status.OPEN),
        "scored": _one(f"MAX(scored_at) FROM {table_of(PortfolioDay)}"),
        "dates": _one(f"COUNT(*) FROM {table_of(PortfolioDay)}"),
        "run": _one(f"MAX(id) FROM {runs}"),
        "ended": _one(f"MAX(finished_at) FROM {runs}"),
        "running": _one(f"COUNT(*) FROM {runs} WHERE status = %s", ImportRun.Status.RUNNING),
        "edited": _one(f"MAX(id) FROM {table_of(LogEntry)}"),
        "erased": _one(f"MAX(id) FROM {table_of(Erasure)}"),
        "in_care": _one(f"COUNT(owner_id) FROM {care}"),
        "owners": _one(f"SUM(owner_id) FROM {care}"),
    }
    found = get_user_model().objects.filter(pk=request.user.pk).values(**facts(request.user), **program).get()
    about = remember(request, found)
    what = (
        request.get_full_path(),
        request.user.pk,
        request.user.is_superuser or sorted(request.user.get_all_permissions()),
        timezone.localdate(),
        build(),
        found,
        # It comes with time alone where no night begins.
        about.trouble,
    )
    return State(f'"{_digest(what)}"', _digest([found[name] for name in program]), found["quarantined"])


def _digest(what: Any) -> str:
    return hashlib.sha256(repr(what).encode()).hexdigest()[:32]


def _one(what: str, *parameters: str) -> RawSQL:
    return RawSQL(f"SELECT {what}", parameters)  # noqa: S611 - values are parameters


@cache
def build() -> str:
    """The version of the code: when the newest of our modules and templates was written."""
    folders = (settings.BASE_DIR / "analytics", settings.BASE_DIR / "customers", settings.BASE_DIR / "templates")
    files = (
        path for folder in folders for path in folder.rglob("*") if path.suffix in {".py", ".html", ".js", ".css"}
    )
    return str(max(path.stat().st_mtime_ns for path in files))


def is_refresh(request: HttpRequest) -> bool:
    """Whether the page asks for itself again, rather than a visitor for it."""
    return "HX-Request" in request.headers


def not_modified(request: HttpRequest, tag: str) -> HttpResponse | None:
    """The answer to a refresh that would show nothing new; None where the page has to be made.

    A visit always gets the whole page: it carries messages and a CSRF token.
    """
    response = get_conditional_response(request, etag=tag) if is_refresh(request) else None
    return tagged(response, tag) if response else None


def tagged(response: HttpResponse, tag: str) -> HttpResponse:
    """The response with its tag; only the page's own script keeps it, for the admin forbids every cache to."""
    response.headers["ETag"] = tag
    patch_vary_headers(response, ["Cookie", "HX-Request"])
    return response

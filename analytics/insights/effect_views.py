"""The page that asks of each kind of action whether it helped."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from django.core.paginator import Page, Paginator
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext

from analytics.insights.effect_cases import (
    APART_DAYS,
    HORIZONS,
    LOOK_BACK,
    MAX_SAMPLE,
    PLAYBOOK,
    Kind,
    PlaybookKind,
    playbook_kinds,
)
from analytics.insights.effects import MIN_CASES, NEAR, CountedCase, Effect, counted_cases
from analytics.insights.effects import effects_by_kind as read_effects
from analytics.models import ActionKind, PlaybookRun, Task
from analytics.page_cache import page_cache
from analytics.pages.as_of import as_of
from analytics.pages.user_summary import user_summary
from customers.core.pages import admin_page, admin_response
from customers.models import Customer

ROWS_PER_PAGE = 50


class EffectsKey(page_cache.StateKey):
    """Of the effects as of a scored date."""

    day: date


class CasesKey(page_cache.StateKey):
    """Of the cases that one of the effects counts."""

    day: date
    kind: str
    days: int


@dataclass(frozen=True)
class CaseRow:
    """A case that counts, and what was done: each with the address of its page, and in words."""

    customer: Customer
    deeds: list[tuple[str, str]]
    counted: CountedCase


@dataclass(frozen=True)
class Listed:
    """The cases of one kind and horizon, a page of them."""

    kind: Kind
    days: int
    page: Page[CountedCase]
    rows: list[CaseRow]

    @property
    def is_playbook(self) -> bool:
        """Whether the kind is a playbook."""
        return isinstance(self.kind, PlaybookKind)


@admin_page("customers.view_customer", "analytics.view_task")
def effects(request: HttpRequest) -> HttpResponse:
    """How the score moved after each kind of action, beside similar customers without it."""
    shown = as_of(request)
    context = {
        "title": gettext("Impact"),
        "as_of": shown,
        "kinds": _effects(request, shown.portfolio.date) if shown.portfolio else [],
        "listed": _listed(request, shown.portfolio.date) if shown.portfolio else None,
        "horizons": HORIZONS,
        "near": NEAR,
        "apart": APART_DAYS,
        "least": MIN_CASES,
        "look_back": LOOK_BACK,
        "max_sample": MAX_SAMPLE,
    }
    return admin_response(request, "analytics/insights/effects.html", context)


def _effects(request: HttpRequest, day: date) -> list[tuple[Kind, list[Effect]]]:
    """The effects as of a date, kept until anything changes."""
    return page_cache.get_or_set(EffectsKey(version=user_summary(request).version, day=day), lambda: read_effects(day))


def _listed(request: HttpRequest, day: date) -> Listed | None:
    """Return the cases that the address asks for, such as ``call-14``; None where it asks for none."""
    cases_of = request.GET.get("cases", "")
    kinds: Sequence[Kind] = playbook_kinds() if cases_of.startswith(PLAYBOOK) else list(ActionKind)
    asked = {f"{kind.value}-{days}": (kind, days) for kind in kinds for days in HORIZONS}
    kind, days = asked.get(cases_of, (None, 0))
    if kind is None:
        return None
    key = CasesKey(version=user_summary(request).version, day=day, kind=kind.value, days=days)
    cases = page_cache.get_or_set(key, lambda: counted_cases(day, kind, days))
    page = Paginator(cases, ROWS_PER_PAGE).get_page(request.GET.get("page"))
    return Listed(kind, days, page, _rows(kind, list(page)))


def _rows(kind: Kind, counted: list[CountedCase]) -> list[CaseRow]:
    """Return the rows of a page's cases, each with what was done; one query."""
    concerned = Q(customer__in={one.case.customer for one in counted})
    days = {one.case.day for one in counted}
    done: dict[tuple[str, date | None], list[tuple[Customer, str, str]]] = defaultdict(list)
    if isinstance(kind, PlaybookKind):
        runs = PlaybookRun.objects.filter(concerned, playbook=kind.pk, day__in=days)
        address = reverse("analytics:playbook", args=[kind.pk])
        for run in runs.exclude(state=PlaybookRun.State.PASSED).select_related("customer").order_by("pk"):
            done[run.customer_id, run.day].append((run.customer, address, run.get_state_display()))
    else:
        tasks = Task.objects.filter(concerned, state=Task.State.DONE, kind=kind, closed_on__in=days)
        for task in tasks.select_related("customer").order_by("pk"):
            address = reverse("analytics:task", args=[task.pk])
            done[task.customer_id, task.closed_on].append((task.customer, address, task.what))
    # Its tasks may have been opened again a moment ago.
    return [
        CaseRow(own[0][0], [(address, words) for _customer, address, words in own], one)
        for one in counted
        if (own := done.get((one.case.customer, one.case.day)))
    ]

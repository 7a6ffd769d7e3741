"""What the page My day shows: whose customers, in which tab, and the items of one of its pages."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

from django.core.paginator import Page, Paginator
from django.db.models import Q
from django.http import HttpRequest, QueryDict
from django.utils.translation import gettext, gettext_lazy

from analytics.customer_list.first_view import ME, OWNER
from analytics.display.filter_choices import is_key, owner_in_words
from analytics.models import PlaybookStepRun, PortfolioDay
from analytics.my_day.acts import ACTS
from analytics.my_day.done import deed_in_words, done_today
from analytics.my_day.facts import WorkFacts
from analytics.my_day.items import WorkItem, work_items
from analytics.my_day.members import NOBODY, TEAM, WorkMember, which_of
from analytics.my_day.worklist import Worklist, by_health_alone, newest_days, to_do_counts, worklist
from analytics.page_cache import page_cache
from analytics.page_cache.version import StateVersion
from analytics.pages.as_of import AsOf
from analytics.pages.user_summary import user_summary
from analytics.playbooks.listing import waiting_emails
from analytics.portfolio.comparison import comparison_day
from customers.clock import program_today
from customers.core.pages import user_of
from customers.models import Customer
from customers.text.say import Words


class ApprovalsKey(page_cache.StateKey):
    """Of the emails that wait for approval, of somebody's customers."""

    whose: str


class ItemsKey(page_cache.StateKey):
    """Of what a page of the worklist says of customers, by the keys of their snapshots."""

    today: date
    day: date
    before: date | None
    keys: tuple[int, ...]


class DoneKey(page_cache.StateKey):
    """Of what was done today about somebody's customers."""

    today: date
    whose: str


@dataclass(frozen=True)
class Approvals:
    """The emails that wait for approval: the first of them, and how many there are."""

    first: Sequence[PlaybookStepRun]
    count: int


Row = TypeVar("Row", str, WorkMember)
ROWS_PER_PAGE = 25
MOST_APPROVALS = 5
TO_DO, WAITING, DONE = "todo", "waiting", "done"
TABS = {TO_DO: gettext_lazy("To do"), WAITING: gettext_lazy("Waiting"), DONE: gettext_lazy("Done today")}
QUICK = ("call", "task", "snooze")
"""The acts that stand beside each customer; the others are under More."""
MORE = ("complete", "acknowledge", "assign", "dismiss")


@dataclass(frozen=True)
class TabLink:
    """One of the links that narrow the list: a label, the address' query, whether it is chosen, and how many."""

    label: Words
    query: str
    chosen: bool
    count: int | None


@dataclass(frozen=True)
class Dealt:
    """A customer and what was done about it today, the newest first."""

    customer: Customer
    deeds: Sequence[str]


def with_owner_in_full(request: HttpRequest) -> str:
    """Return the address' query with whose customers it means, as far as it leaves that to who asks; '' else.

    Without a word it is the visitor's own, or the team's for who owns none.
    """
    address, asked = request.GET, request.GET.get(OWNER)
    if asked is not None and asked != ME:
        return ""
    named = address.copy()
    mine = asked == ME or user_summary(request).owns
    named[OWNER] = str(request.user.pk) if mine else TEAM
    return named.urlencode()


def my_day(request: HttpRequest, portfolio: PortfolioDay) -> dict[str, object]:
    """Return what the page of the customers to act on needs, as of the newest scored date; constant queries."""
    version, today = user_summary(request).version, program_today()
    _newest, before = newest_days(version.data)
    whose, tab = _whose(request.GET), _tab(request.GET)
    labels = _labels(request, whose)
    to_do = to_do_counts(portfolio, before, tuple(labels), today, version)
    shown = worklist(portfolio, before, whose, today, version)
    done = page_cache.get_or_set(
        DoneKey(version=version, today=today, whose=whose), lambda: done_today(which_of(whose), today)
    )
    counts = {TO_DO: len(shown.to_do), WAITING: len(shown.waiting), DONE: len(done)}
    context: dict[str, object] = {
        "whose": [
            TabLink(label, _query(request.GET, owner=one), one == whose, to_do[one]) for one, label in labels.items()
        ],
        "tabs": [TabLink(label, _query(request.GET, tab=one), one == tab, counts[one]) for one, label in TABS.items()],
        "tab": tab,
        "today": today,
        "is_team": whose == TEAM,
        "quick": _acts(request, QUICK),
        "more": _acts(request, MORE),
        "approvals": _approvals(whose, version) if request.user.has_perm("analytics.view_playbookrun") else None,
        "may_bring_back": "bring-back" in _acts(request, ("bring-back",)),
    }
    if tab == DONE:
        return context | _done(request, done)
    rows: Sequence[WorkMember] = shown.to_do if tab == TO_DO else [member for member, _wait in shown.waiting]
    page = _page(request, rows)
    return context | {"page": page, "items": _kept_items(portfolio, before, list(page), shown, today, version)}


def _kept_items(
    portfolio: PortfolioDay,
    before: PortfolioDay | None,
    members: Sequence[WorkMember],
    shown: Worklist,
    today: date,
    version: StateVersion,
) -> list[WorkItem]:
    """Return what to say today of members of a worklist; kept until anybody changes anything."""

    def make() -> list[WorkItem]:
        waits = {member.customer: wait for member, wait in shown.waiting}
        return work_items(portfolio, before, members, today, waits)

    since, keys = before.date if before else None, tuple(one.snapshot for one in members)
    key = ItemsKey(version=version, today=today, day=portfolio.date, before=since, keys=keys)
    return page_cache.get_or_set(key, make)


def earlier_list(request: HttpRequest, portfolio: PortfolioDay, before: PortfolioDay | None) -> dict[str, object]:
    """Return what the page needs as of an earlier scored date: who was to be acted on, and nothing of today."""
    members = by_health_alone(portfolio, before, user_summary(request).version.data)
    page = _page(request, members)
    return {"page": page, "items": work_items(portfolio, before, list(page)), "tab": TO_DO, "is_team": True}


def customers_of_day(request: HttpRequest, address: QueryDict, shown: AsOf) -> list[str]:
    """Return the customers of all pages of the list with an address' query, in its order."""
    if shown.portfolio is None:
        return []
    version, today = user_summary(request).version, program_today()
    if not shown.is_newest:
        before = comparison_day(shown.portfolio.date)
        return by_health_alone(shown.portfolio, before, version.data).customers
    whose, tab = _whose(address), _tab(address)
    if tab == DONE:
        return _newest_first(done_today(which_of(whose), today))
    found = worklist(shown.portfolio, newest_days(version.data)[1], whose, today, version)
    return found.to_do.customers if tab == TO_DO else [member.customer for member, _wait in found.waiting]


def customer_item(request: HttpRequest, customer: Customer) -> WorkItem | None:
    """Return what to say of one customer; None where it is on no worklist today."""
    version, today = user_summary(request).version, program_today()
    portfolio, before = newest_days(version.data)
    if portfolio is None:
        return None
    found = worklist(portfolio, before, TEAM, today, version)
    waits = {member.customer: wait for member, wait in found.waiting}
    members = found.to_do.of(customer.pk) or [one for one, _wait in found.waiting if one.customer == customer.pk]
    return next(iter(work_items(portfolio, before, members, today, waits)), None)


def _done(request: HttpRequest, done: WorkFacts) -> dict[str, object]:
    page = _page(request, _newest_first(done))
    customers = Customer.objects.in_bulk(list(page))
    deeds = {key: sorted(done[key], key=lambda one: one.moment, reverse=True) for key in page}
    return {"page": page, "dealt": [Dealt(customers[key], [deed_in_words(one) for one in deeds[key]]) for key in page]}


def _newest_first(done: WorkFacts) -> list[str]:
    return sorted(done, key=lambda key: max(one.moment for one in done[key]), reverse=True)


def _whose(address: QueryDict) -> str:
    """Return whose customers the address asks for; what is nobody's key is a user without customers."""
    asked = address.get(OWNER, TEAM)
    return asked if asked in {TEAM, NOBODY} or is_key(asked) else "0"


def _tab(address: QueryDict) -> str:
    asked = address.get("tab", TO_DO)
    return asked if asked in TABS else TO_DO


def _approvals(whose: str, version: StateVersion) -> Approvals:
    """Return the emails of playbooks that wait for approval, of the customers whose the list is."""
    which = Q() if whose == TEAM else Q(run__customer__care__owner=None if whose == NOBODY else int(whose))

    def read() -> Approvals:
        found = waiting_emails().filter(which)
        first = list(found[: MOST_APPROVALS + 1])
        return Approvals(first[:MOST_APPROVALS], len(first) if len(first) <= MOST_APPROVALS else found.count())

    return page_cache.get_or_set(ApprovalsKey(version=version, whose=whose), read)


def _labels(request: HttpRequest, whose: str) -> dict[str, str]:
    labels = {str(request.user.pk): gettext("Mine"), TEAM: gettext("Team"), NOBODY: gettext("Unassigned")}
    if whose not in labels:
        labels[whose] = owner_in_words(whose)
    return labels


def _acts(request: HttpRequest, names: Sequence[str]) -> dict[str, Words]:
    """Return the labels of the acts that the visitor may do, by name."""
    user = user_of(request)
    return {name: ACTS[name].label for name in names if user.has_perm(ACTS[name].permission)}


def _query(address: QueryDict, **changed: str) -> str:
    query = address.copy()
    query.pop("page", None)
    for name, value in changed.items():
        query[name] = value
    return query.urlencode()


def _page(request: HttpRequest, rows: Sequence[Row]) -> "Page[Row]":
    return Paginator(rows, ROWS_PER_PAGE).get_page(request.GET.get("page"))

"""The list of milestones: who has reached which in a week, narrowed and paged by the address, the newest first."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import ClassVar

from django.core.paginator import Page, Paginator
from django.db.models import Q
from django.http import HttpRequest, QueryDict
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django_filters.filters import CharFilter, ChoiceFilter, Filter
from django_filters.filterset import FilterSet

from analytics.display.filter_choices import filter_choices, is_key, owner_in_words, with_asked
from analytics.models import Snapshot, SnapshotQuerySet
from analytics.page_cache import page_cache
from analytics.pages.as_of import as_of
from analytics.pages.user_summary import user_summary
from analytics.portfolio.comparison import WEEK
from analytics.portfolio.milestones import Milestone, Reached, Week, reached_of, reaching, week_of
from customers.core.limits import batches
from customers.text.numbers import number_or_none
from customers.text.quoted import quoted
from customers.text.say import say

ROWS_PER_PAGE = 50
WEEKS_BACK = 12
MAX_WORDS = 20
NONE = "none"
_BACK = [str(back) for back in range(1, WEEKS_BACK + 1)]
"""How many weeks before the newest one, as an address says it."""


class MilestoneFilter(FilterSet):
    """Narrows the snapshots of who has reached a milestone in a week; every filter is in the address."""

    base_filters: ClassVar[dict[str, Filter]]

    q = CharFilter(method="search", label=_("Search"))
    kind = ChoiceFilter(method="as_chosen", label=_("Milestone"), choices=Milestone.choices, empty_label=_("All"))
    week = ChoiceFilter(
        method="as_chosen",
        label=_("Week"),
        choices=[(value, value) for value in _BACK],
        empty_label=_("This week"),
    )
    cohort = ChoiceFilter(method="of_cohort", label=_("Cohort"), choices=[], empty_label=_("All"))
    owner = ChoiceFilter(method="of_owner", label=_("Owner"), choices=[], empty_label=_("All"))

    class Meta:
        model = Snapshot
        fields: list[str] = []

    def __init__(self, data: QueryDict, day: date) -> None:
        asked = data.get("kind", "")
        self.kinds = [Milestone(asked)] if asked in Milestone.values else list(Milestone)
        back = number_or_none(data.get("week", "")) or 0
        self.shown: Week | None = week_of(day, back if back <= WEEKS_BACK else 0)
        found = reaching(self.shown, self.kinds) if self.shown else Snapshot.objects.none()
        super().__init__(data, queryset=found)  # type: ignore[no-untyped-call]  # django-filter's
        weeks = [(value, say("7 days to {day}", day=day - timedelta(days=WEEK * int(value)))) for value in _BACK]
        self.filters["week"].extra["choices"] = weeks
        known = filter_choices()
        cohorts = [(key or NONE, label or gettext("No cohort")) for key, label in known.cohort]
        self.filters["cohort"].extra["choices"] = cohorts
        owners = [(NONE, gettext("Unassigned")), *known.owner]
        keys = [key for key in self.data.getlist("owner") if is_key(key)]
        self.filters["owner"].extra["choices"] = with_asked(owners, keys, owner_in_words)

    def as_chosen(self, queryset: SnapshotQuerySet, name: str, value: str) -> SnapshotQuerySet:
        """Keep what is there: the snapshots were asked for by these filters."""
        return queryset

    def search(self, queryset: SnapshotQuerySet, name: str, value: str) -> SnapshotQuerySet:
        """Keep the customers in whose name or id each of the words occurs."""
        for word in value.split()[:MAX_WORDS]:
            queryset = queryset.filter(Q(customer__organization__finds=word) | Q(customer__pk__finds=word))
        return queryset

    def of_cohort(self, queryset: SnapshotQuerySet, name: str, value: str) -> SnapshotQuerySet:
        """Keep the customers of a cohort, or of none."""
        return queryset.filter(customer__cohort="" if value == NONE else value)

    def of_owner(self, queryset: SnapshotQuerySet, name: str, value: str) -> SnapshotQuerySet:
        """Keep the customers of an owner, or of nobody."""
        return queryset.filter(customer__care__owner=None if value == NONE else int(value))

    @property
    def reached(self) -> list[Reached]:
        """What was reached, the newest first; nothing where a filter is not understood, or no date is scored.

        One query.
        """
        return [] if self.errors or self.shown is None else reached_of(self.qs, self.kinds)


class MilestonesKey(page_cache.StateKey):
    """Of what the list has as of a scored date, narrowed by an address."""

    day: date
    asked: str


@dataclass(frozen=True)
class MilestoneRow:
    """A milestone with its customer's snapshot of the week's newest scored date."""

    reached: Reached
    snapshot: Snapshot


@dataclass(frozen=True)
class MilestoneList:
    """What an address asks for: the filters, what was reached, and what of the address is not understood."""

    filters: MilestoneFilter
    reached: list[Reached]
    ignored: list[str]

    @property
    def is_narrowed(self) -> bool:
        """Whether a filter is set, be it understood or not."""
        return any(self.filters.data.get(name) for name in self.filters.filters)

    def page(self, number: str | None) -> "Page[Reached]":
        """Return a page of what was reached."""
        return Paginator(self.reached, ROWS_PER_PAGE).get_page(number)

    def rows(self, reached: Iterable[Reached]) -> list[MilestoneRow]:
        """Return what was reached with the snapshots; one query, or one for each of many batches."""
        wanted, week = list(reached), self.filters.shown
        if week is None:
            return []
        found: dict[str, Snapshot] = {}
        for some in batches(sorted({one.customer for one in wanted})):
            found |= {one.customer_id: one for one in Snapshot.objects.on(week.last).filter(customer__in=some)}
        # An erasure may have taken one since the list was read.
        return [MilestoneRow(one, found[one.customer]) for one in wanted if one.customer in found]


def milestone_list(request: HttpRequest, day: date, address: QueryDict | None = None) -> MilestoneList:
    """Return what an address asks for as of a scored date, kept until anything changes."""
    asked = request.GET if address is None else address
    filters = MilestoneFilter(asked, day)
    narrowed = {name: asked.get(name, "") for name in filters.filters}
    key = MilestonesKey(version=user_summary(request).version, day=day, asked=repr(narrowed))
    reached = page_cache.get_or_set(key, lambda: filters.reached)
    known = {*filters.filters, "page", "as_of"}
    unknown = [say("There is no filter {name}.", name=quoted(name)) for name in asked if name not in known]
    return MilestoneList(filters, reached, unknown)


def customers_of_milestones(request: HttpRequest, address: QueryDict) -> list[str]:
    """Return the customers of all pages of the list with an address' query, in its order, each once."""
    portfolio = as_of(request).portfolio
    reached = milestone_list(request, portfolio.date, address).reached if portfolio else []
    return list(dict.fromkeys(one.customer for one in reached))

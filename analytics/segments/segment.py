"""A segment: the customers that a stored query of filters means on a scored date, or why it means none."""

from dataclasses import dataclass
from datetime import date
from functools import cached_property

from django.http import QueryDict
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from analytics.display.filter_choices import DELETED, FilterChoices
from analytics.models import SnapshotQuerySet
from analytics.portfolio.score_change import ScoreChanges
from analytics.segments.address import NOT_OF_THE_TABLE, OF_THE_TABLE, narrowed_query
from analytics.segments.filters import ME, SnapshotFilter
from analytics.segments.in_words import filters_in_words, in_one_sentence, refusals
from customers.text.say import say

NOTHING = _("Choose at least one condition, or it would mean every customer.")
NO_ME = _("Owner: nobody is “me” here; choose an owner by name.")


def conditions_of(address: QueryDict) -> str:
    """Return the query of an address of the customer table without what no filter is, such as its order."""
    return narrowed_query(address, leave_out=(*OF_THE_TABLE, *NOT_OF_THE_TABLE))


@dataclass(frozen=True)
class Segment:
    """What a ``query`` of filters means on ``day``; ``choices`` of the menus, where they are known, save a query."""

    query: str
    day: date
    choices: FilterChoices | None = None

    @cached_property
    def filters(self) -> SnapshotFilter:
        """The filters as the query sets them."""
        changes = ScoreChanges(self.day)
        return SnapshotFilter(QueryDict(self.query), self.day, changes=changes, user=None, me=None, known=self.choices)

    @cached_property
    def problems(self) -> list[str]:
        """What is not understood, in words: with any of it, the query means nobody."""
        asked = QueryDict(self.query)
        known = SnapshotFilter.base_filters
        found = [say("There is no filter “{name}”.", name=name) for name in asked if name not in known]
        found += refusals(self.filters)
        if ME in asked.getlist("owner"):
            found.append(str(NO_ME))
        elif any(one.name == "owner" and one.words == str(DELETED) for one in filters_in_words(self.filters)):
            found.append(gettext("Owner: somebody whose account was deleted."))
        return found or ([] if any(filters_in_words(self.filters)) else [str(NOTHING)])

    @property
    def snapshots(self) -> SnapshotQuerySet:
        """The snapshots of the date that meet all conditions; none where any is not understood."""
        found: SnapshotQuerySet = self.filters.qs
        return found.none() if self.problems else found

    def on(self, day: date) -> "Segment":
        """Return what the query means on another date, without asking for the choices again."""
        return Segment(self.query, day, self.filters.known)

    @cached_property
    def words(self) -> str:
        """The conditions in words, such as ``Status: At risk or Inactive; Score to: 40``."""
        return in_one_sentence(self.filters)

"""The customers behind a number of a month end: who was At risk by which policies, and who went quiet."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from django.core.paginator import Page, Paginator
from django.utils.translation import gettext_lazy as _

from analytics.policy_lab.back_test.trials import MonthCases
from customers.models import Customer
from customers.text.say import Words

ROWS_PER_PAGE = 50


GROUPS: Mapping[str, Callable[[bool, bool], bool]] = {
    "flagged": lambda at_risk, _quiet: at_risk,
    "hits": lambda at_risk, quiet: at_risk and quiet,
    "missed": lambda at_risk, quiet: quiet and not at_risk,
}
"""Some of the customers of a month end: who is in it by At risk and went quiet."""
KINDS: Mapping[str, Words] = {
    "after-flagged": _("At risk, by the draft"),
    "after-hits": _("At risk, went quiet, by the draft"),
    "after-missed": _("Went quiet, not At risk, by the draft"),
    "before-flagged": _("At risk, by the policies in force"),
    "before-hits": _("At risk, went quiet, by the policies in force"),
    "before-missed": _("Went quiet, not At risk, by the policies in force"),
}
"""The groups of both sides, as an address names them, in words."""


@dataclass(frozen=True)
class BackTestedCustomer:
    """A customer at a month end; ``name`` is '' where it has none."""

    customer: str
    name: str
    before: int
    after: int
    went_quiet: bool


@dataclass(frozen=True)
class GroupPage:
    """A page of the customers of one of the ``KINDS``."""

    label: Words
    page: Page[int]
    rows: list[BackTestedCustomer]


def list_group(cases: MonthCases, kind: str, page: str) -> GroupPage:
    """Return a page of a group, the lowest scores of its side first; one query for the names."""
    name_of_side, _dash, name = kind.partition("-")
    side = cases.after if name_of_side == "after" else cases.before
    is_in = GROUPS[name]
    both = enumerate(zip(side.at_risk, cases.went_quiet, strict=True))
    places = sorted((place for place, said in both if is_in(*said)), key=side.scores.__getitem__)
    shown = Paginator(places, ROWS_PER_PAGE).get_page(page)
    keys = [cases.customers[place] for place in shown]
    names = dict(Customer.objects.filter(pk__in=keys).values_list("pk", "organization"))
    rows = [
        BackTestedCustomer(
            cases.customers[place],
            names.get(cases.customers[place], ""),
            cases.before.scores[place],
            cases.after.scores[place],
            cases.went_quiet[place],
        )
        for place in shown
    ]
    return GroupPage(KINDS[kind], shown, rows)

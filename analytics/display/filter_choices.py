"""What the table can be narrowed to: the cohorts, industries and owners that there are, in one cheap query."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.utils.translation import gettext_lazy

from analytics.page_cache import page_cache
from analytics.page_cache.version import StateVersion
from customers.core.people import display_name, name_of
from customers.core.prepared import fetch_prepared
from customers.text.fold import fold
from customers.text.numbers import number_or_none
from customers.text.say import Words, say

MOST = 500
"""A menu shows no more; beyond them the address still takes any."""
DELETED = gettext_lazy("Somebody whose account was deleted")

# Each WITH jumps along an index from one value to the next, so that the cost is that of the values, not of the rows.
_SQL = """
WITH RECURSIVE
cohorts(value) AS (
    SELECT MIN(cohort) FROM customers_customer
    UNION ALL
    SELECT (SELECT MIN(cohort) FROM customers_customer WHERE cohort > value) FROM cohorts WHERE value IS NOT NULL
),
industries(value) AS (
    SELECT MIN(industry) FROM customers_customer
    UNION ALL
    SELECT (SELECT MIN(industry) FROM customers_customer WHERE industry > value)
    FROM industries WHERE value IS NOT NULL
),
owners(value) AS (
    SELECT MIN(owner_id) FROM customers_customercare
    UNION ALL
    SELECT (SELECT MIN(owner_id) FROM customers_customercare WHERE owner_id > value)
    FROM owners WHERE value IS NOT NULL
)
SELECT * FROM (SELECT 'cohort', value, '', '', '' FROM cohorts LIMIT %s) AS one
UNION ALL
SELECT * FROM (SELECT 'industry', value, '', '', '' FROM industries LIMIT %s) AS two
UNION ALL
SELECT * FROM (
    SELECT 'owner', CAST(id AS varchar(20)), first_name, last_name, username FROM auth_user
    WHERE id IN (SELECT value FROM owners LIMIT %s)
) AS three
"""


@dataclass(frozen=True)
class FilterChoices:
    """Values and their words for each menu, in order; ``cut`` names the menus that do not show all."""

    cohort: list[tuple[str, str]]
    industry: list[tuple[str, str]]
    owner: list[tuple[str, str]]
    cut: frozenset[str]


def filter_choices() -> FilterChoices:
    """Return the cohorts and industries of all customers ('' stands for none), and all who own one; one query."""
    found: dict[str, list[tuple[str, str]]] = {"cohort": [], "industry": [], "owner": []}
    for menu, value, *person in fetch_prepared(_SQL, [MOST + 1] * 3):
        if value is not None:
            found[menu].append((value, display_name(*person) if menu == "owner" else value))
    cut = frozenset(menu for menu, choices in found.items() if len(choices) > MOST)
    lists = {menu: sorted(choices[:MOST], key=lambda choice: fold(choice[1])) for menu, choices in found.items()}
    return FilterChoices(**lists, cut=cut)


class FilterChoicesKey(page_cache.StateKey):
    """Of the choices that there are."""


def kept_choices(version: StateVersion) -> FilterChoices:
    """Return the ``filter_choices`` of a version of the state."""
    return page_cache.get_or_set(FilterChoicesKey(version=version), filter_choices)


def with_asked(
    choices: Sequence[tuple[str, Words]], asked: Iterable[str], words: Callable[[str], Words | None]
) -> list[tuple[str, Words]]:
    """Return the choices, and what an address asks for beyond them, which matches nobody at the moment.

    A menu that is cut does not show it either.
    """
    there = {key for key, _label in choices}
    more = [key for key in dict.fromkeys(asked) if key and key not in there]
    return [*choices, *((key, words(key) or key) for key in more)]


def is_key(text: str) -> bool:
    """Return whether an address' value can be the key of an account."""
    return number_or_none(text) is not None


def owner_in_words(key: str) -> str:
    """Return what somebody is called who looks after no customer; one query."""
    person = User.objects.filter(pk=key).first()
    if person is None:
        return str(DELETED)
    return name_of(person) if person.is_active else say("{name} (no longer active)", name=name_of(person))

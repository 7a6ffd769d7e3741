"""What a few letters find: a handful of each kind, the best match first, within the permissions of whoever asks."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.utils.translation import gettext

from analytics.page_cache.version import DataVersion
from customers.text.fold import fold
from rsolv_cs import navigation
from rsolv_cs.palette import rows
from rsolv_cs.palette.result import Result, rank

MOST_CUSTOMERS, MOST_OTHERS = 8, 5
MAX_LENGTH, MAX_WORDS = 200, 20


@dataclass(frozen=True)
class Group:
    """Results of one kind under its heading."""

    label: str
    results: list[Result]


def find(user: User, text: str, version: DataVersion) -> list[Group]:
    """Return what a user's text finds, in groups that are not empty; pages and actions where it is blank.

    ``version`` is that of the data.
    """
    words = text[:MAX_LENGTH].replace("\0", " ").split()[:MAX_WORDS]
    pages = [Result(page.label, page.address, page.icon, page.group) for page in navigation.pages(user)]
    actions = [Result(action.label, action.address, action.icon) for action in navigation.actions(user)]
    if not words:
        found = [
            Group(gettext("Pages"), [page for page in pages if not page.hint]),
            Group(gettext("Actions"), actions),
        ]
    else:
        sees_customers = user.has_perm("customers.view_customer")
        sees_reports = sees_customers and user.has_perm("analytics.view_report")
        sees_boards = sees_customers and user.has_perm("analytics.view_board")
        sees_policies = sees_customers and user.has_perm("analytics.view_scoringpolicy")
        sees_playbooks = sees_customers and user.has_perm("analytics.view_playbook")
        sees_destinations = sees_customers and user.has_perm("analytics.view_destination")
        sees_webhooks = user.has_perm("analytics.view_webhookendpoint")
        sees_tasks = sees_customers and user.has_perm("analytics.view_task")
        found = [
            Group(gettext("Customers"), rows.customers(version, words, MOST_CUSTOMERS) if sees_customers else []),
            Group(gettext("Pages"), _best(pages, words)),
            Group(gettext("Actions"), _best(actions, words)),
            Group(gettext("Reports"), rows.reports(user, words, MOST_OTHERS) if sees_reports else []),
            Group(gettext("Boards"), rows.boards(user, words, MOST_OTHERS) if sees_boards else []),
            Group(gettext("Scoring policies"), rows.policies(words, MOST_OTHERS) if sees_policies else []),
            Group(gettext("Playbooks"), _best(rows.playbooks(), words) if sees_playbooks else []),
            Group(gettext("CRM"), _best(rows.destinations(), words) if sees_destinations else []),
            Group(gettext("Webhooks"), _best(rows.webhooks(), words) if sees_webhooks else []),
            Group(gettext("Open tasks"), rows.open_tasks(words, MOST_OTHERS) if sees_tasks else []),
        ]
    return [group for group in found if group.results]


def _best(results: list[Result], words: list[str]) -> list[Result]:
    """Return the results whose titles have each word, the best first; equal ones in the order of the menu."""
    asked = [_forms(fold(word)) for word in words]

    def matching() -> Iterator[Result]:
        for result in results:
            title = fold(result.title)
            if all(any(form in title for form in forms) for forms in asked):
                yield result

    return sorted(matching(), key=lambda result: rank(words, result.title))[:MOST_OTHERS]


def _forms(word: str) -> list[str]:
    """Return a word and its plural where that does not begin with it: pages are called after many."""
    return [word, f"{word[:-1]}ies"] if word.endswith("y") else [word]

"""What is kept for pages: right for everybody, and never too old."""

import dataclasses
import pickle
import re
from collections import defaultdict
from collections.abc import Callable
from dataclasses import MISSING
from datetime import date
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import caches
from django.db import connection
from django.db.models import F
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

import analytics.urls
from analytics.models import Alert, AlertRule, RecommendationRule, Task
from analytics.page_cache import page_cache
from analytics.page_cache.version import DataVersion, StateVersion
from analytics.reports import pinned
from analytics.scoring.snapshots import score_day
from analytics.tasks.admin import RecommendationRuleAdmin
from analytics.templatetags import rsolv
from customers.erasure.erase import erase
from customers.models import Customer, CustomerCare, Engagement, ImportRun, Note
from customers.runs.undo import undo
from rsolv_cs.templatetags import palette
from tests.factories import make_engagement, make_forecast_case, make_run, make_staff
from tests.support.boards import make_board, saved
from tests.support.crm import make_destination
from tests.support.pages import forget, main_part, names
from tests.support.policies import make_draft

pytestmark = pytest.mark.django_db

ADDRESSES = (
    "",
    "?as_of=2025-05-03",
    "?owner=nobody",
    "?per_page=50&sort=-score",
    "?q=a&sort=customer",
    "?status=at_risk&columns=score,email",
    "?status=nonsense&history=30&days=90",
    "?page=2",
)


# --- Each visitor's own page --------------------------------------------------------------------------------------


def shown(response: HttpResponse) -> str:
    """A page but for what is new each time."""
    assert response.status_code == 200
    page = re.sub(r'name="(csrfmiddlewaretoken|form_key)" value="[\w-]+"', "", main_part(response))
    return re.sub(r'Updated \d\d:\d\d|data-time="\d\d:\d\d"', "", page)


@pytest.fixture
def visitors(demo_program: None) -> list[Client]:
    """One of each role, one who looks after a customer, and one for whom an alert waits."""
    people = [
        make_staff("Viewer"),
        make_staff("Success manager"),
        make_staff("Success manager"),
        make_staff("Program manager"),
        make_staff(is_superuser=True),
    ]
    care = CustomerCare.objects.create(customer=Customer.objects.get(pk="c1001"), owner=people[1])
    opened = {"opened_on": date(2025, 5, 9), "raised_at": timezone.now(), "text": "At risk"}
    Alert.objects.create(rule=AlertRule.objects.filter(kind="at_risk").get(), customer=care.customer, **opened)
    clients = [Client() for _ in people]
    for client, person in zip(clients, people, strict=True):
        client.force_login(person)
    return clients


@pytest.mark.sqlite_is_enough
def test_everybody_gets_the_page_that_would_be_made_anew(visitors: list[Client]) -> None:
    asked = [(client, f"/admin/{query}") for query in ADDRESSES for client in visitors]
    anew = []
    for client, address in asked:
        forget()
        anew.append(shown(client.get(address, follow=True)))
    assert len(set(anew)) > len(ADDRESSES)
    for order in (1, -1):
        forget()
        assert [shown(client.get(address, follow=True)) for client, address in asked[::order]] == anew[::order]


# --- After what somebody has done --------------------------------------------------------------------------------

RULES = "/admin/analytics/recommendationrule/"


def fields(client: Client, address: str, **changed: Any) -> dict[str, Any]:
    """What a form of the admin would send, but for what is changed."""
    form = client.get(address).context["adminform"].form
    sent = {name: form[name].value() for name in form.fields}
    return {name: value for name, value in {**sent, **changed}.items() if value not in (None, False)}


def assign_an_owner(client: Client) -> None:
    client.post("/admin/assign/", {"customer": "c1001", "expected": "1", "owner": make_staff("Success manager").pk})


def rename_an_owner(client: Client) -> None:
    address = f"/admin/auth/user/{User.objects.get(username='owner').pk}/change/"
    since = {"date_joined_0": "2025-01-01", "date_joined_1": "00:00"}
    client.post(address, fields(client, address, first_name="Renamed", last_name="Entirely", **since))


def change_a_rule(client: Client) -> None:
    address = f"{RULES}{blocked().pk}/change/"
    client.post(address, fields(client, address, text="Call them at once"))


def delete_a_rule(client: Client) -> None:
    client.post(f"{RULES}{blocked().pk}/delete/", {"post": "yes"})


def delete_the_chosen_rules(client: Client) -> None:
    client.post(RULES, {"action": "delete_selected", "_selected_action": [blocked().pk], "post": "yes"})


def take_a_task(client: Client) -> None:
    address = f"/admin/tasks/new/?customer=c1001&rule={blocked().pk}"
    form = client.get(address).context["form"]
    client.post(address, {name: form[name].value() or "" for name in form.fields})


def close_a_task(client: Client) -> None:
    client.post(f"/admin/tasks/{Task.objects.get(what='Open one').pk}/", {"do": "dropped", "outcome_note": "No"})


def open_a_task_again(client: Client) -> None:
    client.post(f"/admin/tasks/{Task.objects.get(what='Closed one').pk}/", {"do": "reopen"})


def erase_somebody(_client: Client) -> None:
    erase("c1003", "test")


def score_again(_client: Client) -> None:
    Engagement.objects.filter(customer="c1001").update(issues_tagged=F("issues_tagged") + 100)
    score_day(date(2025, 5, 10))


def undo_the_customers(_client: Client) -> None:
    undo(ImportRun.objects.filter(feed="customers").latest("pk"), "test")


def blocked() -> RecommendationRule:
    """The rule that the dashboard's first customer has."""
    return RecommendationRule.objects.get(urgency=10)


@pytest.mark.sqlite_is_enough
@pytest.mark.parametrize(
    "act",
    [
        assign_an_owner,
        rename_an_owner,
        change_a_rule,
        delete_a_rule,
        delete_the_chosen_rules,
        take_a_task,
        close_a_task,
        open_a_task_again,
        erase_somebody,
        score_again,
        undo_the_customers,
    ],
)
def test_the_next_page_shows_it(visitors: list[Client], act: Callable[[Client], None]) -> None:
    *_others, reader, admin = visitors
    owner = make_staff("Success manager", username="owner", first_name="Before")
    CustomerCare.objects.create(customer=Customer.objects.get(pk="c1002"), owner=owner)
    about = {"customer": Customer.objects.get(pk="c1001"), "kind": "call", "due": date(2025, 5, 12), "owner": owner}
    Task.objects.create(what="Open one", rule=RecommendationRule.objects.get(urgency=20), **about)
    closed = {"closed_at": timezone.now(), "closed_on": date(2025, 5, 9)}
    Task.objects.create(what="Closed one", state=Task.State.DROPPED, **closed, **about)

    def pages() -> list[str]:
        return [shown(reader.get(address)) for address in ("/admin/?owner=", "/admin/customer/c1001/")]

    before = pages()
    act(admin)
    after = pages()
    assert after != before
    forget()
    assert after == pages()


def test_a_deletion_is_not_logged_before_it_is_done(visitors: list[Client], monkeypatch: pytest.MonkeyPatch) -> None:
    within = []
    outside = len(connection.atomic_blocks)
    monkeypatch.setattr(
        RecommendationRuleAdmin, "delete_queryset", lambda *_: within.append(len(connection.atomic_blocks))
    )
    delete_the_chosen_rules(visitors[-1])
    assert within == [outside + 1]


# --- The caches ---------------------------------------------------------------------------------------------------


class OfState(page_cache.StateKey):
    what: str


class OfData(page_cache.DataKey):
    what: str


class Other(page_cache.StateKey):
    what: str


def version(newest: int, data: int = 0) -> StateVersion:
    return StateVersion(newest, "", 0, DataVersion(data, "", 0))


def test_kept_until_the_version_is_another() -> None:
    made: list[int] = []

    def make() -> int:
        made.append(1)
        return len(made)

    keys = [OfState(version=version(1), what=what) for what in ("x", "x", "y")]
    keys += [OfState(version=version(2), what="x"), Other(version=version(1), what="x")]
    assert [page_cache.get_or_set(key, make) for key in keys] == [1, 1, 2, 3, 4]
    made.clear()
    data = [version(1, 1), version(2, 1), version(2, 2)]
    assert [page_cache.get_or_set(OfData(version=one.data, what="z"), make) for one in data] == [1, 1, 2]


def test_what_stands_in_an_address_cannot_be_taken_for_another_part() -> None:
    class Two(page_cache.ImmutableKey):
        one: str
        two: str

    assert page_cache.get_or_set(Two(one="a', two='b", two="c"), lambda: 1) == 1
    assert page_cache.get_or_set(Two(one="a", two="b', two='c"), lambda: 2) == 2


def test_only_so_much_is_kept_and_long_addresses_are_not() -> None:
    for number in range(500):
        page_cache.get_or_set(OfState(version=version(number), what="x"), lambda: "somebody")
    there = len(caches["version"]._cache)
    assert there <= 200
    calls: list[None] = []
    for _ in range(2):
        page_cache.get_or_set(OfState(version=version(500), what="x" * 1_500), lambda: calls.append(None))
    assert (len(caches["version"]._cache), len(calls)) == (there, 2)


def test_that_there_is_nothing_is_kept_too() -> None:
    calls: list[None] = []
    for _ in range(2):
        assert page_cache.get_or_set(OfState(version=version(1), what="none"), lambda: calls.append(None)) is None
    assert len(calls) == 1


def keys_of(kind: type[page_cache.Key]) -> set[type[page_cache.Key]]:
    """The kinds of keys of our packages."""
    found = {one for one in kind.__subclasses__() if one.__module__.startswith(("analytics.", "rsolv_cs."))}
    return found.union(*map(keys_of, found))


assert analytics.urls and rsolv and palette, "each page is there, with its keys"
KINDS = keys_of(page_cache.Key) - {page_cache.StateKey, page_cache.DataKey, page_cache.ImmutableKey}


@pytest.mark.parametrize("kind", sorted(KINDS, key=lambda kind: kind.__name__))
def test_every_part_of_a_key_is_required_and_compared(kind: type[page_cache.Key]) -> None:
    for part in dataclasses.fields(kind):
        assert part.default is MISSING and part.default_factory is MISSING and part.compare and part.repr, part.name


MORE = (
    "customer/c1001/",
    "customer/c1002/?as_of=2025-05-03",
    "cohorts/",
    "milestones/",
    "effects/",
    "effects/?cases=call-14",
    "?owner=me",
    "alerts/",
    "tasks/",
    "summary/",
    "my-day/?owner=",
    "my-day/?owner=me",
)


def board_and_tab() -> str:
    """The address of a board that all may see, whose report each of the staff has pinned."""
    owner = User.objects.get(is_superuser=True)
    report = saved(owner, "Everybody")
    for user in User.objects.filter(is_staff=True):
        pinned.pin(user, report)
    return f"board/{make_board(owner, (report, 'count'), (report, 'table'), shared=True).pk}/"


def draft_in_lab() -> str:
    """The address of the lab's page of a draft, with its preview."""
    return f"policy-lab/{make_draft(activity_max=50, pr_max=5).pk}/?now=1"


def back_test(visitors: list[Client]) -> str:
    """The address of the back-test of a draft, whose one month end is scored."""
    make_forecast_case(Customer.objects.get(pk="c1001"))
    address = f"policy-lab/{make_draft('Tested', activity_max=50, pr_max=5).pk}/back-test/"
    for client in visitors:
        client.post(f"/admin/{address}")
    return address


@pytest.mark.sqlite_is_enough
def test_no_key_stands_for_what_two_users_see_differently(
    visitors: list[Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each value is made for each user, whatever is kept: two that differ must differ in their keys."""
    made: dict[page_cache.Key, set[str]] = defaultdict(set)

    def get_or_set(key: page_cache.Key, make: Callable[[], Any]) -> Any:
        value = make()
        made[key].add(repr(pickle.dumps(value)) if isinstance(value, str | tuple | dict) else repr(value))
        return value

    monkeypatch.setattr(page_cache, "get_or_set", get_or_set)
    monkeypatch.setattr(page_cache, "keep_value", lambda key, value: made[key].add(repr(value)))
    monkeypatch.setattr(page_cache, "peek", lambda _key, otherwise: otherwise)
    score_day(date(2025, 5, 3))
    make_engagement(Customer.objects.get(pk="c1001"), date(2025, 5, 11), issues_tagged=1)
    make_run(created=1)
    Note.objects.create(customer_id="c1001", author="Bo", kind="call", text="They wait for their IT")
    pages = (*ADDRESSES, *MORE, board_and_tab(), draft_in_lab(), back_test(visitors))
    pages += (f"destinations/{make_destination().pk}/",)
    for address in pages:
        for client in visitors:
            assert client.get(f"/admin/{address}", follow=True).status_code in (200, 403)
    assert {key for key, values in made.items() if len(values) > 1} == set()
    assert {type(key) for key in made} == KINDS


# --- A change by an import ----------------------------------------------------------------------------------------


def test_the_name_of_a_customer_is_new_on_the_next_page(client: Client, demo_program: None) -> None:
    client.force_login(make_staff("Viewer"))
    before = names(client.get("/admin/?sort=customer"))
    Customer.objects.filter(organization=before[0]).update(organization="Zuletzt GmbH")
    make_run(feed="customers", file="customers.csv")
    after = names(client.get("/admin/?sort=customer"))
    assert sorted(after) == sorted([*before[1:], "Zuletzt GmbH"])


def test_a_new_cohort_is_a_choice_of_the_filters_on_the_next_page(client: Client, demo_program: None) -> None:
    client.force_login(make_staff("Viewer"))
    assert 'value="Zuletzt"' not in main_part(client.get("/admin/"))
    Customer.objects.filter(pk="c1001").update(cohort="Zuletzt")
    make_run(feed="customers", file="customers.csv")
    assert 'value="Zuletzt"' in main_part(client.get("/admin/"))


def test_the_further_filters_are_those_of_the_address(client: Client, demo_program: None) -> None:
    client.force_login(make_staff("Viewer"))
    for value in ("5", "9"):
        assert f'name="fell_7" value="{value}"' in main_part(client.get(f"/admin/?fell_7={value}"))

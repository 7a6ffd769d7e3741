"""The filters behind "More filters", the activity trend, and who got worse this week: whom they find, and how."""

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from django.contrib.auth.models import User
from django.http import QueryDict
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics.models import HealthStatus, Snapshot
from analytics.portfolio.score_change import ScoreChanges
from analytics.rounding import success_rate
from analytics.segments.filters import MORE, WITHOUT_FIELD, SnapshotFilter
from customers.models import Customer, CustomerCare
from tests.factories import make_customer, make_day, make_snapshot, make_staff
from tests.support.pages import links, names, notices, section, words
from tests.support.selection import examples_of_a_push

pytestmark = pytest.mark.django_db

D = date(2025, 5, 10)
WEEK_BEFORE = D - timedelta(days=7)
ADA, BEN, CLEO, DAN = "Ada", "Ben", "Cleo", "Dan"


@pytest.fixture
def zoe() -> User:
    return make_staff("Success manager", username="zoe")


@pytest.fixture
def viewer(client: Client, zoe: User) -> Client:
    client.force_login(zoe)
    return client


@pytest.fixture
def four() -> dict[str, Customer]:
    """Ada merged 5 of 8 PRs (shown as 63 %), Ben 3 of 2, Cleo none of 4; of Dan neither PRs nor a team are known."""
    make_day(total=4)
    fields: dict[str, tuple[dict[str, object], dict[str, object]]] = {
        ADA: ({"team_size": 5, "signup_date": date(2025, 3, 1)}, {"prs_generated": 8, "prs_merged": 5}),
        BEN: ({"team_size": 50, "signup_date": date(2025, 3, 31)}, {"prs_generated": 2, "prs_merged": 3}),
        CLEO: ({"team_size": 1000, "signup_date": date(2025, 4, 1)}, {"prs_generated": 4, "prs_merged": 0}),
        DAN: ({"team_size": None, "signup_date": date(2025, 5, 9)}, {}),
    }
    days, trends = (0, 3, 12, 40), ("improving", "stable", "declining", "declining")
    customers = {}
    for (name, (of_customer, of_snapshot)), active, trend in zip(fields.items(), days, trends, strict=True):
        customers[name] = make_customer(organization=name, **of_customer)
        make_snapshot(customers[name], days_active=active, trend=trend, **of_snapshot)
    return customers


@pytest.mark.usefixtures("four")
@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("trend=declining", [CLEO, DAN]),
        ("trend=improving&trend=stable", [ADA, BEN]),
        ("team_size_min=50", [BEN, CLEO]),
        ("team_size_max=50", [ADA, BEN]),
        ("team_size_min=6&team_size_max=999", [BEN]),
        ("signup_from=2025-03-31", [BEN, CLEO, DAN]),
        ("signup_to=2025-03-31", [ADA, BEN]),
        ("signup_from=2025-04-01&signup_to=2025-04-01", [CLEO]),
        ("success_rate_min=63", [ADA, BEN]),
        ("success_rate_min=64", [BEN]),
        ("success_rate_max=63", [ADA, CLEO]),
        ("success_rate_max=62", [CLEO]),
        ("success_rate_min=100", [BEN]),
        ("success_rate_min=0", [ADA, BEN, CLEO]),
        ("success_rate_max=100", [ADA, BEN, CLEO]),
        ("days_active_min=3", [BEN, CLEO, DAN]),
        ("days_active_max=12", [ADA, BEN, CLEO]),
        ("days_active_min=12&days_active_max=12&trend=declining", [CLEO]),
    ],
)
def test_whom_they_find(viewer: Client, query: str, found: list[str]) -> None:
    page = viewer.get(f"/admin/?sort=customer&{query}")
    assert names(page) == found
    assert notices(page)[1:] == []


@pytest.mark.usefixtures("four")
def test_their_chips_and_their_place(viewer: Client) -> None:
    page = viewer.get("/admin/?signup_from=2025-03-01&team_size_max=1200&trend=stable&success_rate_min=50")
    said = section(page, "customers")
    for words_of_chip in (
        "Signed up from: 1 Mar 2025",
        "Team size to: 1,200",
        "Activity trend: Stable",
        "Success rate from, %: 50",
    ):
        assert words_of_chip in said
    assert '<details class="more-filters" open>' in page.text
    assert "More filters 3 Forecast" in said
    assert '<input type="date" name="signup_from" value="2025-03-01" id="id_signup_from">' in page.text


@pytest.mark.parametrize(
    ("query", "note"),
    [
        ("signup_from=2025-02-30", "Signed up from: Enter a valid date."),
        ("signup_from=1.3.2025", "Signed up from: Enter a valid date."),
        (
            "signup_from=2025-05-03&signup_to=2025-05-01",
            "Signed up to: 1 May 2025 is before the first day asked for, 3 May 2025.",
        ),
        ("team_size_min=2000&team_size_max=1000", "Team size to: 1,000 is below the smallest team asked for, 2,000."),
        ("success_rate_min=101", "Success rate from, %: Ensure this value is less than or equal to 100."),
        (
            "success_rate_min=6&success_rate_max=5",
            "Success rate to, %: 5 is below the lowest success rate asked for, 6.",
        ),
        ("days_active_min=3&days_active_max=2", "Days active to: 2 is below the lowest number of days asked for, 3."),
        ("team_size_min=99999999999999999999", "Team size from: Ensure this value is less than or equal to 1000000."),
    ],
)
@pytest.mark.usefixtures("four")
def test_what_makes_no_sense_is_named_and_filters_nothing(viewer: Client, query: str, note: str) -> None:
    page = viewer.get(f"/admin/?sort=customer&{query}")
    assert note in notices(page)
    assert names(page) == [ADA, BEN, CLEO, DAN]


def test_all_that_are_no_menu_have_their_place_behind_more_filters(viewer: Client, four: dict[str, Customer]) -> None:
    panel = viewer.get("/admin/").text.split('<details class="more-filters">')[1].split("</details>")[0]
    for name in MORE:
        assert f'name="{name}"' in panel
        assert f'<label for="id_{name}">' in panel
    first_line = {"q", "last_active", "score_min", "score_max"}
    menus = {name for name, one in SnapshotFilter.base_filters.items() if hasattr(one, "always_filter")}
    assert {*MORE} == {*SnapshotFilter.base_filters} - first_line - menus - {*WITHOUT_FIELD}


COUNTS = st.integers(0, 12) | st.integers(0, 10**6)


@settings(
    max_examples=examples_of_a_push(40), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(counts=st.lists(st.tuples(COUNTS, COUNTS), min_size=1, max_size=10), bound=st.integers(0, 100))
def test_the_success_rate_is_filtered_as_it_is_shown(zoe: User, counts: list[tuple[int, int]], bound: int) -> None:
    Customer.objects.all().delete()
    shown = {}
    for number, (merged, generated) in enumerate(counts):
        customer = make_customer(id=f"p{number}")
        make_snapshot(customer, prs_merged=merged, prs_generated=generated)
        shown[customer.pk] = success_rate(merged, generated)

    def found(query: str) -> set[str]:
        filters = SnapshotFilter(QueryDict(query), D, changes=ScoreChanges(D), user=zoe, me=zoe)
        return {one.customer_id for one in filters.qs}

    known = {key: rate for key, rate in shown.items() if rate is not None}
    assert found(f"success_rate_min={bound}") == {key for key, rate in known.items() if rate >= bound}
    assert found(f"success_rate_max={bound}") == {key for key, rate in known.items() if rate <= bound}


# --- Got worse this week -----------------------------------------------------------------------------------------


def of_two_dates(name: str, then: tuple[str, int] | None, now: tuple[str, int]) -> Customer:
    """A customer with a status and a score a week ago and now."""
    customer = make_customer(organization=name)
    for day, known in ((WEEK_BEFORE, then), (D, now)):
        if known:
            make_snapshot(customer, date=day, status=known[0], score=known[1])
    return customer


@pytest.fixture
def seven(zoe: User) -> None:
    """Five points down; four down; status down; both up; inactive since; new; status up though the score fell by 6."""
    make_day(date=WEEK_BEFORE)
    make_day(total=7)
    of_two_dates("Five down", ("healthy", 80), ("healthy", 75))
    of_two_dates("Four down", ("healthy", 80), ("healthy", 76))
    mine = of_two_dates("Status down", ("healthy", 70), ("needs_attention", 69))
    of_two_dates("Both up", ("at_risk", 40), ("healthy", 80))
    inactive = of_two_dates("Inactive since", ("at_risk", 40), ("inactive", 40))
    of_two_dates("New", None, ("at_risk", 10))
    of_two_dates("Back with less", ("inactive", 46), ("at_risk", 40))
    CustomerCare.objects.create(customer=mine, owner=zoe)
    CustomerCare.objects.create(customer=inactive, owner=make_staff(username="max"))


@pytest.mark.usefixtures("seven")
def test_five_points_in_a_week_or_a_worse_status(viewer: Client) -> None:
    page = viewer.get("/admin/?only=got_worse&sort=customer")
    assert names(page) == ["Back with less", "Five down", "Inactive since", "Status down"]
    assert "Quick filters: Got worse this week" in section(page, "customers")
    assert names(viewer.get(f"/admin/?only=got_worse&as_of={WEEK_BEFORE}")) == []


@pytest.mark.usefixtures("seven")
def test_mine_that_got_worse_this_week_in_one_click(viewer: Client, zoe: User) -> None:
    front = viewer.get("/admin/", follow=True)
    assert "Got worse this week: Mine All" in words(front.text)
    [mine], [all_] = links(front, "Mine"), links(front, "All")
    assert f"owner={zoe.pk}&only=got_worse" in mine
    page = viewer.get(mine.replace("#customers", ""))
    assert names(page) == ["Status down"]
    assert "↓ Worse, was Healthy" in words(page.text)
    # The greatest fall first.
    assert names(viewer.get(all_.replace("#customers", ""))) == [
        "Back with less",
        "Five down",
        "Status down",
        "Inactive since",
    ]


@pytest.mark.usefixtures("four")
def test_who_owns_nobody_is_offered_all_alone(viewer: Client) -> None:
    page = viewer.get("/admin/")
    assert "Got worse this week: All" in words(page.text)
    assert links(page, "Mine") == []


STATES = st.tuples(st.sampled_from([status.value for status in HealthStatus]), st.integers(0, 100))


@settings(
    max_examples=examples_of_a_push(40), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(pairs=st.lists(st.tuples(st.none() | STATES, STATES), min_size=1, max_size=10))
def test_the_database_finds_whom_the_rule_means(
    db: None, pairs: list[tuple[tuple[str, int] | None, tuple[str, int]]]
) -> None:
    Customer.objects.all().delete()
    best_to_worst = ["champion", "healthy", "needs_attention", "at_risk", "inactive"]
    meant: Callable[[tuple[str, int], tuple[str, int]], bool] = lambda then, now: (  # noqa: E731
        then[1] - now[1] >= 5 or best_to_worst.index(now[0]) > best_to_worst.index(then[0])
    )
    expected = set()
    for then, now in pairs:
        customer = of_two_dates("Somebody", then, now)
        if then and meant(then, now):
            expected.add(customer.pk)
    changes = ScoreChanges(D)
    changes.__dict__["since"] = {7: WEEK_BEFORE, 30: None}
    assert {one.customer_id for one in changes.got_worse(Snapshot.objects.on(D))} == expected

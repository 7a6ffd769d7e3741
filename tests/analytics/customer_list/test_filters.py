"""More filters of the list of customers, the chips that take them away, its columns, and what it says when empty."""

from datetime import date, timedelta
from functools import partial
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import User
from django.test import Client

from analytics.display import filter_choices
from customers.models import CustomerCare
from tests.factories import make_customer, make_day, make_snapshot, make_staff
from tests.support.pages import Elements, links, main_part, names, notices, rows, section, words

pytestmark = pytest.mark.django_db

D = date(2025, 5, 10)
ADA, BEN, CLEO, DAN, EVE = "Ada", "Ben", "Cleo", "Dan", "Eve"


@pytest.fixture
def zoe() -> User:
    return make_staff("Viewer", username="zoe", first_name="Zoe", last_name="Quist")


@pytest.fixture(autouse=True)
def viewer(client: Client, zoe: User) -> Client:
    client.force_login(zoe)
    # An address that leaves it to the visitor whose customers are meant leads to one that says so.
    client.get = partial(client.get, follow=True)
    return client


@pytest.fixture
def five(zoe: User) -> dict[str, int]:
    """Five customers; returns the keys of two owners."""
    make_day(total=5)
    max_ = make_staff(username="max")
    fields: dict[str, tuple[dict[str, object], dict[str, object], User | None]] = {
        ADA: ({"industry": "Games", "cohort": "VIP"}, {"score": 90, "last_active": D}, zoe),
        BEN: ({"industry": "Retail"}, {"score": 70, "last_active": D - timedelta(days=6)}, max_),
        CLEO: ({"industry": "Games"}, {"score": 50, "last_active": D - timedelta(days=7)}, None),
        DAN: ({"industry": ""}, {"score": 40, "last_active": D - timedelta(days=14)}, zoe),
        EVE: ({"industry": ""}, {"score": 10, "last_active": None}, None),
    }
    for name, (of_customer, of_snapshot, owner) in fields.items():
        customer = make_customer(id=name.lower(), organization=name, **of_customer)
        make_snapshot(
            customer,
            blocker_type="sso" if name in (BEN, EVE) else "",
            onboarded=name in (ADA, BEN),
            welcome_email_sent=name in (ADA, BEN, CLEO),
            account_created=name in (ADA, BEN),
            **of_snapshot,
        )
        if owner or name == EVE:
            CustomerCare.objects.create(customer=customer, owner=owner)
    return {"zoe": zoe.pk, "max": max_.pk}


@pytest.mark.parametrize(
    ("asked", "chip"),
    [
        ({"cohort": "Beta"}, "Cohort: Beta"),
        ({"industry": "Space"}, "Industry: Space"),
        ({"cohort": "' OR 1=1"}, "Cohort: ' OR 1=1"),
        ({"owner": "gone"}, "Owner: Somebody whose account was deleted"),
        ({"owner": "lea"}, "Owner: Lea (no longer active)"),
        ({"owner": "new"}, "Owner: Nora"),
    ],
)
def test_what_nobody_has_matches_nobody(
    client: Client, five: dict[str, int], asked: dict[str, str], chip: str
) -> None:
    people = {
        "gone": 999_999,
        "lea": make_staff(username="lea", first_name="Lea", is_active=False).pk,
        "new": make_staff(username="nora", first_name="Nora").pk,
    }
    response = client.get(addressed(**{name: people.get(value, value) for name, value in asked.items()}))
    assert names(response) == []
    assert chip in words(section(response, "customers"))
    assert "valid choice" not in response.text


def addressed(**parameters: object) -> str:
    return f"/admin/?{urlencode(parameters, doseq=True)}"


@pytest.mark.parametrize(
    ("parameters", "found"),
    [
        ({"industry": "Games"}, [ADA, CLEO]),
        ({"industry": " "}, [DAN, EVE]),
        ({"industry": ["Retail", " "]}, [BEN, DAN, EVE]),
        ({"owner": "me"}, [ADA, DAN]),
        ({"owner": "nobody"}, [CLEO, EVE]),
        ({"owner": "{max}"}, [BEN]),
        ({"owner": ["me", "{max}"]}, [ADA, BEN, DAN]),
        ({"owner": ["me", "nobody"]}, [ADA, CLEO, DAN, EVE]),
        ({"owner": ["{zoe}", "me"]}, [ADA, DAN]),
        ({"last_active": "within_7"}, [ADA, BEN]),
        ({"last_active": "within_30"}, [ADA, BEN, CLEO, DAN]),
        ({"last_active": "over_7"}, [CLEO, DAN]),
        ({"last_active": "over_14"}, [DAN]),
        ({"last_active": "over_30"}, []),
        ({"last_active": "never"}, [EVE]),
        ({"score_min": "50"}, [ADA, BEN, CLEO]),
        ({"score_max": "50"}, [CLEO, DAN, EVE]),
        ({"score_min": "40", "score_max": "70"}, [BEN, CLEO, DAN]),
        ({"score_min": "90", "score_max": "90"}, [ADA]),
        ({"score_min": "0", "score_max": "100"}, [ADA, BEN, CLEO, DAN, EVE]),
        ({"score_min": "", "score_max": ""}, [ADA, BEN, CLEO, DAN, EVE]),
        ({"only": "blocked"}, [EVE]),
        ({"only": ["onboarded", "active"]}, [ADA]),
        ({"only": ["onboarded", "blocked"]}, []),
        ({"lacks": "account_created"}, [CLEO, DAN, EVE]),
        ({"lacks": ["account_created", "welcome_email_sent"]}, [DAN, EVE]),
        ({"industry": "Games", "owner": "me", "score_min": "50", "last_active": "within_7"}, [ADA]),
    ],
    ids=str,
)
def test_filters(viewer: Client, five: dict[str, int], parameters: dict[str, object], found: list[str]) -> None:
    for name, value in parameters.items():
        values = value if isinstance(value, list) else [value]
        parameters = {**parameters, name: [one.format(**five) for one in values]}
    response = viewer.get(addressed(**parameters))
    assert "Select a valid choice" not in words(main_part(response))
    assert sorted(names(response)) == found


@pytest.mark.parametrize(
    ("parameters", "note"),
    [
        ({"status": "Moon"}, "Status: Select a valid choice. Moon is not one of the available choices."),
        ({"owner": "-1"}, "Owner: Select a valid choice. -1 is not one of the available choices."),
        ({"owner": "zoe"}, "Owner: Select a valid choice. zoe is not one of the available choices."),
        ({"last_active": "soon"}, "Last active: Select a valid choice. soon is not one of the available choices."),
        ({"score_min": "high"}, "Score from: Enter a whole number."),
        ({"score_min": "-1"}, "Score from: Ensure this value is greater than or equal to 0."),
        ({"score_max": "101"}, "Score to: Ensure this value is less than or equal to 100."),
        ({"score_min": "60", "score_max": "50"}, "Score to: 50 is below the lowest score asked for, 60."),
        ({"score_max": "9" * 5000}, "Score to: Enter a whole number."),
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_bad_value_is_named_and_filters_nothing(
    viewer: Client, five: dict[str, int], parameters: dict[str, object], note: str
) -> None:
    response = viewer.get(addressed(**parameters))
    assert response.status_code == 200
    assert notices(response)[-1] == note
    assert len(names(response)) == 5
    assert links(response, "Clear all") == ["/admin/?owner=#customers"]


def test_one_bad_value_leaves_the_other_filters_as_they_are(viewer: Client, five: dict[str, int]) -> None:
    response = viewer.get(addressed(score_min="x", industry="Games"))
    assert sorted(names(response)) == [ADA, CLEO]


def test_each_filter_is_a_chip_that_takes_it_away(viewer: Client, five: dict[str, int]) -> None:
    response = viewer.get(
        addressed(
            q=" e ", status=["healthy", "at_risk"], owner="me", score_min=0, last_active="never", page=2, sort="score"
        )
    )
    chips = [words(text) for text in main_part(response).split('class="chip"')[1:]]
    me = five["zoe"]
    rest = f"status=healthy&status=at_risk&owner={me}&score_min=0&last_active=never&sort=score"
    assert [chip.split(">")[1].split(" ,")[0].strip() for chip in chips] == [
        "Search: e",
        "Status: Healthy",
        "Status: At risk",
        "Owner: Me (Zoe Quist)",
        "Last active: Never",
        "Score from: 0",
    ]
    assert links(response, "Search: e , remove ×") == [f"/admin/?{rest}#customers"]
    [way] = links(response, "Status: At risk , remove ×")
    assert way == f"/admin/?q=+e+&status=healthy&owner={me}&score_min=0&last_active=never&sort=score#customers"
    assert links(response, "Clear all") == ["/admin/?owner=&sort=score#customers"]


def test_the_count_says_how_many_of_all(viewer: Client, five: dict[str, int]) -> None:
    assert "5 customers" in section(viewer.get("/admin/?owner="), "customers")
    assert "2 of 5 customers" in section(viewer.get(addressed(owner="me")), "customers")
    assert "0 of 5 customers" in section(viewer.get(addressed(q="nobody at all")), "customers")


def test_who_finds_nobody_is_led_back_to_all(viewer: Client, five: dict[str, int]) -> None:
    response = viewer.get(addressed(q="nobody at all", sort="score", columns="score"))
    assert "No customer matches these filters." in section(response, "customers")
    assert links(response, "Show all customers") == ["/admin/?owner=&sort=score&columns=score#customers"]
    assert rows(response)[0][0].endswith("Show all customers")


def test_a_date_before_anybody_signed_up(viewer: Client) -> None:
    make_day()
    assert "Nobody had signed up by this date." in section(viewer.get("/admin/"), "customers")
    assert "0 customers" in section(viewer.get("/admin/"), "customers")


def test_the_menus_offer_what_there_is(viewer: Client, five: dict[str, int]) -> None:
    found = section(viewer.get("/admin/?owner="), "customers")
    assert "Industry Industry No industry Games Retail Apply Owner Owner Me (Zoe Quist) Nobody max Apply" in found


def test_a_menu_has_its_limit_but_the_address_has_none(viewer: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filter_choices, "MOST", 3)
    make_day(total=5)
    for number in range(5):
        make_snapshot(make_customer(organization=f"In {number}", cohort=f"Cohort {number}", industry="One"))
    response = viewer.get("/admin/")
    assert "Cohort 2 And more, which do not fit in here." in section(response, "customers")
    assert "Cohort 3" not in list(Elements(main_part(response)).attributes("value"))
    assert names(viewer.get(addressed(cohort="Cohort 4"))) == ["In 4"]
    assert names(viewer.get(addressed(industry="Two"))) == []


# --- Columns ----------------------------------------------------------------------------------------------------


def headers(html: str) -> list[str]:
    """The headers of the customer table."""
    table = html.split('id="table-box"')[1].split("</thead>")[0]
    return [words(f"<{cell}") for cell in table.split("<th ")[1:]]


STANDARD = [
    "Name",
    "Status",
    "Score",
    "Activity trend",
    "Progress",
    "Stage",
    "Last active",
    "Cohort",
    "Owner",
]


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", STANDARD),
        ("columns=", STANDARD),
        ("columns=nothing,customer", STANDARD),
        ("columns=score", ["Name", "Score"]),
        ("columns=owner,status", ["Name", "Owner", "Status"]),
        ("columns=owner&columns=status&columns=pk,__class__", ["Name", "Owner", "Status"]),
        (
            "columns=industry,signup_date,team_size,email,blocker_type,days_active",
            ["Name", "Industry", "Signed up", "Team", "Email", "Blocker", "Days active"],
        ),
        (
            "columns=issues_tagged,prs_generated,prs_merged,success_rate,support_requests",
            ["Name", "Issues tagged", "PRs generated", "PRs merged", "Success rate", "Support requests"],
        ),
    ],
)
def test_the_address_orders_the_columns(viewer: Client, five: dict[str, int], query: str, shown: list[str]) -> None:
    assert headers(main_part(viewer.get(f"/admin/?{query}"))) == shown


def test_what_the_optional_columns_say(viewer: Client) -> None:
    make_day(total=2)
    known = make_customer(
        id="a", organization="A", industry="Games", team_size=1200, email="a@a.example", signup_date=date(2025, 5, 3)
    )
    counted = {"issues_tagged": 1234, "prs_generated": 8, "prs_merged": 5, "days_active": 3, "support_requests": 2}
    make_snapshot(known, blocker_type="sso", **counted)
    make_snapshot(make_customer(id="b", organization="B", email="b@b.example", signup_date=date(2025, 4, 1)))
    optional = "industry,signup_date,team_size,email,blocker_type,days_active,issues_tagged,prs_generated,prs_merged"
    first, second = rows(viewer.get(f"/admin/?sort=customer&columns={optional},success_rate,support_requests"))
    assert first[1:] == ["Games", "3 May 2025", "1,200", "a@a.example", "SSO", "3", "1,234", "8", "5", "63%", "2"]
    assert second[1:] == ["–", "1 Apr 2025", "–", "b@b.example", "–", "0", "0", "0", "0", "–", "0"]


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("industry", [DAN, EVE, ADA, CLEO, BEN]),
        ("-industry", [BEN, CLEO, ADA, EVE, DAN]),
        ("blocker_type", [BEN, EVE, ADA, CLEO, DAN]),
        ("-blocker_type", [BEN, EVE, ADA, CLEO, DAN]),
    ],
)
def test_sorting_by_a_column_that_is_not_shown(
    viewer: Client, five: dict[str, int], sort: str, order: list[str]
) -> None:
    assert names(viewer.get(addressed(owner="", sort=sort, columns="score"))) == order


def test_sorting_by_numbers(viewer: Client) -> None:
    make_day(total=4)
    sizes = {"a": 30, "b": None, "c": 4, "d": 4}
    merged = {"a": (9, 10), "b": (0, 0), "c": (20, 10), "d": (1, 3)}
    signed = {"a": 3, "b": 1, "c": 2, "d": 2}
    for key, size in sizes.items():
        customer = make_customer(
            id=key, organization=key, team_size=size, signup_date=date(2025, 5, signed[key]), email=f"{key}@x.example"
        )
        make_snapshot(customer, prs_merged=merged[key][0], prs_generated=merged[key][1], days_active=signed[key])
    expected = {
        "team_size": "cdab",
        "-team_size": "acdb",
        "success_rate": "dacb",
        "-success_rate": "cadb",
        "signup_date": "bcda",
        "-signup_date": "adcb",
        "days_active": "bcda",
        "prs_merged": "bdac",
        "-prs_generated": "cadb",
        "email": "abcd",
        "-email": "dcba",
    }
    assert {sort: "".join(names(viewer.get(addressed(sort=sort)))) for sort in expected} == expected


def test_the_choice_of_columns_is_kept(viewer: Client, five: dict[str, int]) -> None:
    response = viewer.get("/admin/?columns=score,owner&owner=me&sort=score&as_of=2025-05-10&page=1")
    assert links(response, "Score") == [f"?columns=score%2Cowner&owner={five['zoe']}&sort=-score&as_of=2025-05-10"]
    assert links(response, "Standard") == [f"/admin/?owner={five['zoe']}&sort=score&as_of=2025-05-10#customers"]
    [form] = [part for part in main_part(response).split("<form") if 'role="search"' in part]
    assert '<input type="hidden" name="columns" value="score,owner">' in form
    [form] = [part.split("</form>")[0] for part in main_part(response).split("<form") if 'id="column-choice"' in part]
    hidden = {attrs["name"]: attrs["value"] for _tag, attrs in Elements(f"<form{form}").found if "name" in attrs}
    assert hidden == {"owner": str(five["zoe"]), "as_of": "2025-05-10", "sort": "score"}
    checked = [attrs["value"] for _tag, attrs in Elements(main_part(response)).found if "checked" in attrs]
    assert checked == ["score", "owner", str(five["zoe"])]

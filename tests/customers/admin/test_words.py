"""What the admin's lists and our pages say around the rows: titles, counts, empty lists, codes."""

import re

import pytest
from django.contrib.admin import site
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from customers.models import Customer, CustomerCare, Engagement, ImportRun
from customers.text.counts import counts_in_words
from tests.factories import make_customer, make_engagement, make_onboarding, make_staff
from tests.support.pages import words

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(client: Client) -> Client:
    client.force_login(make_staff("Administrator"))
    return client


@pytest.mark.parametrize(
    ("address", "title"),
    [
        ("/admin/analytics/night/", "Nightly runs"),
        ("/admin/customers/quarantinedrow/", "Quarantine"),
        ("/admin/customers/customercare/", "Assignments"),
        ("/admin/auth/user/", "Users"),
        ("/admin/axes/accessattempt/", "Failed logins"),
    ],
)
def test_a_list_is_called_by_what_it_lists(admin: Client, address: str, title: str) -> None:
    text = admin.get(address).text
    assert f"<title> {title} |" in " ".join(text.split())
    assert "Select " not in text[: text.index("</title>")]


def test_a_name_keeps_its_first_letter(admin: Client) -> None:
    customer = make_customer(id="c1", organization="an-owner/django")
    CustomerCare.objects.create(customer=customer)
    for address in ("/admin/customers/customer/c1/change/", "/admin/customer/c1/"):
        text = admin.get(address).text
        assert "an-owner/django" in words(text)
        assert "An-owner/django" not in text


def test_the_way_to_a_row_leads_by_its_list(admin: Client) -> None:
    """And neither begins with the name of an app, which the menu does not know."""
    CustomerCare.objects.create(customer=make_customer(id="c1"))
    for address, way in (
        ("/admin/customers/customercare/c1/change/", ["Assignments", "Assignment of c1"]),
        ("/admin/customers/customercare/c1/history/", ["Assignments", "Assignment of c1"]),
        ("/admin/analytics/mailtemplate/add/", ["Email templates", "Add email template"]),
        ("/admin/analytics/mailtemplate/", ["Email templates"]),
        ("/admin/reports/", ["Reports"]),
    ):
        [head] = re.findall(r'id="header-inner".*?<h1\b.*?>(.*?)</h1>', admin.get(address).text, re.DOTALL)
        assert [words(part) for part in head.split("chevron_right")] == way, address


def test_how_many_were_found_is_said_of_a_narrowed_list_alone(admin: Client) -> None:
    make_customer(id="c1", organization="Acme")
    make_customer(id="c2", organization="Beta")
    assert "found" not in words(admin.get("/admin/customers/customer/").text)
    assert "Customers 1 found ( Show all )" in words(admin.get("/admin/customers/customer/?q=acme").text)


def test_rows_are_counted_as_rows(admin: Client) -> None:
    customer = make_customer()
    make_engagement(customer, "2025-05-01")
    assert "1 engagement row" in words(admin.get("/admin/customers/engagement/").text)
    assert "1 engagement rows" not in words(admin.get("/admin/customers/engagement/").text)
    Engagement.objects.bulk_create(
        Engagement(id=f"n{number}", customer=customer, date="2025-05-02", run_id=1, line=2) for number in range(1_200)
    )
    assert "1,201 engagement rows" in words(admin.get("/admin/customers/engagement/").text)
    assert "1 customer " in words(admin.get("/admin/customers/customer/").text)


def test_numbers_of_a_list_have_their_thousands_apart(admin: Client) -> None:
    customer = make_customer(team_size=12_000)
    make_engagement(customer, "2025-05-01", issues_tagged=3_456)
    ImportRun.objects.create(feed="customers", file="customers.csv", status="loaded", created=1_000_000)
    assert "12,000" in words(admin.get("/admin/customers/customer/").text)
    assert "3,456" in words(admin.get("/admin/customers/engagement/").text)
    assert "1,000,000" in words(admin.get("/admin/customers/importrun/").text)
    ordered = admin.get("/admin/customers/importrun/?o=5").text
    assert "Created" in words(ordered) and "Newly missing from the feed" in words(ordered)


def test_a_selection_of_all_has_its_thousands_apart(admin: Client) -> None:
    Customer.objects.bulk_create(
        Customer(id=f"n{number}", organization="N", signup_date="2025-05-01", run_id=1, line=2)
        for number in range(1_200)
    )
    page = words(admin.get("/admin/customers/customer/").text)
    assert "All 1,200 selected Select all 1,200 customers Clear selection" in page


NEVER_EMPTY = {"auth.user", "auth.group"}


def test_each_list_says_where_its_rows_come_from() -> None:
    ours = {model: made for model, made in site._registry.items() if model._meta.label_lower not in NEVER_EMPTY}
    assert len(ours) > 20
    assert [model._meta.label for model, made in ours.items() if not getattr(made, "nothing_yet", "")] == []


def test_an_empty_list_says_what_to_do_to_those_who_may(client: Client) -> None:
    client.force_login(make_staff("Program manager"))
    runs = client.get("/admin/customers/importrun/").text
    assert "Nothing here yet Every file that is loaded gets a line here. Upload a file" in words(runs)
    assert '<a class="underline" href="/admin/customers/importrun/upload/">' in runs
    care = words(client.get("/admin/customers/customercare/").text)
    assert "Nothing here yet Customers appear here once they have an owner. add Add assignment" in care
    client.force_login(make_staff("Viewer", username="v"))
    feed = words(client.get("/admin/customers/customer/").text)
    assert "Customers appear when customers.csv is loaded. Ask a program manager to upload it." in feed
    assert "Upload a file" not in feed and "yielded" not in feed


def test_a_list_that_is_empty_for_its_filters_says_so(admin: Client) -> None:
    none = words(admin.get("/admin/customers/customer/?q=zzz").text)
    assert "Nothing found" in none and "Reset filters" in none


def test_a_quarantine_without_open_rows_is_good_news(admin: Client) -> None:
    address, good = "/admin/customers/quarantinedrow/", "No row waits here: every row of the files was loaded."
    page = words(admin.get(address).text)
    assert good in page and "Reset filters" not in page
    assert good in words(admin.get(f"{address}?status__exact=open").text)
    for asked in ("?q=zzz", "?status__exact=open&feed__exact=events", "?status__exact=all"):
        page = words(admin.get(f"{address}{asked}").text)
        assert "Nothing found" in page and good not in page, asked


def test_the_empty_dashboard_leads_who_may_upload_there(client: Client) -> None:
    address = "/admin/customers/importrun/upload/"
    client.force_login(make_staff("Program manager"))
    assert f'href="{address}">Upload a CSV file</a>' in client.get("/admin/").text
    client.force_login(make_staff("Viewer", username="v"))
    assert "Upload a CSV file" not in client.get("/admin/").text


def test_the_onboarding_list_says_blockers_in_words(admin: Client) -> None:
    make_onboarding(make_customer(), blocker_type="github_permissions")
    make_onboarding(make_customer(), blocker_type="")
    page = words(admin.get("/admin/customers/onboarding/").text)
    assert page.count("GitHub permissions") == 2, "in the row and in the filter"
    assert "github_permissions" not in page
    found = words(admin.get("/admin/customers/onboarding/?blocker_type=github_permissions").text)
    assert "1 onboarding row" in found


def test_a_search_finds_customers_first_and_then_their_rows(admin: Client) -> None:
    """By folded name, by key or by the row's own; the rows are not looked through for a name."""
    customer = make_customer(id="c7", organization="Zürich Works")
    for _ in range(2):
        make_engagement(customer, "2025-05-01")
    other = make_engagement(make_customer(id="c8", organization="Other"), "2025-05-01")
    for asked, count in (
        ("ZURICH", 2),
        ("works zür", 2),
        ("c7", 2),
        (str(other.pk), 1),
        ("zzz", 0),
        ('"zürich w"', 2),
    ):
        with CaptureQueriesContext(connection) as captured:
            page = words(admin.get("/admin/customers/engagement/", {"q": asked}).text)
        assert f"{count} engagement row" in page, asked
        rows = [one["sql"] for one in captured if 'FROM "customers_engagement"' in one["sql"]]
        assert not any("organization" in sql.split("WHERE")[1] for sql in rows if "WHERE" in sql)


def test_counts_say_one_in_the_singular() -> None:
    names = ["engagement", "step sightings", "fixes", "customers", "changes in the journal"]
    names += [
        "audit entries of failed logins",
        "entries of the audit",
        "erasures completed",
        "texts of emails",
        "waiting uploads of everybody",
    ]
    assert counts_in_words(dict.fromkeys(names, 1)).split(", ") == [
        "1 engagement row",
        "1 step sighting",
        "1 fix",
        "1 customer",
        "1 change in the journal",
        "1 audit entry of failed logins",
        "1 entry of the audit",
        "1 erasure completed",
        "1 text of emails",
        "1 waiting upload of everybody",
    ]
    assert counts_in_words({"engagement": 1_200, "tasks": 0, "erasures completed": 2}) == (
        "1,200 engagement rows, 0 tasks, 2 erasures completed"
    )

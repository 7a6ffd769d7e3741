"""From a number on a customer's page to its rows, and from a row to the run, the file, its SHA-256 and the line."""

import hashlib
import re
from datetime import date
from html import unescape

import pytest
from django.conf import settings
from django.db.models import Model
from django.test import Client

from analytics.scoring.snapshots import score_day
from customers.models import Customer, Engagement, Event, Feedback, ImportRun, LoadedRow, Onboarding
from tests.factories import make_customer, make_engagement, make_feedback, make_onboarding, make_run
from tests.support.pages import links, main_part, section, words

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("demo_program", "the_day_after")]

D = date(2025, 5, 10)
ACME = "/admin/customer/c1001/"
FIXTURES = settings.BASE_DIR / "fixtures"


def keys(client: Client, address: str) -> list[str]:
    """The keys of the rows on a list of the admin, sorted."""
    response = client.get(address)
    assert response.status_code == 200, address
    return sorted(str(row.pk) for row in response.context["cl"].result_list)


def counter(client: Client, label: str, page: str = ACME) -> str:
    """Where a counter of the customer's page leads."""
    text = main_part(client.get(page))
    [address] = re.findall(rf'<dt>{label}</dt>\s*<dd>[^<]*<small><a href="([^"]*)">', text)
    return unescape(address)


def inputs(client: Client, words_of_it: str, page: str = ACME) -> str:
    """Where the inputs of a component of the score lead."""
    [address] = links(client.get(page), words_of_it)
    return address


def expected(model: type[Model], **lookups: object) -> list[str]:
    return sorted(model._default_manager.filter(customer_id="c1001", **lookups).values_list("pk", flat=True))


# --- From a number to its rows ----------------------------------------------------------------------------------


def test_each_counter_leads_to_the_rows_that_add_up_to_it(viewer: Client) -> None:
    make_engagement(Customer.objects.get(pk="c1001"), date(2025, 5, 11), issues_tagged=7, id="after-the-date")
    make_engagement(Customer.objects.get(pk="c1002"), D, issues_tagged=7, id="another-customer")
    for label, name, total in (
        ("Issues tagged", "issues_tagged", 5),
        ("PRs generated", "prs_generated", 0),
        ("PRs merged", "prs_merged", 0),
        ("Support requests", "support_requests", 2),
    ):
        address = counter(viewer, label)
        assert address == (f"/admin/customers/engagement/?customer__id__exact=c1001&date__lte=2025-05-10&{name}__gt=0")
        rows = keys(viewer, address)
        assert rows == expected(Engagement, date__lte=D, **{f"{name}__gt": 0})
        assert sum(Engagement.objects.filter(pk__in=rows).values_list(name, flat=True)) == total
    part = main_part(viewer.get(ACME))
    for label in ("Of all generated PRs merged", "Active days in all"):
        [address] = re.findall(rf'{label}: <a href="([^"]*)"', part)
        assert keys(viewer, unescape(address)) == expected(Engagement, date__lte=D)


def test_on_an_earlier_date_a_counter_leads_to_the_rows_up_to_it(viewer: Client) -> None:
    score_day(date(2025, 5, 5))
    address = counter(viewer, "Issues tagged", f"{ACME}?as_of=2025-05-05")
    assert address.endswith("&date__lte=2025-05-05&issues_tagged__gt=0")
    rows = keys(viewer, address)
    assert [Engagement.objects.get(pk=key).issues_tagged for key in rows] == [3]


def test_each_input_of_the_score_leads_to_its_rows(viewer: Client) -> None:
    lists = "/admin/customers"
    whose = "customer__id__exact=c1001"
    assert inputs(viewer, "4 active days in the last 7") == (
        f"{lists}/engagement/?{whose}&date__gte=2025-05-04&date__lte=2025-05-10"
    )
    assert inputs(viewer, "no PR generated in the last 30 days") == (
        f"{lists}/engagement/?{whose}&date__gte=2025-04-11&date__lte=2025-05-10"
    )
    adoption = inputs(viewer, "account, GitHub Action, first issue; not yet: first PR")
    assert adoption == f"{lists}/onboarding/?{whose}"
    assert keys(viewer, adoption) == expected(Onboarding)
    assert inputs(viewer, "2 support requests in the last 30 days, no CSAT answer in 90") == (
        f"{lists}/engagement/?{whose}&date__gte=2025-04-11&date__lte=2025-05-10&support_requests__gt=0"
    )
    assert inputs(viewer, "no answer in the last 180 days, counts 0") == (
        f"{lists}/feedback/?{whose}&date__gte=2024-11-12&date__lte=2025-05-10&nps__isnull=False"
    )
    assert inputs(viewer, "last 7 days, without support requests") == (
        f"{lists}/engagement/?{whose}&date__gte=2025-04-27&date__lte=2025-05-10"
    )


def test_answers_lead_to_the_answers_that_count(viewer: Client) -> None:
    customer = Customer.objects.get(pk="c1001")
    make_feedback(customer, date(2025, 5, 8), csat=4, id="csat")
    make_feedback(customer, date(2025, 5, 9), nps=9, id="nps")
    make_feedback(customer, date(2025, 5, 9), comment="Neither", id="neither")
    make_feedback(customer, date(2024, 5, 9), csat=1, nps=1, id="too-old")
    score_day(D)
    assert keys(viewer, inputs(viewer, "average 4.0 of 5 in 1 CSAT answer in the last 90 days")) == ["csat"]
    assert keys(viewer, inputs(viewer, "the newest answer in the last 180 days")) == ["nps"]


def test_a_link_to_rows_survives_every_id(viewer: Client) -> None:
    customer = make_customer(id="a.b:c_d-e", organization="Odd One")
    make_engagement(customer, D, issues_tagged=1, id="odd")
    score_day(D)
    address = counter(viewer, "Issues tagged", "/admin/customer/a.b:c_d-e/")
    assert keys(viewer, address) == ["odd"]
    text = words(viewer.get(address).text)
    assert "Only these rows: customer a.b:c_d-e, date up to 10 May 2025, issues tagged above 0. Show all" in text


# --- Where the fields come from ---------------------------------------------------------------------------------


def test_the_page_says_where_its_fields_come_from(viewer: Client) -> None:
    customer, onboarding = Customer.objects.get(pk="c1001"), Onboarding.objects.get(customer="c1001")
    response = viewer.get(ACME)
    short = {
        name: hashlib.sha256((FIXTURES / name).read_bytes()).hexdigest()[:12]
        for name in ("customers.csv", "onboarding.csv")
    }
    assert section(response, "origins") == (
        "Where each number comes from "
        f"Details from customers.csv, run {customer.run_id} , line {customer.line} "
        f"SHA-256 {short['customers.csv']}… "
        f"Onboarding from onboarding.csv, run {onboarding.run_id} , line {onboarding.line} "
        f"SHA-256 {short['onboarding.csv']}… "
        "Score and counters the rows of engagement , feedback and events ; each says its run and line"
    )
    assert set(links(response, f"run {customer.run_id}")) == {f"/admin/customers/importrun/{customer.run_id}/change/"}
    lines = links(response, f"line {customer.line}")
    assert "/admin/customers/customer/c1001/change/" in lines
    for feed, model in (("engagement", Engagement), ("feedback", Feedback), ("events", Event)):
        [address] = links(response, feed)
        assert keys(viewer, address) == expected(model, date__lte=D)


def test_a_line_is_that_of_the_file(viewer: Client) -> None:
    customer = Customer.objects.get(pk="c1001")
    lines = (FIXTURES / "customers.csv").read_text().splitlines()
    assert lines[customer.line - 1].startswith("c1001,")


def test_fields_of_a_run_that_is_not_known_name_their_line(viewer: Client) -> None:
    make_customer(id="stray", run_id=999_999, line=7)
    make_onboarding(Customer.objects.get(pk="stray"), run_id=999_999, line=8)
    text = section(viewer.get("/admin/customer/stray/"), "origins")
    assert text.startswith(
        "Where each number comes from Details line 7 of a run that is not known "
        "Onboarding line 8 of a run that is not known"
    )
    assert viewer.get("/admin/customers/customer/stray/change/").status_code == 200


# --- From a row to its line -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "model", [Customer, Onboarding, Engagement, Feedback, Event], ids=lambda model: model.__name__
)
def test_every_row_names_run_file_hash_and_line(viewer: Client, model: type[LoadedRow]) -> None:
    row = model._default_manager.order_by("pk").last()
    assert row is not None
    run = ImportRun.objects.get(pk=row.run_id)
    base = f"/admin/customers/{model._meta.model_name}/"
    assert f"run {run.pk}, line {row.line}" in words(viewer.get(base).text)
    response = viewer.get(f"{base}{row.pk}/change/")
    assert (
        f"Where this row comes from Last changed by run {run.pk} File {run.file} SHA-256 {run.sha256} Line {row.line}"
        in words(response.text)
    )
    assert f'href="/admin/customers/importrun/{run.pk}/change/"' in response.text


def test_a_row_that_nobody_has_is_not_found(viewer: Client) -> None:
    assert viewer.get("/admin/customers/engagement/nobody/change/").status_code == 302


def test_the_line_of_a_row_holds_its_key(viewer: Client) -> None:
    lines = (FIXTURES / "engagement.csv").read_text().splitlines()
    for row in Engagement.objects.order_by("pk")[:20]:
        assert lines[row.line - 1].startswith(f"{row.pk},")


def test_a_run_lists_its_rows_by_customer_and_date_too(viewer: Client) -> None:
    run = make_run(feed="engagement", file="engagement.csv")
    customer = Customer.objects.get(pk="c1001")
    make_engagement(customer, D, id="mine", run_id=run.pk)
    make_engagement(customer, date(2025, 5, 1), id="mine-earlier", run_id=run.pk)
    base = f"/admin/customers/engagement/?run={run.pk}"
    assert keys(viewer, base) == ["mine", "mine-earlier"]
    assert keys(viewer, f"{base}&customer__id__exact=c1001&date__gte=2025-05-02&date__lte=2025-05-10") == ["mine"]
    assert keys(viewer, f"{base}&customer__id__exact=c1002") == []

"""Two people change one report, or assign owners to the same customers: nothing is overwritten in silence."""

from datetime import date
from typing import Any

import pytest
from django.contrib.auth.models import User

from analytics.models import Report
from customers.models import CustomerCare
from customers.owners.assign import assign
from tests.factories import make_customer, make_day, make_snapshot, make_staff
from tests.support.forms import as_, form_on
from tests.support.pages import words

pytestmark = pytest.mark.django_db

DAY = date(2025, 5, 10)


@pytest.fixture
def report() -> Report:
    make_day()
    for key in ("c1", "c2"):
        make_snapshot(make_customer(id=key, organization=f"Customer {key}"))
    for name in ("Anna Ahlers", "Bea Berg"):
        first, last = name.split()
        make_staff("Program manager", username=first.lower(), first_name=first, last_name=last)
    owner = User.objects.get(username="anna")
    return Report.objects.create(name="At risk", owner=owner, shared=True, query="status=at_risk")


def test_two_edit_one_report(report: Report) -> None:
    page = f"/admin/reports/{report.pk}/edit/"
    anna, bea = as_("anna"), as_("bea")
    second, third = bea.get(page), bea.get(page)
    anna.post(page, form_on(anna.get(page), name="Anna’s"))
    answer = bea.post(page, form_on(second, name="Bea’s", format="csv"))
    assert answer.status_code == 409
    assert "Anna Ahlers changed this just now, after you opened the form." in words(answer.text)
    assert form_on(answer)["name"] == "Bea’s"
    bea.post(page, form_on(third, format="csv"))
    report.refresh_from_db()
    assert (report.name, report.format) == ("Anna’s", "csv")


def test_two_save_another_view_of_one_report(report: Report) -> None:
    save = f"/admin/reports/{report.pk}/view/"
    anna, bea = as_("anna"), as_("bea")
    mine = f"/admin/?status=champion&report={report.pk}"
    opened = form_on(bea.get(mine), "query")
    theirs = f"/admin/?status=healthy&report={report.pk}"
    anna.post(save, form_on(anna.get(theirs), "query"))
    answer = bea.post(save, opened, follow=True)
    report.refresh_from_db()
    assert report.query == "status=healthy"
    assert "Anna Ahlers changed this just now, after you opened it: nothing is saved yet." in words(answer.text)
    assert "status=champion" in answer.redirect_chain[-1][0]
    bea.post(save, form_on(answer, "query"))
    report.refresh_from_db()
    assert report.query == "status=champion"


def test_a_report_that_was_deleted_or_changed_meanwhile(report: Report) -> None:
    page, delete = (f"/admin/reports/{report.pk}/{what}/" for what in ("edit", "delete"))
    anna, bea = as_("anna"), as_("bea")
    asked, open_form = anna.get(delete), bea.get(page)
    bea.post(page, form_on(bea.get(page), name="Bea’s"))
    again = anna.post(delete, form_on(asked))
    assert "Bea Berg changed Bea’s just now: name: At risk → Bea’s" in words(again.text)
    assert Report.objects.exists()
    anna.post(delete, form_on(again))
    assert not Report.objects.exists()
    answer = bea.post(page, form_on(open_form, name="A long name"))
    assert answer.status_code == 410
    assert "Anna Ahlers deleted Bea’s just now." in words(answer.text)
    assert "A long name" in words(answer.text)


def test_a_private_report_that_was_deleted_is_not_named(report: Report) -> None:
    Report.objects.update(shared=False, name="Nobody’s business")
    as_("anna").post(f"/admin/reports/{report.pk}/delete/", {})
    answer = as_("bea").post(f"/admin/reports/{report.pk}/edit/", {"name": "x"})
    assert answer.status_code == 410
    assert "business" not in answer.text


def test_a_report_that_is_sent_twice_is_saved_once(report: Report) -> None:
    anna = as_("anna")
    sent = form_on(anna.get("/admin/reports/save/?status=healthy"), "form_key", name="Healthy")
    first, second = (anna.post("/admin/reports/save/", sent) for _number in range(2))
    assert (first.status_code, second.status_code) == (302, 302)
    assert Report.objects.filter(name="Healthy").count() == 1
    assert "You sent this form twice: it was stored once." in words(anna.get(second["Location"]).text)


# --- Owners -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("before", ["anna", None])
def test_owners_that_somebody_else_has_assigned_since_the_page_was_shown(report: Report, before: str | None) -> None:
    anna, bea = (User.objects.get(username=name) for name in ("anna", "bea"))
    CustomerCare.objects.create(customer_id="c1", owner=anna)
    if before:
        CustomerCare.objects.create(customer_id="c2", owner=anna)
    client = as_("bea")
    sent: dict[str, Any] = {"customer": ["c1", "c2"]}
    asked = form_on(client.post("/admin/assign/", sent), "expected", owner=str(bea.pk))
    as_("anna").post("/admin/assign/", {"customer": ["c2"], "owner": str(make_owner().pk), "expected": "1"})
    answer = client.post("/admin/assign/", asked)
    assert answer.status_code == 409
    said = words(answer.text)
    assert "Anna Ahlers made cleo the owner of Customer c2 just now." in said
    assert "Somebody else has changed owners since you opened this page: nothing is assigned yet." in said
    assert {care.owner.username for care in CustomerCare.objects.select_related("owner")} == {"anna", "cleo"}
    assert form_on(answer, "expected")["owner"] == str(bea.pk)
    assert client.post("/admin/assign/", form_on(answer, "expected")).status_code == 302
    assert set(CustomerCare.objects.values_list("owner__username", flat=True)) == {"bea"}


def make_owner() -> User:
    return make_staff("Success manager", username="cleo")


@pytest.mark.parametrize("seen", ["x", "x@", "@", "x@-1", "x@now", "x@9999999999", "x@99999999999"])
def test_a_mark_that_makes_no_sense_is_another_one(report: Report, seen: str) -> None:
    bea = User.objects.get(username="bea")
    sent = {"customer": ["c1"], "owner": str(bea.pk), "expected": "1", "seen": seen}
    assert as_("bea").post("/admin/assign/", sent).status_code == (302 if seen == "@" else 409)


def test_assigning_says_nothing_of_a_mark_where_none_is_known(report: Report) -> None:
    bea = User.objects.get(username="bea")
    assert assign(report._meta.apps.get_model("customers.Customer").objects.all(), bea, bea).changed == 2

"""Who may see and do what, page by page."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse

from analytics.models import AlertRule, MailTemplate, RecommendationRule, Report, ScoringPolicy, Task
from customers.models import Customer, CustomerCare, Fix, QuarantinedRow, Upload
from tests.factories import make_alert, make_message, make_run, make_staff
from tests.support.pages import Elements

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("demo_program")]

VISITORS = ["Nobody", "Not staff", "No role", "Viewer", "Success manager", "Program manager", "Administrator"]
DATA = [
    "customer",
    "onboarding",
    "engagement",
    "feedback",
    "event",
    "customercare",
    "importrun",
    "quarantinedrow",
    "fix",
]

MAY: dict[str, str] = {
    # Of the seven visitors above, in their order, each one that is let in: V, S, P, A.
    "/admin/": "VSPA",
    "/admin/?status=at_risk&as_of=2025-05-09": "VSPA",
    "/admin/cohorts/": "VSPA",
    "/admin/cohorts/?by=month&as_of=2025-05-09": "VSPA",
    "/admin/customer/c1001/": "VSPA",
    "/admin/customer/c1001/contact/": "SPA",
    "/admin/messages/{message}/": "VSPA",
    "/admin/analytics/message/": "VSPA",
    "/admin/analytics/message/add/": "",
    "/admin/analytics/mailtemplate/": "VSPA",
    "/admin/analytics/mailtemplate/{template}/change/": "VSPA",
    "/admin/analytics/mailtemplate/add/": "PA",
    "/admin/analytics/mailtemplate/{template}/delete/": "PA",
    "/admin/export/": "SPA",
    "/admin/alerts/": "VSPA",
    "/admin/alerts/?state=all&owner=none": "VSPA",
    "/admin/reports/": "VSPA",
    "/admin/reports/{report}/export/csv/": "SPA",
    "/admin/reports/save/?status=at_risk": "SPA",
    "/admin/reports/{report}/edit/": "PA",
    "/admin/reports/{report}/delete/": "PA",
    "/admin/analytics/alertrule/": "VSPA",
    "/admin/analytics/alertrule/{alert_rule}/change/": "VSPA",
    "/admin/analytics/alertrule/add/": "PA",
    "/admin/analytics/alertrule/{alert_rule}/delete/": "",
    "/admin/analytics/digest/": "VSPA",
    "/admin/analytics/digest/add/": "",
    **{f"/admin/customers/{model}/": "VSPA" for model in DATA},
    "/admin/customers/customer/c1001/change/": "VSPA",
    "/admin/customers/customer/c1001/history/": "VSPA",
    "/admin/customers/customercare/c1002/change/": "VSPA",
    **{f"/admin/customers/{model}/export/": "SPA" for model in DATA[:5]},
    "/admin/customers/quarantinedrow/{bad_row}/fix/": "PA",
    "/admin/customers/importrun/upload/": "PA",
    "/admin/customers/importrun/upload/{upload}/": "PA",
    "/admin/customers/fix/{fix}/delete/": "PA",
    "/admin/customers/quarantinedrow/download/customers/": "SPA",
    "/admin/customers/customercare/add/": "SPA",
    "/admin/autocomplete/?app_label=customers&model_name=customercare&field_name=customer&term=a": "VSPA",
    "/admin/analytics/scoringpolicy/": "VSPA",
    "/admin/analytics/scoringpolicy/{policy}/change/": "VSPA",
    "/admin/analytics/scoringpolicy/add/": "PA",
    "/admin/analytics/scoringpolicy/{new_policy}/delete/": "PA",
    "/admin/tasks/?whose=everybody": "VSPA",
    "/admin/tasks/?whose=everybody&state=done": "VSPA",
    "/admin/tasks/{task}/": "VSPA",
    "/admin/tasks/new/": "SPA",
    "/admin/tasks/new/?customer=c1001": "SPA",
    "/admin/tasks/new/?customer=c1001&rule={rule}": "SPA",
    "/admin/effects/": "VSPA",
    "/admin/assign/?customer=c1001": "SPA",
    "/admin/analytics/recommendationrule/": "VSPA",
    "/admin/analytics/recommendationrule/{rule}/change/": "VSPA",
    "/admin/analytics/recommendationrule/add/": "PA",
    "/admin/analytics/recommendationrule/{rule}/delete/": "PA",
    "/admin/customers/customer/c1001/erase/": "A",
    "/admin/customers/erasure/": "A",
    "/admin/customers/erasure/add/": "",
    "/admin/auth/user/": "A",
    "/admin/auth/user/add/": "A",
    "/admin/auth/user/{user}/change/": "A",
    "/admin/auth/user/{user}/password/": "A",
    "/admin/auth/group/": "A",
    "/admin/axes/accessattempt/": "A",
    # Nobody deletes care, or adds what a feed owns.
    "/admin/customers/customercare/c1002/delete/": "",
    **{f"/admin/customers/{model}/add/": "" for model in DATA if model != "customercare"},
    "/admin/customers/customer/c1001/delete/": "",
}
LETTERS = {"V": "Viewer", "S": "Success manager", "P": "Program manager", "A": "Administrator"}


@pytest.fixture(autouse=True)
def rows() -> dict[str, Any]:
    """A row of each kind that the demo program lacks; the keys that addresses name."""
    CustomerCare.objects.create(customer_id="c1002", notes="Secret note")
    bad = QuarantinedRow.objects.create(run=make_run(), feed="customers", line=2, raw="Secret row", reasons=["bad"])
    new = ScoringPolicy.objects.create(name="v2", state="draft")
    return {
        "policy": ScoringPolicy.objects.get(name="v1").pk,
        "new_policy": new.pk,
        "bad_row": bad.pk,
        "fix": Fix.objects.create(feed="customers", raw="Secret row", sha256="0", cells=["Secret cell"]).pk,
        "upload": Upload.objects.create(
            feed="customers", file="Secret.csv", folder="0" * 32, stored_name="customers.csv", size=1
        ).pk,
        "alert": make_alert(Customer.objects.get(pk="c1001"), text="Secret alert").pk,
        "alert_rule": AlertRule.objects.get(kind="fell").pk,
        "message": make_message(Customer.objects.get(pk="c1001"), subject="Secret mail").pk,
        "template": MailTemplate.objects.get(situation="check_in").pk,
        "user": User.objects.create(username="somebody").pk,
        "task": Task.objects.create(customer_id="c1001", what="Secret task", due="2025-05-10").pk,
        "rule": RecommendationRule.objects.get(urgency=30).pk,
        "report": Report.objects.create(name="Secret report", owner=make_staff("Success manager"), shared=True).pk,
    }


def log_in(client: Client, visitor: str) -> None:
    if visitor == "Not staff":
        user = make_staff(is_staff=False)
        user.groups.set(Group.objects.all())
        client.force_login(user)
    elif visitor == "No role":
        client.force_login(make_staff())
    elif visitor != "Nobody":
        client.force_login(make_staff(visitor))


# --- Who gets in ------------------------------------------------------------------------------------------------


ALL_BUT_ONE = [pytest.param(visitor, marks=pytest.mark.sqlite_is_enough) for visitor in VISITORS[:-1]]


@pytest.mark.parametrize("visitor", [*ALL_BUT_ONE, VISITORS[-1]])
def test_who_may_open_what(client: Client, visitor: str, rows: dict[str, Any]) -> None:
    log_in(client, visitor)
    wrong = {}
    for page, letters in MAY.items():
        address = page.format(**rows)
        allowed = visitor in {LETTERS[letter] for letter in letters}
        response = client.get(address)
        if response.streaming:
            # To its end, where it closes its file.
            assert b"".join(response).startswith(b"PK")
        if visitor in {"Nobody", "Not staff"}:
            right = response.status_code == 302 and response.url.startswith("/admin/login/?next=/admin/")
        else:
            right = response.status_code == (200 if allowed else 403)
        if not right:
            wrong[address] = response.status_code
    assert wrong == {}


@pytest.mark.parametrize("address", ["/admin/customer/c1001/?as_of=2025-05-09", "/admin/", "/admin/customers/event/"])
def test_a_visitor_is_led_to_the_login_and_from_there_to_the_page(client: Client, address: str) -> None:
    response = client.get(address, follow=True)
    [(login, status)] = response.redirect_chain
    assert status == 302
    user = make_staff("Viewer", username="vera", password="a long password")
    response = client.post(login, {"username": user.username, "password": "a long password", "next": address})
    assert (response.status_code, response.url) == (302, address)


def test_the_root_leads_to_the_usual_page(client: Client) -> None:
    client.force_login(make_staff("Viewer"))
    response = client.get("/", follow=True)
    assert [address for address, _status in response.redirect_chain] == ["/admin/start/", "/admin/summary/"]


def test_a_wrong_password_is_refused(client: Client) -> None:
    make_staff("Viewer", username="vera")
    response = client.post("/admin/login/?next=/admin/", {"username": "vera", "password": "a guess"})
    assert response.status_code == 200
    assert client.get("/admin/").status_code == 302


@pytest.mark.parametrize("overrides", [{"is_staff": False}, {"is_active": False}])
def test_who_is_not_active_staff_cannot_log_in(client: Client, overrides: dict[str, Any]) -> None:
    make_staff("Administrator", username="vera", password="a long password", **overrides)
    response = client.post("/admin/login/", {"username": "vera", "password": "a long password", "next": "/admin/"})
    assert response.status_code == 200
    assert client.get("/admin/").status_code == 302


@pytest.mark.sqlite_is_enough
@pytest.mark.parametrize("visitor", ["Nobody", "Not staff", "No role"])
def test_who_has_no_role_sees_no_data_anywhere(client: Client, visitor: str, rows: dict[str, Any]) -> None:
    log_in(client, visitor)
    asked = [*(page.format(**rows) for page in MAY), "/admin/search/?s=acme&extended=1", "/admin/customers/"]
    asked += ["/admin/customer/nobody/", "/admin/customers/customer/nobody/change/", "/admin/jsi18n/"]
    for address in asked:
        text = client.get(address).text
        for secret in ("Acme", "acme.com", "Secret", "TechCorp", "VIP", "At risk"):
            # As a word: the letters of a form's random token may be anything.
            assert not re.search(rf"\b{re.escape(secret)}\b", text), (address, secret)


@pytest.mark.parametrize("visitor", ["No role", "Viewer"])
def test_an_unknown_customer_tells_nothing_to_who_may_not_look(client: Client, visitor: str) -> None:
    log_in(client, visitor)
    assert client.get("/admin/customer/nobody/").status_code == (404 if visitor == "Viewer" else 403)


# --- Who does what ----------------------------------------------------------------------------------------------


MAY_SEND: dict[str, tuple[str, dict[str, str]]] = {
    "SPA care": ("/admin/customers/customercare/add/", {"customer": "c1003", "notes": "x"}),
    "SPA notes": ("/admin/customers/customercare/c1002/change/", {"notes": "x"}),
    "SPA export": ("/admin/customers/customer/export/", {"format": "0", "resource": "0"}),
    "SPA assign": ("/admin/assign/", {"customer": "c1001", "expected": "1", "owner": "nobody"}),
    "SPA new task": ("/admin/tasks/new/?customer=c1001", {"what": "x", "kind": "call", "due": "2025-05-11"}),
    "SPA task": ("/admin/tasks/{task}/", {"do": "dropped"}),
    "PA rule": (
        "/admin/analytics/recommendationrule/{rule}/change/",
        {"text": "x", "kind": "call", "condition": "at_risk", "urgency": "1", "rest_days": "1"},
    ),
    "PA no rule": ("/admin/analytics/recommendationrule/{rule}/delete/", {"post": "yes"}),
    "SPA mail": ("/admin/customer/c1001/contact/", {"action": "edit", "subject": "Hello", "body": "Hello"}),
    "SPA mail again": ("/admin/messages/{message}/", {"action": "sent"}),
    "PA template": ("/admin/analytics/mailtemplate/{template}/delete/", {"post": "yes"}),
    "PA replay": ("/admin/customers/quarantinedrow/replay/", {}),
    "PA preview": ("/admin/customers/importrun/upload/{upload}/preview/", {}),
    "PA confirm": ("/admin/customers/importrun/upload/{upload}/confirm/", {}),
    "PA cancel": ("/admin/customers/importrun/upload/{upload}/cancel/", {}),
    "PA forget": ("/admin/customers/fix/{fix}/delete/", {"post": "yes"}),
    "PA fix": ("/admin/customers/quarantinedrow/{bad_row}/fix/", {"id": "c1"}),
    "SPA alert": ("/admin/alerts/act/", {"alert": "{alert}", "action": "acknowledge"}),
    "SPA save": ("/admin/reports/save/", {"name": "x", "as_of": "newest", "format": "csv", "query": "status=at_risk"}),
    "PA view": ("/admin/reports/{report}/view/", {"query": "status=at_risk"}),
    "PA edit": ("/admin/reports/{report}/edit/", {"name": "x", "as_of": "newest", "format": "csv", "shared": "on"}),
    "PA drop": ("/admin/reports/{report}/delete/", {}),
    "PA alert rule": (
        "/admin/analytics/alertrule/{alert_rule}/change/",
        {"threshold": "9", "recovery": "2", "cooldown": "0", "audience": "both", "severity": "1"},
    ),
    "PA policy": ("/admin/analytics/scoringpolicy/{new_policy}/delete/", {"post": "yes"}),
    "A user": ("/admin/auth/user/{user}/delete/", {"post": "yes"}),
    " used policy": ("/admin/analytics/scoringpolicy/{policy}/delete/", {"post": "yes"}),
    " no care": ("/admin/customers/customercare/c1002/delete/", {"post": "yes"}),
    " customer": ("/admin/customers/customer/c1001/change/", {"organization": "x"}),
    " run": ("/admin/customers/importrun/{run}/delete/", {"post": "yes"}),
}


@pytest.mark.parametrize("visitor", [*ALL_BUT_ONE, VISITORS[-1]])
def test_who_may_send_what(client: Client, visitor: str, rows: dict[str, Any]) -> None:
    log_in(client, visitor)
    wrong = {}
    for name, (page, data) in MAY_SEND.items():
        address = page.format(**rows, run=make_run().pk)
        response = client.post(address, {key: value.format(**rows) for key, value in data.items()})
        if visitor in {"Nobody", "Not staff"}:
            right = response.status_code == 302 and "/admin/login/" in response.url
        elif visitor in {LETTERS[letter] for letter in name.split(" ")[0]}:
            right = response.status_code in {200, 302} and "errornote" not in response.text
        else:
            right = response.status_code == 403
        if not right:
            wrong[name] = response.status_code
    assert wrong == {}


@pytest.mark.parametrize(
    ("role", "shown"),
    [
        ("Viewer", set()),
        ("Success manager", {"Export", "Assignment", "Assign owner", "Create task", "Contact customer"}),
        ("Program manager", {"Export", "Assignment", "Assign owner", "Create task", "Contact customer"}),
        ("Administrator", {"Export", "Assignment", "Assign owner", "Create task", "Contact customer"}),
    ],
)
def test_what_somebody_may_not_do_is_not_offered(client: Client, role: str, shown: set[str]) -> None:
    log_in(client, role)
    text = client.get("/admin/").text + client.get("/admin/customer/c1001/").text
    offers = ("Export", "Assignment", "Assign owner", "Create task", "Contact customer")
    assert {label for label in offers if f">{label}</a>" in text} == shown


EVERYONE = {"Dashboard", "Alerts", "Milestones", "Cohorts", "Impact", "Reports", "Boards"}
EVERYONE |= {"Customers", "Onboarding", "Engagement", "Feedback", "Events"}
READS = {"Summary"}
WORKS = {"My day", "My tasks", "Forecast accuracy", "Assignments", "Messages", "Email templates"}
WORKS |= {"Nightly runs", "Import runs", "Inbox", "Batches", "Quarantine", "Fixes", "Key changes"}
WORKS |= {"Playbooks", "Policy lab", "Scoring policies", "Alert rules", "Digests", "Recommendation rules"}
PUSHES = {"Destinations", "Pushes"}


@pytest.mark.sqlite_is_enough
@pytest.mark.parametrize(
    ("role", "extra"),
    [
        ("Viewer", READS),
        ("Success manager", WORKS),
        ("Program manager", WORKS | PUSHES),
        (
            "Administrator",
            WORKS
            | PUSHES
            | {"Users", "Roles", "API tokens", "API reference", "Audit log", "Erasures", "Failed logins"}
            | {"Webhooks", "Webhook log"},
        ),
    ],
)
def test_the_sidebar_shows_what_one_may_open(client: Client, role: str, extra: set[str]) -> None:
    log_in(client, role)
    response = client.get("/admin/")
    entries = {
        item["title"]: item["link"] for group in response.context["sidebar_navigation"] for item in group["items"]
    }
    assert set(entries) == EVERYONE | extra
    shown = set(Elements(response.text).attributes("href"))
    for link in entries.values():
        assert str(link) in shown
        assert client.get(str(link), follow=True).status_code == 200


# --- The roles themselves ---------------------------------------------------------------------------------------


def test_log_out(client: Client) -> None:
    log_in(client, "Viewer")
    assert client.post(reverse("admin:logout")).status_code in {200, 302}
    assert client.get("/admin/").status_code == 302

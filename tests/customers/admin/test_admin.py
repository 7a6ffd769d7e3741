"""The rows behind the pages, in the admin: all pages open, a feed's rows are read-only, what staff keep is theirs."""

import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.db import connection
from django.db.models import Model
from django.template.response import SimpleTemplateResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext

from analytics.models import (
    AlertRule,
    Contact,
    Destination,
    Digest,
    MailTemplate,
    Message,
    Night,
    Playbook,
    PlaybookStep,
    Push,
    RecommendationRule,
    ScoringPolicy,
    WebhookDelivery,
    WebhookEndpoint,
)
from customers.imports.folder import import_folder
from customers.imports.interface import Options
from customers.models import (
    ApiToken,
    AuditEntry,
    Batch,
    Customer,
    CustomerCare,
    Erasure,
    Fix,
    ImportRun,
    InboxEvent,
    Note,
    QuarantinedRow,
)
from customers.models.key_change import KeyChange
from tests.factories import (
    csv_row,
    make_customer,
    make_engagement,
    make_event,
    make_feedback,
    make_message,
    make_onboarding,
    make_run,
    make_staff,
    write_feeds,
)
from tests.support.admin import FEEDS, address, of_models
from tests.support.pages import Elements

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("demo_program")]

LEDGER = [ImportRun, QuarantinedRow, Note, Fix, KeyChange]
EDITABLE = [Contact, CustomerCare, MailTemplate, ScoringPolicy, User, Group]
FORM_FIELDS = {"input", "select", "textarea"}


def editable_fields(html: str) -> set[str]:
    """The fields of a page that somebody can change; those of the theme and of the list's search aside."""
    names = {str(attrs.get("name")) for tag, attrs in Elements(html).found if tag in FORM_FIELDS}
    return names - {"csrfmiddlewaretoken", "s", "q", "None"}


def a_row(model: type[Model]) -> Model:
    """A row of the model, made where the demo program has none."""
    if model is User:
        return make_staff("Viewer")  # nobody deletes the last Administrator
    if model is Group:
        return Group.objects.create(name="Own role")  # nor a role that comes with the tool
    row = model._default_manager.first()
    if row is None and model is QuarantinedRow:
        return QuarantinedRow.objects.create(
            run=make_run(), feed="customers", line=2, raw="x", reasons=["bad", "worse"]
        )
    if row is None and model is Note:
        return Note.objects.create(customer_id="c1001", author="Bo", text="Called")
    if row is None and model is Fix:
        return Fix.objects.create(feed="customers", raw="x", sha256="0" * 64, cells=["c1"], made_by="Bo")
    if row is None and model is KeyChange:
        return KeyChange.objects.create(customer_id="c1002", former_id="c1001", run=make_run())
    if row is None and model is CustomerCare:
        return CustomerCare.objects.create(customer_id="c1001", owner=make_staff())
    if row is None and model is Message:
        return make_message()
    if row is None and model is Contact:
        return Contact.objects.create(customer_id="c1001", name="Ada", email="ada@acme.example")
    assert row is not None
    return row


# --- Every page opens -------------------------------------------------------------------------------------------


def test_the_admin_knows_these_models() -> None:
    others = {AccessAttempt, AlertRule, AuditEntry, Digest, RecommendationRule, Message, Night, Erasure}
    others |= {ApiToken, Batch, InboxEvent, Playbook, PlaybookStep}
    others |= {WebhookEndpoint, WebhookDelivery, Destination, Push}
    assert set(admin.site._registry) == {*FEEDS, *LEDGER, *EDITABLE, *others}


@of_models([*FEEDS, *LEDGER, *EDITABLE])
def test_every_page_of_a_model_opens(superuser: Client, model: type[Model]) -> None:
    row = a_row(model)
    pages = [address(model, "changelist"), address(model, "change", row.pk), address(model, "history", row.pk)]
    if model in EDITABLE:
        pages.append(address(model, "add"))
    if model in EDITABLE and model not in {ScoringPolicy, CustomerCare}:
        pages.append(address(model, "delete", row.pk))
    if model in FEEDS:
        pages.append(address(model, "export"))
    for page in pages:
        assert superuser.get(page).status_code == 200, page


@of_models([*FEEDS, *LEDGER, *EDITABLE, AlertRule, RecommendationRule, Message])
def test_every_list_can_be_searched_filtered_and_sorted(
    superuser: Client, model: type[Model], monkeypatch: pytest.MonkeyPatch
) -> None:
    a_row(model)
    page = address(model, "changelist")
    links = set(re.findall(r'href="\?([^"]+)"', superuser.get(page).text))
    # The view asks for the rows, and its page says nothing here that takes so long to write.
    monkeypatch.setattr(SimpleTemplateResponse, "rendered_content", "")
    model_admin = admin.site._registry[model]
    if model_admin.search_fields:
        assert superuser.get(page, {"q": "acme 1 <b>"}).status_code == 200
    for column in range(1, len(model_admin.list_display) + 1):
        for sign in ("", "-"):
            assert superuser.get(page, {"o": f"{sign}{column}"}).status_code == 200
    for query in links:
        assert superuser.get(f"{page}?{query.replace('&amp;', '&')}").status_code == 200, query


@of_models([*FEEDS, *LEDGER, CustomerCare, Message])
def test_a_list_costs_the_same_however_many_rows_it_shows(superuser: Client, model: type[Model]) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert superuser.get(address(model, "changelist")).status_code == 200
        return len(captured)

    a_row(model)
    few = count()
    run = make_run()
    for number in range(30):
        customer = make_customer(id=f"more{number}", cohort=f"Cohort {number}")
        make_onboarding(customer)
        make_engagement(customer, date(2025, 5, 1), issues_tagged=1, id=f"more{number}")
        make_feedback(customer, date(2025, 5, 1), nps=1, id=f"more{number}")
        make_event(customer, date(2025, 5, 1), "note", id=f"more{number}")
        make_run()
        CustomerCare.objects.create(customer=customer, owner=make_staff())
        make_message(customer, make_staff())
        QuarantinedRow.objects.create(run=run, feed="customers", line=number, raw="x", reasons=["bad"])
    assert count() == few
    assert few < 15


def test_a_row_in_quarantine_says_every_reason(superuser: Client) -> None:
    row = QuarantinedRow.objects.create(
        run=make_run(), feed="customers", line=7, raw="<b>raw</b>,x", reasons=["email: is required", "<i>bad</i>"]
    )
    for page in (address(QuarantinedRow, "changelist"), address(QuarantinedRow, "change", row.pk)):
        assert "email: is required; &lt;i&gt;bad&lt;/i&gt;" in superuser.get(page).text
    assert "&lt;b&gt;raw&lt;/b&gt;,x" in superuser.get(page).text


def test_the_command_palette_finds_pages_and_no_rows(superuser: Client) -> None:
    response = superuser.get("/admin/search/", {"s": "acme", "extended": "1"})
    assert response.status_code == 200
    assert "john@acme.com" not in response.text


# --- What a feed owns is read-only ------------------------------------------------------------------------------


@of_models([*FEEDS, *LEDGER])
def test_what_a_feed_owns_has_no_field_to_change(superuser: Client, model: type[Model]) -> None:
    assert editable_fields(superuser.get(address(model, "change", a_row(model).pk)).text) == set()


@of_models(
    [model for model in (*FEEDS, *LEDGER) if model not in (Note, Fix)]
)  # test_notes.py and test_roles.py have who deletes one
def test_what_a_feed_owns_is_not_changed_added_or_deleted(superuser: Client, model: type[Model]) -> None:
    row = a_row(model)
    before = list(model._default_manager.order_by("pk").values())
    data = {"organization": "Hacked", "notes": "Hacked", "status": "loaded", "id": "new", "line": "9", "post": "yes"}
    for page in ("change", "delete"):
        assert superuser.post(address(model, page, row.pk), data).status_code == 403
    assert superuser.post(address(model, "add"), data).status_code == 403
    assert superuser.get(address(model, "add")).status_code == 403
    deleting = {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"}
    superuser.post(address(model, "changelist"), deleting)
    assert list(model._default_manager.order_by("pk").values()) == before


# --- What staff keep --------------------------------------------------------------------------------------------


def test_a_success_manager_sets_owner_and_notes(client: Client) -> None:
    manager, colleague = make_staff("Success manager"), make_staff("Success manager")
    client.force_login(manager)
    added = client.post(
        address(CustomerCare, "add"), {"customer": "c1001", "owner": manager.pk, "notes": "Call Mondays"}
    )
    assert added.status_code == 302
    care = CustomerCare.objects.get()
    assert (care.customer_id, care.owner, care.notes) == ("c1001", manager, "Call Mondays")
    page = address(CustomerCare, "change", "c1001")
    assert editable_fields(client.get(page).text) >= {"owner", "notes"}
    # Care stays with its customer, whatever is sent.
    changed = client.post(page, {"customer": "c1002", "owner": colleague.pk, "notes": ""})
    assert changed.status_code == 302
    care = CustomerCare.objects.get()
    assert (care.customer_id, care.owner, care.notes) == ("c1001", colleague, "")
    assert client.post(address(CustomerCare, "delete", "c1001"), {"post": "yes"}).status_code == 403


def test_a_success_manager_finds_the_customer_and_who_may_act(client: Client) -> None:
    client.force_login(make_staff("Success manager", username="sofia"))
    make_staff("Program manager", username="paula")
    make_staff("Viewer", username="victor")
    User.objects.create(username="outsider")
    asked = {"app_label": "customers", "model_name": "customercare", "field_name": "customer", "term": "acme"}
    found = client.get("/admin/autocomplete/", asked)
    assert found.json()["results"] == [{"id": "c1001", "text": "Acme Inc."}]
    [owners] = re.findall(
        r'<select name="owner".*?</select>', client.get(address(CustomerCare, "add")).text, re.DOTALL
    )
    assert re.findall(r">\s*(\w+)\s*</option>", owners) == ["paula", "sofia"]


def test_an_import_leaves_owner_and_notes_alone(tmp_path: Path) -> None:
    owner = make_staff()
    CustomerCare.objects.create(customer_id="c1001", owner=owner, notes="Call Mondays")
    rows = [csv_row("customers", id="c1001", organization="Acme Holding"), csv_row("customers", id="c9001")]
    write_feeds(tmp_path, customers=rows)
    outcomes = import_folder(tmp_path, ["customers"], Options(started_by="test", force=True))
    assert [(outcome.status, outcome.updated, outcome.created) for outcome in outcomes] == [("loaded", 1, 1)]
    assert Customer.objects.get(pk="c1001").organization == "Acme Holding"
    care = CustomerCare.objects.get()
    assert (care.customer_id, care.owner, care.notes) == ("c1001", owner, "Call Mondays")


# --- Policies ---------------------------------------------------------------------------------------------------


def test_the_policy_that_scored_a_date_is_read_only(superuser: Client) -> None:
    policy = ScoringPolicy.objects.get()
    assert editable_fields(superuser.get(address(ScoringPolicy, "change", policy.pk)).text) == set()
    data = {"name": "v1", "activity_max": "40", "post": "yes"}
    for page in ("change", "delete"):
        assert superuser.post(address(ScoringPolicy, page, policy.pk), data).status_code == 403
    chosen = {"action": "delete_selected", "_selected_action": [policy.pk], "post": "yes"}
    superuser.post(address(ScoringPolicy, "changelist"), chosen)
    assert ScoringPolicy.objects.get().activity_max == 30


def policy_form(**overrides: Any) -> dict[str, Any]:
    return {**ScoringPolicy().numbers, "name": "v2", **overrides}


def test_a_new_policy_is_a_draft_that_can_be_changed_and_deleted(superuser: Client) -> None:
    sent = policy_form(state="published", effective_from="2025-06-01")
    assert superuser.post(address(ScoringPolicy, "add"), sent).status_code == 302
    new = ScoringPolicy.objects.get(name="v2")
    assert (new.state, new.effective_from) == ("draft", None)
    assert new.made_by == User.objects.get(is_superuser=True).username
    changed = superuser.post(
        address(ScoringPolicy, "change", new.pk), policy_form(activity_max=25, support_max=20, inactive_days=21)
    )
    assert changed.status_code == 302
    new.refresh_from_db()
    assert (new.activity_max, new.support_max, new.inactive_days) == (25, 20, 21)
    assert superuser.post(address(ScoringPolicy, "delete", new.pk), {"post": "yes"}).status_code == 302
    assert ScoringPolicy.objects.count() == 1


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"activity_max": 31}, "maximum points add up to 101, not to 100."),
        ({"healthy_from": 85}, "Champion must begin above Healthy, and Healthy above Needs attention."),
        ({"pr_days": 0}, "A window has at least one day."),
        ({"trend_days": 1}, "An activity trend needs at least two days."),
        ({"name": "v1"}, "Scoring policy with this Name already exists."),
    ],
    ids=str,
)
def test_a_policy_that_cannot_score_is_not_taken(superuser: Client, fields: dict[str, Any], message: str) -> None:
    response = superuser.post(address(ScoringPolicy, "add"), policy_form(**fields))
    assert response.status_code == 200
    assert message in response.text
    assert ScoringPolicy.objects.count() == 1


# --- Users ------------------------------------------------------------------------------------------------------


def test_an_administrator_adds_a_user_with_a_role(client: Client) -> None:
    client.force_login(make_staff("Administrator"))
    viewer = Group.objects.get(name="Viewer")
    form = {"name": "New Person", "email": "new@example.com", "login": "new", "role": viewer.pk}
    assert client.post(address(User, "add"), form).status_code == 302
    user = User.objects.get(username="new")
    assert [role.name for role in user.groups.all()] == ["Viewer"]
    role = Group.objects.get(name="Success manager")
    changed = client.post(
        address(User, "change", user.pk),
        {
            "username": "new",
            "is_active": "on",
            "is_staff": "on",
            "groups": [role.pk],
            "date_joined_0": "2025-05-10",
            "date_joined_1": "12:00:00",
        },
    )
    assert changed.status_code == 302
    assert [role.name for role in user.groups.all()] == ["Success manager"]
    client.force_login(user)
    assert client.get("/admin/").status_code == 200

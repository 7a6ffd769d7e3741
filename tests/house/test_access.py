"""Every address of the project, asked by everybody: nobody gets in where the table does not say so.

Found by introspection, so that a new address is missing from tests/data/access.csv until somebody has thought about
who may open it. Templates are not rendered here, which would take most of the time; other tests look at the pages.
"""

import re
from collections import Counter
from datetime import timedelta
from itertools import pairwise

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.template.response import SimpleTemplateResponse
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from analytics.models import ScoringPolicy
from customers.core.roles import Role
from customers.models import AuditEntry
from tests.support.access import (
    METHODS,
    TOKENS,
    VISITORS,
    Program,
    Visitors,
    addresses,
    is_stored_table_sorted,
    lets_in,
    outcome,
    table,
)


@pytest.fixture
def unrendered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SimpleTemplateResponse, "rendered_content", "")
    monkeypatch.setattr("rsolv_cs.navigation.sidebar", lambda _request: [])


def test_the_table_names_every_address_and_no_other() -> None:
    names = [one.name for one in addresses()]
    assert {name: count for name, count in Counter(names).items() if count > 1} == {}
    assert set(table()) == {(name, method) for name in names for method in METHODS}
    assert is_stored_table_sorted()


def test_addresses_of_ours_have_hyphens_in_their_names() -> None:
    ours = [one.name for one in addresses() if not one.name.startswith(("/", "admin:"))]
    assert "analytics:save-report" in ours and "customers:undo-run" in ours
    assert [name for name in ours if "_" in name] == []


@pytest.mark.django_db
@pytest.mark.usefixtures("unrendered")
@pytest.mark.parametrize(
    "visitor",
    [
        pytest.param(one, marks=() if one in {"viewer", "superuser", "token_viewer"} else pytest.mark.sqlite_is_enough)
        for one in (*VISITORS, *TOKENS)
    ],
)
def test_who_gets_in_where(visitor: str, everybody: tuple[Program, Visitors]) -> None:
    program, visitors = everybody
    expected = table()
    wrong = {}
    for one in addresses():
        for method in METHODS:
            with visitors.asking(visitor, method, program.path(one.route)) as response:
                found = outcome(response)
            told = expected.get((one.name, method), {}).get(visitor)
            if found != told:
                wrong[one.name, method] = f"{found}, the table says {told}"
    assert wrong == {}


# --- What the table itself says ---------------------------------------------------------------------------------


def test_nobody_without_a_role_sees_a_page_of_ours() -> None:
    ours = {
        key: cells
        for key, cells in table().items()
        if key[0].startswith(("analytics:", "customers:", "admin:analytics_", "admin:customers_", "admin:auth_"))
    }
    assert len(ours) > 250
    for key, cells in ours.items():
        assert {cells[who] for who in ("outsider", "not_staff", "inactive")} == {"login"}, key
        assert not lets_in(cells["no_role"]), key


def test_each_role_may_what_the_one_before_it_may() -> None:
    order = ("viewer", "success", "program", "administrator")
    for key, cells in table().items():
        for less, more in pairwise(order):
            assert lets_in(cells[more]) or not lets_in(cells[less]), (key, less, more)


def test_a_viewer_changes_nothing_and_exports_nothing() -> None:
    """What a viewer may send to is a page that shows itself, whatever is sent to it."""
    for (name, method), cells in table().items():
        if "export" in name or "download" in name or name.endswith("_file"):
            assert cells["viewer"] == "403", (name, method)
        if name.endswith(("_add", "_delete")):
            assert cells["viewer"] == "403", (name, method)


def test_nobody_at_all_adds_changes_or_deletes_an_entry_of_the_audit() -> None:
    for what in ("add", "delete"):
        for method in METHODS:
            assert not any(lets_in(cell) for cell in table()[f"admin:customers_auditentry_{what}", method].values())
    assert not any(lets_in(cell) for cell in table()["admin:customers_auditentry_change", "POST"].values())


# --- What is done leaves an entry in the audit ------------------------------------------------------------------

POLICY = {"name": "v3"}
RULE = {"text": "x", "kind": "call", "condition": "at_risk", "urgency": "1", "rest_days": "1"}
TEMPLATE = {"name": "x", "situation": "check_in", "subject": "x", "body": "x", "language": "en"}
PASSWORDS = {"password1": "quite a long one", "password2": "quite a long one"}
REPORT = {"name": "x", "as_of": "newest", "format": "csv", "query": "status=at_risk", "shared": "on"}
TOKEN = {"name": "CI", "service": "ci", "role": "{role}", "scopes": "read", "expires": "{tomorrow}", "per_minute": "9"}
WEBHOOK = {"name": "Other", "url": "https://8.8.8.8/", "kinds": "run.finished"}
JOINED = {"username": "renamed", "date_joined_0": "2025-05-10", "date_joined_1": "10:00:00"}


def delete_listed(key: str) -> dict[str, str]:
    """What the list of a model sends to delete a row."""
    return {"action": "delete_selected", "post": "yes", "_selected_action": f"{{{key}}}"}


DESTINATION = {
    "prefix": "rsolv_",
    "match_key": "rsolv_customer_id",
    "mode_score": "overwrite",
    "name_score": "rsolv_score",
}
PLAYBOOK = {"name": "Rescue", "start": "blocked", "cooldown": "30"}
STEP = {"day": "3", "does": "task", "kind": "call", "title": "Ask them"}
ACTS: dict[str, dict[str, str]] = {
    # What to send, so that it is done; "?" is the query of the address.
    "analytics:add-note": {"text": "x"},
    "analytics:act-on-customer": {"days": "1"},
    "analytics:turn-playbook-on": {"for": "new"},
    "analytics:turn-playbook-off": {},
    "analytics:stop-playbook": {},
    "analytics:playbook-email": {"action": "skip"},
    "admin:analytics_playbook_add": PLAYBOOK,
    "admin:analytics_playbook_change": PLAYBOOK,
    "admin:analytics_playbookstep_add": {"playbook": "{playbook}", **STEP},
    "admin:analytics_playbookstep_change": STEP,
    "admin:analytics_playbookstep_delete": {"post": "yes"},
    "analytics:push-now": {},
    "analytics:undo-push": {},
    "analytics:export-push": {},
    "analytics:export-milestones": {},
    "admin:analytics_destination_add": {"name": "Files", "kind": "changed_rows", **DESTINATION},
    "admin:analytics_destination_change": {"name": "HubSpot", **DESTINATION},
    "analytics:act-on-alerts": {"alert": "{alert}", "action": "acknowledge"},
    "analytics:message": {"action": "failed"},
    "analytics:save-report": REPORT,
    "analytics:edit-report": REPORT,
    "analytics:change-report-view": {"query": "status=champion"},
    "analytics:pin-report": {"action": "pin"},
    "analytics:delete-report": {},
    "analytics:export-report": {},
    "analytics:new-board": {"name": "x"},
    "analytics:edit-board": {"name": "x"},
    "analytics:change-board-tiles": {"action": "add", "report": "{reports}", "kind": "count"},
    "analytics:delete-board": {},
    "analytics:export-cohorts": {},
    "analytics:export-policy-preview": {},
    "analytics:export": {},
    "analytics:export-customers": {},
    "analytics:act-on-customers": {"customer": "c1001", "expected": "1", "days": "1"},
    "analytics:assign": {"customer": "c1001", "expected": "1", "owner": "{owner}"},
    "preferences": {"time_zone": "Europe/Berlin"},
    "close-tour": {},
    "analytics:keep-columns": {"columns": "score"},
    "analytics:new-task": {"?": "customer=c1003", "what": "y", "kind": "call", "due": "2025-05-11"},
    "analytics:task": {"do": "dropped"},
    "customers:undo-run": {},
    "customers:fix-row": {"id": "c9", "email": "a@b.example", "organization": "x", "signup_date": "2025-05-01"},
    "customers:cancel-upload": {},
    "admin:login": {"username": "somebody", "password": "a guess"},
    "admin:logout": {},
    "log-out": {},
    "admin:password_change": {
        "old_password": "a long password",
        "new_password1": "quite a long one",
        "new_password2": "quite a long one",
    },
    "admin:analytics_alertrule_add": {
        "name": "Low",
        "score_max": "40",
        "recovery": "2",
        "cooldown": "0",
        "audience": "both",
        "severity": "1",
    },
    "admin:analytics_alertrule_change": {
        "threshold": "9",
        "recovery": "2",
        "cooldown": "0",
        "audience": "both",
        "severity": "1",
    },
    "admin:customers_auditentry_export": {},
    **{
        f"admin:customers_{name}_export": {"format": "0", "resource": "0"}
        for name in ("customer", "onboarding", "engagement", "feedback", "event")
    },
    "admin:customers_customer_changelist": {
        "action": "assign_owner",
        "_selected_action": "c1001",
        "expected": "1",
        "owner": "{owner}",
    },
    "admin:customers_customercare_add": {"customer": "c1003", "notes": "x"},
    "admin:customers_customercare_change": {"notes": "other"},
    "admin:customers_note_changelist": delete_listed("note"),
    "admin:customers_note_delete": {"post": "yes"},
    "admin:customers_importrun_file": {},
    "admin:customers_quarantinedrow_replay": {},
    "admin:customers_quarantinedrow_download": {},
    "admin:customers_quarantinedrow_changelist": {"action": "replay_chosen", "_selected_action": "{quarantinedrow}"},
    "admin:customers_fix_changelist": delete_listed("fix"),
    "admin:customers_fix_delete": {"post": "yes"},
    "forgotten-password": {"email": "nobody@example.com"},
    "admin:auth_user_password_change": PASSWORDS,
    "admin:auth_user_changelist": delete_listed("user"),
    "admin:auth_user_add": {"name": "An Other", "email": "another@example.com", "role": "{role}"},
    "admin:auth_user_delete": {"post": "yes"},
    "admin:auth_user_change": JOINED,
    "admin:auth_group_changelist": delete_listed("group"),
    "admin:auth_group_add": {"name": "another"},
    "admin:auth_group_copy": {"name": "a copy"},
    "admin:auth_group_delete": {"post": "yes"},
    "admin:auth_group_change": {"name": "renamed"},
    "admin:customers_apitoken_add": TOKEN,
    "admin:customers_apitoken_revoke": {},
    "admin:analytics_webhookdelivery_change": {},
    "admin:analytics_webhookendpoint_add": WEBHOOK,
    "admin:analytics_webhookendpoint_again": {"what": "failed"},
    "admin:analytics_webhookendpoint_change": WEBHOOK,
    "admin:analytics_webhookendpoint_changelist": delete_listed("webhookendpoint"),
    "admin:analytics_webhookendpoint_delete": {"post": "yes"},
    "admin:analytics_webhookendpoint_secret": {},
    "admin:axes_accessattempt_changelist": delete_listed("accessattempt"),
    "admin:axes_accessattempt_delete": {"post": "yes"},
    "admin:analytics_contact_changelist": delete_listed("contact"),
    "admin:analytics_contact_add": {"customer": "c1003", "name": "Ann", "email": "x@y.example"},
    "admin:analytics_contact_delete": {"post": "yes"},
    "admin:analytics_contact_change": {"name": "Bea", "email": "x@y.example"},
    "admin:analytics_mailtemplate_changelist": delete_listed("mailtemplate"),
    "admin:analytics_mailtemplate_add": TEMPLATE,
    "admin:analytics_mailtemplate_delete": {"post": "yes"},
    "admin:analytics_mailtemplate_change": TEMPLATE,
    "admin:analytics_recommendationrule_changelist": delete_listed("recommendationrule"),
    "admin:analytics_recommendationrule_add": RULE,
    "admin:analytics_recommendationrule_delete": {"post": "yes"},
    "admin:analytics_recommendationrule_change": RULE,
    "admin:analytics_scoringpolicy_changelist": delete_listed("scoringpolicy"),
    "admin:analytics_scoringpolicy_add": POLICY,
    "admin:analytics_scoringpolicy_delete": {"post": "yes"},
    "admin:analytics_scoringpolicy_change": POLICY,
}

ELSEWHERE = {
    "analytics:contact": "its preview has to be sent back; tests/customers/audit/test_audit.py does so",
    "customers:upload-file": "needs a file; tests/customers/audit/test_audit.py sends one",
    "customers:confirm-upload": "needs a previewed file; tests/customers/audit/test_audit.py confirms one",
    "customers:erase-customer": "asks for the id; tests/customers/erasure/test_erase_pages.py gives it",
    "second-factor": "needs a code of the app; tests/rsolv_cs/login/test_second_factor.py has one",
    "verify-second-factor": "the same",
    "analytics:publish-policy": "names what was seen; tests/analytics/policy_lab/test_publish_pages.py does so",
    "analytics:withdraw-policy": "the same",
    "analytics:end-policy": "the same",
    "analytics:policy-back-test": "keeps what it finds; tests/analytics/policy_lab/test_back_test_page.py has cases",
    "analytics:suggest-weights": "needs a back-test; tests/analytics/policy_lab/test_suggested_weights.py has one",
    "analytics:score-now": "it scores while it answers; tests/analytics/scoring/test_unscored.py looks at its entries",
    "admin:analytics_webhookendpoint_test": "sends a request; tests/analytics/webhooks/test_webhook_pages.py does so",
    "customers:preview-upload": "a dry run: what it would load is thrown away",
}
WRITES = re.compile(r"\s*(INSERT|UPDATE|DELETE)\b", re.IGNORECASE)


def sendable() -> list[str]:
    """The addresses that take a POST from somebody."""
    taken = {"200", "302", "422"}
    return [name for (name, method), cells in table().items() if method == "POST" and taken & set(cells.values())]


@pytest.mark.django_db
@pytest.mark.usefixtures("unrendered")
@pytest.mark.parametrize("name", [name for name in sendable() if name in ACTS])
def test_what_is_sent_and_done_is_in_the_audit(name: str, everybody: tuple[Program, Visitors]) -> None:
    program, visitors = everybody
    route = next(one.route for one in addresses() if one.name == name)
    tomorrow = timezone.localdate() + timedelta(days=1)
    # A role has another key where a browser test has flushed the database.
    role = Group.objects.get(name=Role.VIEWER).pk
    keys = {**program.keys, "owner": User.objects.get(username="owner").pk, "tomorrow": tomorrow, "role": role}
    data = {key: value.format(**keys) for key, value in ACTS[name].items()}
    if "scoringpolicy_" in name and data.keys() == POLICY.keys():
        data = {
            **{key: str(value) for key, value in ScoringPolicy().numbers.items()},
            **data,
        }
    path = f"{program.path(route)}?{data.pop('?', '')}"
    newest = AuditEntry.objects.latest("pk").pk
    with visitors.asking("superuser", "POST", path, data) as response:
        assert response.status_code in {200, 302}
        entries = list(AuditEntry.objects.filter(pk__gt=newest))
        assert entries, "nothing was recorded"
        who = {"admin:login": "", "forgotten-password": ""}.get(name, "superuser")
        assert {(one.actor, one.address) for one in entries} == {(who, "127.0.0.1")}
        assert {one.source for one in entries} == {f"POST {path.partition('?')[0]}"}
        assert len({one.request for one in entries}) == 1


@pytest.mark.django_db
@pytest.mark.usefixtures("unrendered")
def test_whatever_else_is_sent_writes_nothing(everybody: tuple[Program, Visitors]) -> None:
    """A page that only shows itself: nothing to be recorded, whatever is sent to it."""
    program, visitors = everybody
    routes = {one.name: one.route for one in addresses()}
    assert {*ACTS, *ELSEWHERE} <= set(sendable())
    wrong = {}
    for name in sendable():
        if name in ACTS or name in ELSEWHERE:
            continue
        data = {"action": "delete_selected", "post": "yes", "_selected_action": "1"}
        with (
            CaptureQueriesContext(connection) as queries,
            visitors.asking("superuser", "POST", program.path(routes[name]), data),
        ):
            pass
        if written := [query["sql"] for query in queries if WRITES.match(query["sql"])]:
            wrong[name] = written
    assert wrong == {}

"""Placeholders: which are known, what they stand for, what is refused, and that a value is never filled again."""

from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from analytics.models import MailTemplate
from analytics.models.placeholders import PLACEHOLDERS, faults, fill, lacking, subject_faults
from analytics.outreach.merge_fields import merge_fields
from analytics.outreach.situations import situation_of
from tests.factories import make_customer, make_snapshot, make_staff

RLO = "\N{RIGHT-TO-LEFT OVERRIDE}"


def values(**overrides: str) -> dict[str, str]:
    return {**dict.fromkeys(PLACEHOLDERS, ""), "organization": "Acme Inc.", "sender": "Sofia", **overrides}


# --- Texts ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("Hello {organization}, {sender}", "Hello Acme Inc., Sofia"),
        ("{organization}{organization}", "Acme Inc.Acme Inc."),
        ("no placeholder", "no placeholder"),
        ("", ""),
        ("${{ secrets.TOKEN }}", "${{ secrets.TOKEN }}"),
        ("{{}} {organization}", "{{}} Acme Inc."),
    ],
)
def test_what_is_filled(text: str, filled: str) -> None:
    assert faults(text) == []
    assert fill(text, values()) == filled


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{organisation}", "There is no placeholder {organisation}: use one of the list, or double braces"),
        ("{organization.__class__}", "There is no placeholder {organization.__class__}"),
        ("{sender!r}", "There is no placeholder {sender!r}"),
        ("{sender:>10}", "There is no placeholder {sender:>10}"),
        ("{0}", "There is no placeholder {0}"),
        ("{}", "There is no placeholder {}"),
        ("{ organization }", "There is no placeholder {organization}"),
        ("{Organization}", "There is no placeholder {Organization}"),
        ("a\nb {organization", "Line 2 has a “{” without its other brace."),
        ("organization}", "Line 1 has a “}” without its other brace."),
        ("{organi{zation}", "Line 1 has a “{” without its other brace."),
        ("{{organization}}", "Write {organization} with single braces."),
        ("{{ organization }}", "Write {organization} with single braces."),
    ],
)
def test_what_is_refused(text: str, fault: str) -> None:
    assert faults(text)[0].startswith(fault)


@pytest.mark.parametrize("text", ["a\nb", "a\rb", "a\u2028b", "a\x00b", "a\x7fb", f"a{RLO}b", "a\u200bb"])
def test_a_subject_is_one_line_without_hidden_characters(text: str) -> None:
    assert subject_faults(text) == ["The subject is one line, without hidden characters."]


def test_braces_of_a_value_are_not_filled_again() -> None:
    assert fill("{organization} / {blocker}", values(organization="{sender}", blocker="{x")) == "{sender} / {x"


def test_a_placeholder_without_a_value_is_named() -> None:
    assert lacking("{organization} {blocker} {last_active} {blocker}", values()) == ["blocker", "last_active"]


@given(st.text(alphabet="{}ab organization.senr_!:\n", max_size=40))
def test_a_text_without_a_fault_keeps_no_placeholder(text: str) -> None:
    if not faults(text):
        filled = fill(text, dict.fromkeys(PLACEHOLDERS, "X"))
        assert not any(f"{{{name}}}" in filled for name in PLACEHOLDERS)
        assert filled.replace("{{", "").replace("}}", "").count("{") == 0


# --- Templates --------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_the_shipped_templates_are_right_and_one_fits_each_situation() -> None:
    for template in MailTemplate.objects.all():
        template.full_clean()
    assert set(MailTemplate.objects.values_list("situation", flat=True)) == set(MailTemplate.Situation.values)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("overrides", "field"),
    [({"subject": "{nobody}"}, "subject"), ({"subject": "a\nb"}, "subject"), ({"body": "Hello {"}, "body")],
)
def test_a_template_with_a_fault_is_refused(overrides: dict[str, str], field: str) -> None:
    template = MailTemplate(**{"name": "n", "situation": "check_in", "subject": "s", "body": "b", **overrides})
    with pytest.raises(ValidationError) as refusal:
        template.full_clean()
    assert list(refusal.value.message_dict) == [field]


# --- Values -----------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_what_each_placeholder_stands_for() -> None:
    customer = make_customer(organization="Acme Inc.", github_username="acme-dev", signup_date=date(2025, 5, 3))
    snapshot = make_snapshot(
        customer,
        blocker_type="github_permissions",
        welcome_email_sent=True,
        account_created=True,
        steps_done=2,
        issues_tagged=1200,
        prs_generated=11,
        prs_merged=9,
        last_active=date(2025, 5, 7),
    )
    assert merge_fields(customer, snapshot, "Sofia Marchetti", "en") == {
        "organization": "Acme Inc.",
        "sender": "Sofia Marchetti",
        "github_username": "acme-dev",
        "signup_date": "3 May 2025",
        "blocker": "GitHub permissions",
        "steps_done": "2",
        "next_step": "GitHub Action",
        "issues_tagged": "1,200",
        "prs_generated": "11",
        "prs_merged": "9",
        "success_rate": "82%",
        "last_active": "7 May 2025",
    }


@pytest.mark.django_db
def test_what_is_not_known_is_empty() -> None:
    known = merge_fields(make_customer(organization="Acme", signup_date=date(2025, 5, 3)), None, "Sofia", "en")
    assert {name: value for name, value in known.items() if value} == {
        "organization": "Acme",
        "sender": "Sofia",
        "signup_date": "3 May 2025",
    }


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("organization", "value"),
    [
        ("Acme\r\nBcc: victim@example.com", "Acme Bcc: victim@example.com"),
        (f"{RLO}evil", "evil"),
        ("a\u2028b", "a b"),
        ("W" * 200, "W" * 200),
        ("👩\u200d🚀 株式会社", "👩\u200d🚀 株式会社"),
    ],
)
def test_a_value_is_one_line(organization: str, value: str) -> None:
    assert merge_fields(make_customer(organization=organization), None, "Sofia", "en")["organization"] == value


# --- Situations -------------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("overrides", "situation"),
    [
        ({}, "check_in"),
        ({"status": "needs_attention"}, "check_in"),
        ({"status": "at_risk", "blocker_type": "x"}, "blocker"),
        ({"status": "at_risk", "blocker_type": "x", "onboarded": True}, "at_risk"),
        ({"status": "at_risk"}, "at_risk"),
        ({"status": "inactive"}, "inactive"),
        ({"status": "champion", "prs_merged": 5}, "milestone"),
        ({"status": "champion"}, "check_in"),
        ({"prs_merged": 5, "window_prs_merged": 5}, "milestone"),
        ({"prs_merged": 5, "window_prs_merged": 4}, "check_in"),
        ({"prs_merged": 5, "completed_on": date(2025, 4, 26)}, "milestone"),
        ({"prs_merged": 5, "completed_on": date(2025, 4, 25)}, "check_in"),
    ],
)
def test_the_situation_of_a_snapshot(overrides: dict[str, Any], situation: str) -> None:
    assert situation_of(make_snapshot(**overrides)) == situation


@pytest.mark.parametrize(
    ("condition", "situation"),
    [("blocked", "blocker"), ("silent", "inactive"), ("champion", "milestone"), ("no_first_pr", "check_in")],
)
def test_the_situation_of_a_task(condition: str, situation: str) -> None:
    task = SimpleNamespace(rule=SimpleNamespace(condition=condition))
    assert situation_of(None, task) == situation


@pytest.mark.django_db
def test_the_name_of_a_sender_without_a_name_is_the_login() -> None:
    assert merge_fields(make_customer(), None, make_staff(username="sofia").username, "en")["sender"] == "sofia"

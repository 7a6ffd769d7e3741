"""The letters that come with the tool: how they read, and that a new wording leaves edited ones alone."""

import re
from importlib import import_module

import pytest
from django.apps import apps
from django.db import connection

from analytics.models import MailTemplate

letters = import_module("analytics.migrations.0033_letters")
pytestmark = pytest.mark.django_db

OLD_SUBJECT = "Is RSOLV still on your list?"
OLD_BODY = (
    "Hello {organization} team,\n\nwe have seen no activity since {last_active}. If other things came first, we are "
    "glad to help you start again; if somebody else looks after RSOLV now, please tell us whom to write to.\n\n"
    "Best regards,\n{sender}\n"
)


def inactive() -> MailTemplate:
    return MailTemplate.objects.get(situation="inactive")


def as_it_came(**fields: str) -> None:
    MailTemplate.objects.filter(situation="inactive").update(**{"subject": OLD_SUBJECT, "body": OLD_BODY, **fields})


def rewrite() -> None:
    letters.rewrite(apps, connection.schema_editor())


def test_each_sentence_begins_with_a_capital() -> None:
    bodies = list(MailTemplate.objects.values_list("body", flat=True))
    assert len(bodies) == 8
    for body in bodies:
        # A placeholder stands for a name or a number.
        assert not re.search(r"(\n|[.!?] )[a-z]", body), body


def test_no_letter_counts_what_may_be_one() -> None:
    """ "1 pull requests" reads as a machine's."""
    for body in MailTemplate.objects.values_list("body", flat=True):
        assert not re.search(r"\{(issues_tagged|prs_generated|prs_merged|steps_done)\} ([a-z]+ )?[a-z]+s\b", body), (
            body
        )


def test_a_letter_as_it_came_is_rewritten_and_put_back() -> None:
    as_it_came()
    rewrite()
    assert inactive().subject == "Still interested in RSOLV?"
    assert "please let us know who the right contact is.\n\nBest regards,\n{sender}\n" in inactive().body
    letters.put_back(apps, connection.schema_editor())
    assert (inactive().subject, inactive().body) == (OLD_SUBJECT, OLD_BODY)


def test_a_form_that_was_saved_without_a_change_is_no_edit() -> None:
    as_it_came(body=OLD_BODY.strip().replace("\n", "\r\n"))
    rewrite()
    assert inactive().subject == "Still interested in RSOLV?"


@pytest.mark.parametrize("edit", [{"subject": "Hello again"}, {"body": OLD_BODY.replace("Best", "Kind")}])
def test_an_edited_letter_stays_as_it_is(edit: dict[str, str]) -> None:
    as_it_came(**edit)
    edited = inactive()
    rewrite()
    assert (inactive().subject, inactive().body) == (edited.subject, edited.body)

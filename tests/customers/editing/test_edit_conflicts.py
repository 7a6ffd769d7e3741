"""Two people change one row at the same time: nothing is overwritten in silence, nothing that was typed is lost."""

import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from django import forms
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.test import Client, RequestFactory
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics.models import AlertRule, MailTemplate, RecommendationRule, ScoringPolicy
from customers.editing.conflicts import Decision, EditConflictMixin, decide
from customers.editing.values import merged_text, value_hash
from customers.models import CustomerCare
from tests.factories import make_customer, make_staff
from tests.support.forms import as_, form_on
from tests.support.pages import words
from tests.support.races import race

pytestmark = pytest.mark.django_db

ASKED = "Asked us never to write again"
CARE = "/admin/customers/customercare/c1/change/"


@pytest.fixture
def care() -> CustomerCare:
    anna = make_staff("Success manager", username="anna", first_name="Anna", last_name="Ahlers")
    make_staff("Success manager", username="bea", first_name="Bea", last_name="Berg")
    make_staff("Administrator", username="ada", first_name="Ada", last_name="Ames")
    make_staff("Administrator", username="bo", first_name="Bo", last_name="Boone")
    customer = make_customer(id="c1", organization="Acme Ltd")
    return CustomerCare.objects.create(customer=customer, owner=anna, notes="First line")


# --- The merge --------------------------------------------------------------------------------------------------


VALUES = st.text("ab \r\n", max_size=4)


@given(read=VALUES, theirs=VALUES, mine=VALUES)
def test_a_field_that_only_one_has_changed_has_that_ones_value(read: str, theirs: str, mine: str) -> None:
    field = forms.CharField()
    marks = [value_hash(field, value) for value in (read, theirs, mine)]
    base, other, own = (value.replace("\r\n", "\n").replace("\r", "\n").strip() for value in (read, theirs, mine))
    decision = decide(*marks)
    if other not in (base, own):
        assert decision == (Decision.THEIRS if own == base else Decision.CONFLICT)
    else:
        assert decision == Decision.MINE  # which is theirs as well, or what only this form changes


def test_without_what_was_read_only_what_others_changed_lately_is_a_conflict() -> None:
    assert decide(None, "theirs", "mine", changed_since=True) == Decision.CONFLICT
    assert decide(None, "theirs", "mine", changed_since=False) == Decision.MINE
    assert decide(None, "same", "same", changed_since=True) == Decision.MINE


def test_both_texts_have_what_they_share_once() -> None:
    assert merged_text("First\nTheirs", "First\nMine") == "First\nTheirs\nMine"
    assert merged_text("", "Mine") == "Mine"
    assert merged_text("Same", "Same") == "Same"


FIELDS = {"owner": ["", "anna", "bea"], "notes": ["", "First line", "A\nB"], "do_not_contact": [False, True]}
EDITS = st.fixed_dictionaries({name: st.sampled_from(values) for name, values in FIELDS.items()})


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=EDITS, first=EDITS, second=EDITS)
def test_any_two_edits_of_one_row(
    rf: RequestFactory, care: CustomerCare, before: Any, first: Any, second: Any
) -> None:
    keys = {"": None, **{name: User.objects.get(username=name).pk for name in ("anna", "bea")}}
    request = rf.get("/")
    request.user = User.objects.get(username="anna")
    form_class = admin.site._registry[CustomerCare].get_form(request, care, change=True)

    def stored() -> dict[str, Any]:
        row = CustomerCare.objects.get(pk="c1")
        name = {key: name for name, key in keys.items()}[row.owner_id]
        return {"owner": name, "notes": row.notes, "do_not_contact": row.do_not_contact}

    def send(edit: Any, version: str) -> bool:
        data = {
            "owner": keys[edit["owner"]] or "",
            "notes": edit["notes"].replace("\n", "\r\n"),
            "row_version": version,
        }
        form = form_class(data | ({"do_not_contact": "on"} if edit["do_not_contact"] else {}), instance=row())
        if form.is_valid():
            form.save()
        assert form.is_valid() is not form.is_refused
        return form.is_valid()

    def row() -> CustomerCare:
        return CustomerCare.objects.get(pk="c1")

    CustomerCare.objects.filter(pk="c1").update(**{**before, "owner": keys[before["owner"]]})
    version = unescape(re.findall('value="([^"]*)"', form_class(instance=row()).version_input)[0])
    assert send(first, version)
    assert stored() == first
    conflicting = [name for name in FIELDS if len({str(one[name]) for one in (before, first, second)}) == 3]
    assert send(second, version) is not bool(conflicting)
    merged = {name: second[name] if second[name] != before[name] else first[name] for name in FIELDS}
    assert stored() == (first if conflicting else merged)


# --- Every change form ------------------------------------------------------------------------------------------


def test_every_form_of_the_admin_that_edits_a_row_has_it(rf: RequestFactory, care: CustomerCare) -> None:
    request = rf.get("/")
    request.user = make_staff(is_superuser=True)
    guarded = set()
    for model, model_admin in admin.site._registry.items():
        assert not getattr(model_admin, "list_editable", ()), f"{model} is edited in its list, without a version"
        assert not model_admin.inlines, f"{model} has rows within its form, without a version"
        form = model_admin.get_form(request, model._base_manager.first(), change=True)
        if model_admin.has_change_permission(request):
            assert issubclass(form, EditConflictMixin), model
            assert form.full_clean is EditConflictMixin.full_clean, model
            guarded.add(model)
    assert guarded >= {CustomerCare, User, Group, ScoringPolicy, RecommendationRule, AlertRule, MailTemplate}


def policy() -> ScoringPolicy:
    return ScoringPolicy.objects.create(name="Draft", state="draft")


def template() -> MailTemplate:
    return MailTemplate.objects.create(name="One", situation="check_in", subject="Hello", body="Hello there")


def rule() -> RecommendationRule:
    return RecommendationRule.objects.order_by("pk")[0]


@pytest.mark.parametrize(
    ("make", "field", "theirs", "mine", "other", "others"),
    [
        (policy, "name", "Theirs", "Mine", "nps_days", "200"),
        (rule, "text", "Theirs", "Mine", "rest_days", "31"),
        (lambda: AlertRule.objects.get(kind="at_risk"), "recovery", "4", "5", "active", None),
        (template, "body", "Theirs", "Mine", "subject", "Good day"),
        (lambda: Group.objects.create(name="Night shift"), "name", "Theirs", "Mine", "permissions", ["1", "2"]),
        (lambda: make_staff(username="carl"), "last_name", "Theirs", "Mine", "email", "carl@example.com"),
    ],
    ids=["policy", "recommendation", "alert-rule", "template", "group", "user"],
)
def test_two_people_edit_one_row_of_any_kind(
    care: CustomerCare, make: Callable[[], Any], field: str, theirs: str, mine: str, other: str, others: Any
) -> None:
    row = make()
    page = f"/admin/{row._meta.app_label}/{row._meta.model_name}/{row.pk}/change/"
    ada, bo = as_("ada"), as_("bo")
    if not isinstance(row, Group | User):
        for client in (ada, bo):
            User.objects.filter(pk=client.session["_auth_user_id"]).update(is_superuser=True)
    first, second, third = ada.get(page), bo.get(page), bo.get(page)
    assert ada.post(page, form_on(first, **{field: theirs})).status_code == 302
    conflict = bo.post(page, form_on(second, **{field: mine, other: others}))
    assert conflict.status_code == 409
    row.refresh_from_db()
    assert str(getattr(row, field)) == theirs
    said = words(conflict.text)
    assert "Ada Ames changed this just now, after you opened the form." in said
    assert theirs in said and mine in said
    # Another field alone is no conflict, and what Ada has changed stays.
    assert bo.post(page, form_on(third, **{other: others})).status_code == 302
    row.refresh_from_db()
    assert str(getattr(row, field)) == theirs
    changed = getattr(row, other)
    assert (sorted(str(one.pk) for one in changed.all()) if isinstance(others, list) else str(changed)) == (
        str(others or False) if not isinstance(others, list) else others
    )


def test_the_leaver_stays_out(care: CustomerCare) -> None:
    leaver = make_staff("Program manager", username="leaver", email="old@x.example")
    page = f"/admin/auth/user/{leaver.pk}/change/"
    ada, bo = as_("ada"), as_("bo")
    older = bo.get(page)
    assert ada.post(page, form_on(ada.get(page), is_active=None, groups=None)).status_code == 302
    answer = bo.post(page, form_on(older, email="new@x.example"), follow=True)
    leaver.refresh_from_db()
    assert (leaver.is_active, list(leaver.groups.all()), leaver.email) == (False, [], "new@x.example")
    assert "Somebody else has changed meanwhile, and it stays: Active, Roles." in words(answer.text)


# --- What a conflict shows, and how it is decided ----------------------------------------------------------------


def conflict(first: str = "First line\nAnna’s", second: str = "First line\nBea’s") -> tuple[Client, Any]:
    anna, bea = as_("anna"), as_("bea")
    page = bea.get(CARE)
    assert anna.post(CARE, form_on(anna.get(CARE), notes=first, do_not_contact="on")).status_code == 302
    return bea, bea.post(CARE, form_on(page, notes=second))


def test_a_lost_update_of_care(care: CustomerCare) -> None:
    _bea, answer = conflict()
    assert answer.status_code == 409
    care.refresh_from_db()
    assert (care.notes, care.do_not_contact) == ("First line\nAnna’s", True)
    said = words(answer.text)
    assert "Anna Ahlers changed this just now, after you opened the form." in said
    assert "Changed by somebody else only, so the form below has it as it is now: Do not contact." in said
    assert (
        "conflicts-only" in answer.text
    )  # So that the admin's "Please correct the errors below" is not shown with it.
    sent = form_on(answer)
    assert sent["notes"] == "First line\r\nBea’s"
    assert sent["do_not_contact"] == "on"
    assert sent["merged-notes"] == "First line\r\nAnna’s\r\nBea’s"


@pytest.mark.parametrize(
    ("choice", "stored"),
    [
        ("theirs", "First line\nAnna’s"),
        ("mine", "First line\nBea’s"),
        ("merged", "First line\nAnna’s\nBea’s"),
        ("nonsense", None),
        (None, None),
    ],
)
def test_each_choice(care: CustomerCare, choice: str | None, stored: str | None) -> None:
    bea, shown = conflict()
    [mark] = {value.partition(":")[2] for value in radios(shown.text)}
    answer = bea.post(CARE, form_on(shown, **{"conflict-notes": choice and f"{choice}:{mark}"}))
    care.refresh_from_db()
    assert answer.status_code == (302 if stored else 409)
    assert care.notes == (stored or "First line\nAnna’s")
    assert care.do_not_contact


def radios(html: str) -> list[str]:
    return re.findall(r'name="conflict-notes" value="([^"]*)"', html)


def test_a_choice_counts_only_for_the_text_that_was_shown(care: CustomerCare) -> None:
    bea, shown = conflict()
    anna = as_("anna")
    anna.post(CARE, form_on(anna.get(CARE), notes="Anna’s third"))
    answer = bea.post(CARE, form_on(shown, **{"conflict-notes": radios(shown.text)[1]}))
    assert answer.status_code == 409
    assert "Anna’s third" in words(answer.text)
    care.refresh_from_db()
    assert care.notes == "Anna’s third"


def test_a_choice_survives_another_mistake_in_the_form(care: CustomerCare) -> None:
    bea, shown = conflict()
    sent = form_on(shown, **{"conflict-notes": radios(shown.text)[0], "owner": "999999"})
    answer = bea.post(CARE, sent)
    assert answer.status_code == 200
    again = form_on(answer, owner="")
    assert again["conflict-notes"] == radios(shown.text)[0]
    assert bea.post(CARE, again).status_code == 302
    care.refresh_from_db()
    assert care.notes == "First line\nAnna’s"


def test_ones_own_other_tab_is_a_conflict_too(care: CustomerCare) -> None:
    anna = as_("anna")
    first, second = anna.get(CARE), anna.get(CARE)
    anna.post(CARE, form_on(first, notes="One"))
    answer = anna.post(CARE, form_on(second, notes="Two"))
    assert answer.status_code == 409
    assert "You changed this just now" in words(answer.text)


def test_a_form_without_a_version_never_overwrites_what_another_has_just_changed(care: CustomerCare) -> None:
    anna, bea = as_("anna"), as_("bea")
    owner = str(care.owner_id)
    plain = {"owner": owner, "notes": "Anna’s"}
    assert anna.post(CARE, {**plain, "do_not_contact": "on"}).status_code == 302
    assert anna.post(CARE, {**plain, "do_not_contact": "on", "notes": "Again"}).status_code == 302
    answer = bea.post(CARE, {**plain, "notes": "Bea’s"})
    assert answer.status_code == 409
    care.refresh_from_db()
    assert (care.notes, care.do_not_contact) == ("Again", True)
    assert "Bea’s" in answer.text


def test_markup_in_either_text_stays_text(care: CustomerCare) -> None:
    _bea, answer = conflict("<script>alert(1)</script>", "<img src=x onerror=alert(2)>")
    assert "<script>alert(1)" not in answer.text
    assert "<img src=x" not in answer.text


@pytest.mark.parametrize("version", ["", "{", "[]", '{"notes": 5}', '{"notes": null}', '"x"', "{}", "[" * 99_999])
def test_a_version_that_makes_no_sense_is_none(care: CustomerCare, version: str) -> None:
    anna, bea = as_("anna"), as_("bea")
    anna.post(CARE, form_on(anna.get(CARE), notes="Anna’s"))
    answer = bea.post(CARE, form_on(bea.get(CARE), notes="Bea’s", row_version=version))
    assert answer.status_code == 409
    care.refresh_from_db()
    assert care.notes == "Anna’s"


# --- Deleted meanwhile, and deleting what has changed ------------------------------------------------------------


def test_a_row_that_was_deleted_meanwhile(care: CustomerCare) -> None:
    row = template()
    page = f"/admin/analytics/mailtemplate/{row.pk}/"
    ada, bo = as_("ada"), as_("bo")
    open_form = bo.get(f"{page}change/")
    assert ada.post(f"{page}delete/", form_on(ada.get(f"{page}delete/"))).status_code == 302
    answer = bo.post(f"{page}change/", form_on(open_form, body="Three hours\nof work"))
    assert answer.status_code == 410
    assert "Ada Ames deleted One just now." in words(answer.text)
    assert "Three hours\nof work" in answer.text
    assert not MailTemplate.objects.filter(pk=row.pk).exists()


def test_deleting_what_somebody_has_changed_since_asks_again(care: CustomerCare) -> None:
    row = template()
    page = f"/admin/analytics/mailtemplate/{row.pk}/"
    ada, bo = as_("ada"), as_("bo")
    asked = bo.get(f"{page}delete/")
    ada.post(f"{page}change/", form_on(ada.get(f"{page}change/"), subject="Better"))
    again = bo.post(f"{page}delete/", form_on(asked))
    assert again.status_code == 200
    assert "Ada Ames changed One just now: subject: Hello → Better" in words(again.text)
    assert MailTemplate.objects.filter(pk=row.pk).exists()
    assert bo.post(f"{page}delete/", form_on(again)).status_code == 302
    assert not MailTemplate.objects.filter(pk=row.pk).exists()


def test_deleting_several_asks_again_too(care: CustomerCare) -> None:
    row = template()
    listed = "/admin/analytics/mailtemplate/"
    ada, bo = as_("ada"), as_("bo")
    asked = bo.post(listed, {"action": "delete_selected", "_selected_action": [row.pk]})
    page = f"{listed}{row.pk}/change/"
    ada.post(page, form_on(ada.get(page), subject="Better"))
    again = bo.post(listed, form_on(asked))
    assert "Ada Ames changed One just now: subject: Hello → Better" in words(again.text)
    assert MailTemplate.objects.filter(pk=row.pk).exists()
    bo.post(listed, form_on(again))
    assert not MailTemplate.objects.filter(pk=row.pk).exists()


# --- At the very same moment --------------------------------------------------------------------------------------


def test_two_who_save_at_the_same_moment(migrated_database: str) -> None:
    for codes, notes in race("care", migrated_database):
        assert (sorted(codes), notes) in [([302, 409], "Anna"), ([302, 409], "Bea")]
        assert codes[["Anna", "Bea"].index(notes)] == 302


def test_two_who_add_the_same_row_at_the_same_moment(migrated_database: str) -> None:
    for codes, notes in race("new_care", migrated_database):
        assert sorted(codes) == [200, 302]  # and the second one is told that there is one already
        assert codes[["Anna", "Bea"].index(notes)] == 302

"""The list of users, the last Administrator, who has no role, and the roles that come with the tool."""

import pytest
from axes.models import AccessAttempt
from django.contrib.auth.models import Group, Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django_otp.plugins.otp_totp.models import TOTPDevice

from analytics.models import Invitation
from customers.core.roles import Role
from customers.models import AuditEntry
from rsolv_cs import roles
from tests.factories import make_staff
from tests.support.forms import as_, form_on
from tests.support.pages import words

pytestmark = pytest.mark.django_db

LIST, ROLES = "/admin/auth/user/", "/admin/auth/group/"
LAST = "Nobody else could manage users then."


@pytest.fixture
def ada() -> Client:
    """The browser of an Administrator, the only one."""
    make_staff("Administrator", username="ada", first_name="Ada", last_name="Admin")
    return as_("ada")


def row_of(browser: Client, login: str) -> str:
    page = browser.get(LIST).text
    return words(next(row for row in page.split("<tr") if f"<small>{login}</small>" in row or f">{login}<" in row))


# --- The list -----------------------------------------------------------------------------------------------------


def test_the_list_says_who_is_who(ada: Client) -> None:
    vera = make_staff("Viewer", username="vera", first_name="Vera", last_name="View", email="vera@example.com")
    TOTPDevice.objects.create(user=vera, confirmed=True)
    make_staff(username="none", first_name="No", last_name="Role")
    off = make_staff("Success manager", username="off", is_active=False)
    locked = make_staff("Success manager", username="locked")
    AccessAttempt.objects.create(username="locked", failures_since_start=5, attempt_time=timezone.now())
    waiting = make_staff("Program manager", username="waiting")
    Invitation.objects.create(user=waiting, state="sent")
    assert off.pk and locked.pk
    said = row_of(ada, "vera")
    assert [part for part in ("Vera View", "vera@example.com", "Viewer", "On", "Active") if part not in said] == []
    assert "No role" in row_of(ada, "none")
    assert "Deactivated" in row_of(ada, "off")
    assert "Locked" in row_of(ada, "locked")
    assert "Invited, not yet joined" in row_of(ada, "waiting")


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("factor=on", {"vera"}),
        ("factor=off", {"ada", "none", "off"}),
        ("role={viewer}", {"vera", "off"}),
        ("role=0", {"none"}),
        ("is_active__exact=0", {"off"}),
        ("factor=x", {"ada", "vera", "none", "off"}),
        ("role=99999999999999999999999", set()),
        ("q=VERA", {"vera"}),
    ],
)
def test_it_is_filtered_by_role_factor_and_activity(asked: str, found: set[str], ada: Client) -> None:
    TOTPDevice.objects.create(user=make_staff("Viewer", username="vera"), confirmed=True)
    make_staff(username="none")
    make_staff("Viewer", username="off", is_active=False)
    page = ada.get(f"{LIST}?{asked.format(viewer=Group.objects.get(name='Viewer').pk)}")
    listed = {user.username for user in page.context["cl"].result_list} if page.status_code == 200 else set()
    assert listed == found


def test_its_queries_do_not_grow_with_the_users(ada: Client) -> None:
    counts = []
    for _ in range(2):
        for _ in range(3):
            Invitation.objects.create(user=make_staff("Viewer"), state="sent")
        ada.get(LIST)
        with CaptureQueriesContext(connection) as queries:
            ada.get(LIST)
        counts.append(len(queries))
    assert counts[0] == counts[1]


# --- The last Administrator ---------------------------------------------------------------------------------------


def change(browser: Client, user: User, **changes: object) -> str:
    page = reverse("admin:auth_user_change", args=[user.pk])
    sent = form_on(browser.get(page), "username", **changes)
    return browser.post(page, sent, follow=True).text


def test_the_last_administrator_stays_one(ada: Client) -> None:
    me = User.objects.get(username="ada")
    viewer = str(Group.objects.get(name="Viewer").pk)
    for changes in ({"is_active": None}, {"is_staff": None}, {"groups": viewer}, {"groups": None}):
        assert LAST in change(ada, me, **changes), changes
    me.refresh_from_db()
    assert (me.is_active, me.is_staff, [role.name for role in me.groups.all()]) == (True, True, ["Administrator"])
    assert ada.post(reverse("admin:auth_user_delete", args=[me.pk]), {"post": "yes"}).status_code == 403
    ada.post(LIST, {"action": "delete_selected", "post": "yes", "_selected_action": str(me.pk)})
    assert User.objects.filter(pk=me.pk).exists()


def test_other_changes_of_the_last_administrator_are_stored(ada: Client) -> None:
    me = User.objects.get(username="ada")
    change(ada, me, first_name="Augusta")
    me.refresh_from_db()
    assert me.first_name == "Augusta"


@pytest.mark.parametrize("kind", ["role", "superuser", "permission"])
def test_with_another_who_may_manage_users_one_may_go(kind: str, ada: Client) -> None:
    other = make_staff("Administrator" if kind == "role" else None, is_superuser=kind == "superuser")
    if kind == "permission":
        other.user_permissions.add(Permission.objects.get(codename="change_user"))
    me = User.objects.get(username="ada")
    assert LAST not in change(ada, me, is_active=None)
    me.refresh_from_db()
    assert not me.is_active


def test_who_cannot_log_in_is_no_other_administrator(ada: Client) -> None:
    Invitation.objects.create(user=make_staff("Administrator"), state="sent")
    make_staff("Administrator", is_active=False)
    assert LAST in change(ada, User.objects.get(username="ada"), is_active=None)


def test_who_logs_in_elsewhere_is_one_as_well(ada: Client) -> None:
    elsewhere = make_staff("Administrator")
    elsewhere.set_unusable_password()
    elsewhere.save()
    assert LAST not in change(ada, User.objects.get(username="ada"), is_active=None)


def test_all_who_may_manage_users_are_not_deleted_together(ada: Client) -> None:
    keys = [str(User.objects.get(username="ada").pk), str(make_staff("Administrator").pk)]
    ada.post(LIST, {"action": "delete_selected", "post": "yes", "_selected_action": keys})
    assert User.objects.filter(pk__in=keys).count() == 2


# --- No role ------------------------------------------------------------------------------------------------------


def test_who_has_no_role_is_told_so() -> None:
    make_staff(username="none")
    assert "You have no role yet" in as_("none").get("/", follow=True).text


# --- Roles --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", list(Role))
def test_a_built_in_role_is_shown_and_not_changed(role: str, ada: Client) -> None:
    group = Group.objects.get(name=role)
    held = set(group.permissions.all())
    page = reverse("admin:auth_group_change", args=[group.pk])
    shown = ada.get(page)
    assert "This role is built in: changes would be undone by the next" in words(shown.text)
    assert 'name="_save"' not in shown.text
    assert ada.post(page, {"name": "Mine"}).status_code == 403
    assert ada.post(reverse("admin:auth_group_delete", args=[group.pk]), {"post": "yes"}).status_code == 403
    ada.post(ROLES, {"action": "delete_selected", "post": "yes", "_selected_action": str(group.pk)})
    group.refresh_from_db()
    assert (group.name, set(group.permissions.all())) == (role, held)


def test_a_copy_is_ones_own_and_stays_as_it_was_changed(ada: Client) -> None:
    viewer = Group.objects.get(name="Viewer")
    page = reverse("admin:auth_group_copy", args=[viewer.pk])
    assert ada.get(page).status_code == 200
    assert not Group.objects.filter(name="Auditor").exists()
    answer = ada.post(page, {"name": " Auditor "}, follow=True)
    own = Group.objects.get(name="Auditor")
    assert answer.redirect_chain[-1][0] == reverse("admin:auth_group_change", args=[own.pk])
    assert set(own.permissions.all()) == set(viewer.permissions.all())
    assert AuditEntry.objects.filter(actor="ada", action="rights", subject="Auditor").exists()
    own.permissions.add(Permission.objects.get(codename="view_auditentry"))
    roles.sync()
    assert own.permissions.filter(codename="view_auditentry").exists()
    assert "built in" not in ada.get(answer.redirect_chain[-1][0]).text
    assert ada.post(reverse("admin:auth_group_delete", args=[own.pk]), {"post": "yes"}).status_code == 302
    assert not Group.objects.filter(name="Auditor").exists()


@pytest.mark.parametrize("name", ["", "viewer", "N" * 151])
def test_a_copy_needs_a_name_of_its_own(name: str, ada: Client) -> None:
    page = reverse("admin:auth_group_copy", args=[Group.objects.get(name="Viewer").pk])
    assert ada.post(page, {"name": name}).status_code == 422
    assert Group.objects.count() == len(Role)

"""What each role holds, and that ``migrate`` keeps the roles in step."""

import pytest
from django.contrib.auth.models import Group, Permission

from rsolv_cs import roles
from tests.factories import make_staff

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("demo_program")]

VIEW = {
    "view_batch",
    "view_cohortday",
    "view_alert",
    "view_alertrule",
    "view_customer",
    "view_customercare",
    "view_digest",
    "view_engagement",
    "view_event",
    "view_feedback",
    "view_fix",
    "view_forecast",
    "view_forecastaccuracy",
    "view_forecastcase",
    "view_forecastday",
    "view_forecastmodel",
    "view_importrun",
    "view_inboxevent",
    "view_keychange",
    "view_note",
    "view_contact",
    "view_mailtemplate",
    "view_message",
    "view_onboarding",
    "view_policytrial",
    "view_portfolioday",
    "view_quarantinedrow",
    "view_recommendationrule",
    "view_report",
    "view_reportdelivery",
    "view_board",
    "view_playbook",
    "view_playbookrun",
    "view_playbookstep",
    "view_boarddelivery",
    "view_rowchange",
    "view_scoringpolicy",
    "view_snapshot",
    "view_stepsighting",
    "view_task",
}
CARE = {"add_customercare", "add_note", "add_deferral", "change_customercare", "export_customer", "act_on_alert"}
CARE |= {"act_on_playbookrun"}
CARE |= {"add_contact", "change_contact", "delete_contact"}
CARE |= {"add_task", "change_task", "contact_customer", "add_report", "change_report", "delete_report"}
CARE |= {"add_board", "change_board", "delete_board"}
POLICIES = {
    f"{verb}_{noun}"
    for verb in ("add", "change", "delete")
    for noun in ("scoringpolicy", "recommendationrule", "mailtemplate", "alertrule", "playbook", "playbookstep")
} | {"manage_every_report", "join_customer"}
IMPORTS = {"undo_importrun", "upload_importrun", "fix_quarantinedrow", "delete_fix"}
PUSHES = {"view_destination", "view_push", "push_destination"}
PEOPLE = {
    "add_destination",
    "change_destination",
    "delete_destination",
    "delete_note",
    "erase_customer",
    "view_erasure",
    "view_auditentry",
    "export_auditentry",
    "view_accessattempt",
    "delete_accessattempt",
    "view_webhookdelivery",
    "view_apitoken",
    "add_apitoken",
    "change_apitoken",
} | {f"{verb}_{noun}" for verb in ("add", "change", "delete", "view") for noun in ("user", "group", "webhookendpoint")}
HOLDS = {
    "Viewer": VIEW,
    "Success manager": VIEW | CARE,
    "Program manager": VIEW | CARE | POLICIES | IMPORTS | PUSHES,
    "Administrator": VIEW | CARE | POLICIES | IMPORTS | PUSHES | PEOPLE,
}


def held(role: str) -> set[str]:
    return set(Permission.objects.filter(group__name=role).values_list("codename", flat=True))


def test_what_each_role_holds() -> None:
    assert {role: held(role) for role in HOLDS} == HOLDS
    assert set(Group.objects.values_list("name", flat=True)) == set(HOLDS)


def test_a_second_sync_changes_nothing() -> None:
    before = list(Group.permissions.through.objects.order_by("pk").values())
    roles.sync()
    assert list(Group.permissions.through.objects.order_by("pk").values()) == before
    assert Group.objects.count() == 4


def test_sync_puts_roles_right_and_leaves_the_others_alone() -> None:
    viewer = Group.objects.get(name="Viewer")
    viewer.permissions.remove(Permission.objects.get(codename="view_customer"))
    viewer.permissions.add(Permission.objects.get(codename="delete_customer"))
    Group.objects.get(name="Program manager").delete()
    own = Group.objects.create(name="Our own")
    own.permissions.add(Permission.objects.get(codename="view_event"))
    member = make_staff("Viewer")
    roles.sync()
    assert {role: held(role) for role in HOLDS} == HOLDS
    assert held("Our own") == {"view_event"}
    assert member.groups.get().name == "Viewer"


def test_permissions_are_called_by_what_the_pages_call_their_rows() -> None:
    Permission.objects.filter(codename="delete_accessattempt").update(name="Can delete access attempt")
    roles.sync()
    names = dict(Permission.objects.values_list("codename", "name"))
    assert names["delete_accessattempt"] == "Can delete failed login"
    assert names["change_customercare"] == "Can change assignment"
    assert names["add_group"] == "Can add role"
    assert names["contact_customer"] == "Can write to customers"

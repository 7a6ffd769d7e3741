"""What the provider's claim makes of roles, at every login."""

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from pytest_django.fixtures import Settings

from customers.models import AuditEntry
from tests.factories import make_staff
from tests.support.openid_provider import OpenIdProvider
from tests.support.pages import words
from tests.support.sso import is_in, refusals, sign_in

pytestmark = pytest.mark.django_db


def roles() -> list[str]:
    """The roles of the one who logged in."""
    return sorted(User.objects.get(identities__subject="person-1").groups.values_list("name", flat=True))


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        (["cs-readers"], ["Viewer"]),
        (["cs-team"], ["Success manager"]),
        (["cs-lead"], ["Program manager"]),
        (["cs-admins"], ["Administrator"]),
        ("cs-lead", ["Program manager"]),
        (["everybody", "cs-team", "cs-readers", "cs-team"], ["Success manager", "Viewer"]),
        (["cs-admins", 7, None, {"cs-lead": 1}], ["Administrator"]),
    ],
)
def test_every_role_by_the_claim(
    groups: object, expected: list[str], client: Client, provider: OpenIdProvider
) -> None:
    provider.person["groups"] = groups
    assert sign_in(client).status_code == 302
    assert roles() == expected


@pytest.mark.parametrize(
    "groups", [[], None, "", "CS-TEAM", "cs-team ", {"cs-team": True}, [["cs-team"]], True, "Administrator", 0]
)
def test_no_role_is_a_page_that_says_whom_to_ask(groups: object, client: Client, provider: OpenIdProvider) -> None:
    make_staff("Administrator", first_name="Ada", last_name="Admin", email="ada@example.com")
    make_staff("Viewer", email="vera@example.com", is_superuser=False)
    provider.person["groups"] = groups
    response = sign_in(client)
    assert response.status_code == 403
    said = words(response.text)
    assert "You have no role here." in said and "Ada Admin" in said
    assert "vera@example.com" not in response.text
    assert refusals() == ["the claim gives no role"]
    assert not is_in(client)
    assert User.objects.count() == 2


def test_no_claim_makes_a_superuser(client: Client, provider: OpenIdProvider) -> None:
    provider.person |= {"groups": ["cs-admins"], "is_superuser": True, "is_staff": False}
    sign_in(client)
    user = User.objects.get()
    assert (user.is_superuser, user.is_staff) == (False, True)


def test_a_role_that_is_taken_there_is_taken_here_and_sessions_of_before_end(
    client: Client, provider: OpenIdProvider
) -> None:
    provider.person["groups"] = ["cs-admins"]
    sign_in(client)
    assert client.get("/admin/auth/user/").status_code == 200
    other = Client()
    provider.person["groups"] = ["cs-readers"]
    sign_in(other)
    assert roles() == ["Viewer"]
    assert client.get("/admin/").url.startswith("/admin/login/")
    assert other.get("/admin/auth/user/").status_code == 403
    assert other.get("/admin/cohorts/").status_code == 200


def test_that_nobody_is_left_who_manages_users_is_in_log_and_audit(
    client: Client, provider: OpenIdProvider, caplog: pytest.LogCaptureFixture
) -> None:
    def told() -> list[str]:
        return [one.text for one in AuditEntry.objects.all() if "nobody is left" in one.text]

    other = make_staff("Administrator")
    provider.person["groups"] = ["cs-admins"]
    sign_in(client)
    provider.person["groups"] = ["cs-readers"]
    sign_in(client)
    assert (roles(), told(), "nobody has it now" in caplog.text) == (["Viewer"], [], False)
    provider.person["groups"] = ["cs-admins"]
    sign_in(client)
    other.delete()
    provider.person["groups"] = ["cs-readers"]
    sign_in(client)
    assert roles() == ["Viewer"]
    assert told() == ["The provider gives another role, and nobody is left who may manage users"]
    assert "nobody has it now" in caplog.text


def test_who_has_no_role_any_more_has_no_session_either(client: Client, provider: OpenIdProvider) -> None:
    sign_in(client)
    provider.person["groups"] = []
    other = Client()
    assert sign_in(other).status_code == 403
    assert roles() == []
    assert not is_in(other)
    assert client.get("/admin/").url.startswith("/admin/login/")


def test_the_same_roles_leave_other_sessions_alone(client: Client, provider: OpenIdProvider) -> None:
    sign_in(client)
    sign_in(Client())
    assert client.get("/admin/cohorts/").status_code == 200


def test_a_role_given_here_does_not_outlast_the_next_login(client: Client, provider: OpenIdProvider) -> None:
    sign_in(client)
    before = client.session.session_key
    User.objects.get().groups.add(Group.objects.get(name="Administrator"))
    assert sign_in(client).status_code == 302
    assert roles() == ["Success manager"]
    assert client.session.session_key != before


def test_a_superuser_of_the_provider_keeps_what_no_claim_gives(client: Client, provider: OpenIdProvider) -> None:
    sign_in(client)
    User.objects.update(is_superuser=True)
    provider.person["groups"] = []
    assert sign_in(client).status_code == 302
    assert User.objects.get().is_superuser


@pytest.mark.parametrize(
    ("name", "claims"),
    [
        ("realm_access.roles", {"realm_access": {"roles": ["cs-lead"]}}),
        ("https://example.com/roles", {"https://example.com/roles": ["cs-lead"]}),
        ("resource_access.rsolv-cs.roles", {"resource_access": {"rsolv-cs": {"roles": ["cs-lead"]}}}),
    ],
)
def test_the_claim_may_lie_deeper(
    name: str, claims: dict[str, object], client: Client, provider: OpenIdProvider, settings: Settings
) -> None:
    settings.OIDC_ROLE_CLAIM = name
    provider.person |= claims
    sign_in(client)
    assert roles() == ["Program manager"]


def test_a_claim_that_userinfo_alone_has(client: Client, provider: OpenIdProvider) -> None:
    provider.in_token = {"email", "email_verified"}
    sign_in(client)
    assert roles() == ["Success manager"]


def test_a_role_of_ones_own_is_found_by_its_name(
    client: Client, provider: OpenIdProvider, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    Group.objects.create(name="Partners")
    settings.OIDC_ROLES = {"CN=partners,OU=cs": "partners", "x": "Nothing"}
    provider.person["groups"] = ["CN=partners,OU=cs", "x"]
    sign_in(client)
    assert roles() == ["Partners"]
    assert "OIDC_ROLES names 1 roles that a login has and this database does not" in caplog.messages

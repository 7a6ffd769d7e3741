"""The settings of a provider: read, refused where they cannot be used, and checked where half of them are there."""

from pathlib import Path

import pytest
from django.core.checks import CheckMessage
from django.test import Client
from pytest_django.fixtures import Settings

from rsolv_cs.sso import checks
from tests.support.commands import python
from tests.support.settings import complaint, start, values

KEY = "a key of the tests that is longer than fifty characters, as Django wishes"
WHOLE = {
    "OIDC_ISSUER": "https://login.example.com/realms/cs/",
    "OIDC_CLIENT_ID": "rsolv-cs",
    "OIDC_CLIENT_SECRET": "s3cr3t",
    "OIDC_ALLOWED_DOMAINS": "example.com, Bücher.example",
    "OIDC_ROLE_CLAIM": "groups",
    "OIDC_ROLES": "cs-team=Success manager; CN=lead,OU=cs = Program manager;",
}


def test_they_are_read() -> None:
    names = ["OIDC_ISSUER", "OIDC_RP_CLIENT_ID", "OIDC_RP_CLIENT_SECRET", "OIDC_ALLOWED_DOMAINS", "OIDC_ROLES"]
    names += ["OIDC_RP_SCOPES", "OIDC_REQUIRED_ACR", "OIDC_LABEL", "OIDC_ONLY", "OIDC_LINK_ACCOUNTS"]
    found = values(*names, DEBUG=1, OIDC_REQUIRED_ACR=" mfa  gold", OIDC_SCOPES="groups openid", **WHOLE)
    assert list(found.values()) == [
        "https://login.example.com/realms/cs/",
        "rsolv-cs",
        "s3cr3t",
        ["example.com", "xn--bcher-kva.example"],
        {"cs-team": "Success manager", "CN=lead,OU=cs": "Program manager"},
        "groups openid",
        ["mfa", "gold"],
        "",
        False,
        False,
    ]


def test_the_secret_may_lie_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s3cr3t\n")
    found = values("OIDC_RP_CLIENT_SECRET", DEBUG=1, OIDC_CLIENT_SECRET_FILE=tmp_path / "secret")
    assert found == {"OIDC_RP_CLIENT_SECRET": "s3cr3t"}


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("OIDC_ISSUER", "login.example.com", "OIDC_ISSUER='login.example.com' is not an address; use one such as"),
        ("OIDC_ISSUER", "https://a:b@login.example.com", "is not an address"),
        (
            "OIDC_ISSUER",
            "http://login.example.com",
            "OIDC_ISSUER='http://login.example.com' must begin with https://.",
        ),
        ("OIDC_ISSUER", "https://x.example/.well-known/openid-configuration", "leave that away"),
        ("OIDC_SCOPES", "email", "OIDC_SCOPES lacks openid"),
        ("OIDC_ALLOWED_DOMAINS", "*", "OIDC_ALLOWED_DOMAINS: '*' is not a domain; use one such as example.com."),
        ("OIDC_ALLOWED_DOMAINS", "@example.com", "is not a domain"),
        ("OIDC_ROLES", "cs-team", "OIDC_ROLES: 'cs-team' is no pair; use value=Role, and ; between two of them."),
        ("OIDC_ROLES", "x=", "is no pair"),
        ("OIDC_ROLES", "x=Viewer;x=Administrator", "OIDC_ROLES has 'x' twice; each value gives one role."),
        ("OIDC_CLIENT_SECRET_FILE", "/nowhere/secret", "OIDC_CLIENT_SECRET_FILE='/nowhere/secret' cannot be read."),
        ("OIDC_ONLY", "maybe", "OIDC_ONLY='maybe' is neither true nor false; use 1 or 0."),
    ],
)
def test_what_cannot_be_used_stops_the_start(name: str, value: str, said: str) -> None:
    assert said in complaint(start(**{name: value}))


def test_two_secrets_are_one_too_many_and_neither_is_shown(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("in-the-file")
    both = {"OIDC_CLIENT_SECRET": "in-the-variable", "OIDC_CLIENT_SECRET_FILE": str(tmp_path / "secret")}
    told = complaint(start(**both))
    assert told == "OIDC_CLIENT_SECRET and OIDC_CLIENT_SECRET_FILE are both set; use one of them."


def told(settings: Settings, **given: object) -> list[str]:
    """What the checks say of settings, where all others are whole."""
    whole = {
        "OIDC_ISSUER": "https://login.example.com",
        "OIDC_RP_CLIENT_ID": "x",
        "OIDC_RP_CLIENT_SECRET": "x",
        "OIDC_ALLOWED_DOMAINS": ["example.com"],
        "OIDC_ROLE_CLAIM": "groups",
        "OIDC_ROLES": {"x": "viewer"},
        "REQUIRE_SECOND_FACTOR": "",
    }
    for name, value in (whole | given).items():
        setattr(settings, name, value)
    every = (checks.half_a_provider, checks.half_the_roles, checks.roles_by_name, checks.factor_twice)
    found: list[CheckMessage] = [one for check in every for one in check()]
    return [f"{one.id} {one.msg}" for one in found]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, []),
        ({"OIDC_RP_CLIENT_SECRET": ""}, ["E011 OIDC_ISSUER without OIDC_CLIENT_SECRET."]),
        (
            {"OIDC_RP_CLIENT_ID": "", "OIDC_ALLOWED_DOMAINS": []},
            ["E011 OIDC_ISSUER without OIDC_CLIENT_ID, OIDC_ALLOWED_DOMAINS."],
        ),
        ({"OIDC_ROLES": {}}, ["E012 OIDC_ROLE_CLAIM without OIDC_ROLES."]),
        ({"OIDC_ROLE_CLAIM": ""}, ["E012 OIDC_ROLES without OIDC_ROLE_CLAIM."]),
        ({"OIDC_ROLE_CLAIM": "", "OIDC_ROLES": {}}, []),
        ({"OIDC_ROLES": {"x": "Boss"}}, ["W010 OIDC_ROLES names roles that are not built in: Boss."]),
        (
            {"REQUIRE_SECOND_FACTOR": "all"},
            ["W011 REQUIRE_SECOND_FACTOR asks for a code here also of those whom the provider has asked for one."],
        ),
        ({"REQUIRE_SECOND_FACTOR": "all", "OIDC_REQUIRED_ACR": ["mfa"]}, []),
    ],
)
def test_half_of_them_is_told(given: dict[str, object], said: list[str], settings: Settings) -> None:
    assert told(settings, **given) == [f"rsolv_cs.{one}" for one in said]


def test_anything_without_an_issuer_is_told(settings: Settings) -> None:
    nothing = {"OIDC_ISSUER": "", "OIDC_RP_CLIENT_ID": "", "OIDC_RP_CLIENT_SECRET": "", "OIDC_ALLOWED_DOMAINS": []}
    assert told(settings, **nothing, OIDC_ROLE_CLAIM="", OIDC_ROLES={}) == []
    found = told(settings, **nothing, OIDC_ROLE_CLAIM="", OIDC_ROLES={}, OIDC_ONLY=True)
    assert found == ["rsolv_cs.E010 OIDC_ONLY without OIDC_ISSUER."]


def test_the_command_line_says_what_to_do() -> None:
    done = python("manage.py", "check", SECRET_KEY=KEY, OIDC_ISSUER="https://login.example.com")
    assert done.code == 1
    assert "OIDC_ISSUER without OIDC_CLIENT_ID, OIDC_CLIENT_SECRET, OIDC_ALLOWED_DOMAINS." in done.err
    assert "HINT: Set OIDC_CLIENT_ID, OIDC_CLIENT_SECRET, OIDC_ALLOWED_DOMAINS as well" in done.err


def test_half_of_them_is_off(client: Client, settings: Settings) -> None:
    settings.OIDC_ISSUER = "https://login.example.com"
    settings.OIDC_RP_CLIENT_ID, settings.OIDC_RP_CLIENT_SECRET = "x", ""
    assert client.get("/admin/sso/").status_code == 404

"""Every error of the API is a problem as RFC 9457 has it, whoever finds it."""

import json

import pytest
from django.db import OperationalError
from django.http import HttpResponse
from django.test import Client
from pytest_django.fixtures import Settings
from rest_framework.exceptions import Throttled, ValidationError

from customers.models import ImportRun
from rsolv_cs.api.problems import HOW_TO_ASK, answer
from rsolv_cs.api.resources.runs import RunsView
from tests.support.tokens import make_token, token_client

pytestmark = pytest.mark.django_db


SLASH = "None of the API's resources ends with a slash."


def problem(response: HttpResponse) -> dict[str, object]:
    assert response.headers["Content-Type"] == "application/problem+json"
    told = json.loads(response.content)
    assert isinstance(told, dict)
    assert told.pop("type") == "about:blank"
    assert told["status"] == response.status_code
    return told


@pytest.mark.parametrize(
    ("method", "path", "status", "title", "detail"),
    [
        ("get", "/api/v1/runs/1000001", 404, "Not Found", "No ImportRun matches the given query."),
        ("get", "/api/v1/nothing", 404, "Not Found", "There is no such address."),
        ("get", "/api/v1/runs/", 404, "Not Found", f"There is no such address. {SLASH}"),
        ("post", "/api/nothing/", 404, "Not Found", f"There is no such address. {SLASH}"),
        ("get", "/metrics/nothing", 404, "Not Found", "There is no such address."),
        ("delete", "/api/v1/runs", 405, "Method Not Allowed", 'Method "DELETE" not allowed.'),
        ("options", "/api/v1/runs", 405, "Method Not Allowed", 'Method "OPTIONS" not allowed.'),
    ],
)
def test_problems(method: str, path: str, status: int, title: str, detail: str) -> None:
    response = getattr(token_client(make_token()), method)(path)
    assert problem(response) == {"status": status, "title": title, "detail": detail}


@pytest.mark.parametrize("path", ["/api/v1/runs", "/api/nothing", "/metrics/nothing", "/api/schema/"])
def test_strangers_are_told_the_same_everywhere(client: Client, path: str) -> None:
    told = problem(client.get(path))
    assert (told["status"], told["title"]) == (401, "Unauthorized")
    assert told["detail"] == HOW_TO_ASK
    assert problem(client.get(path, headers={"Authorization": "Bearer rsolv_x"}))["detail"] == HOW_TO_ASK


def test_what_has_no_view_at_all(client: Client) -> None:
    told = problem(client.get("/metrics/"))
    assert told["detail"] == "This page does not exist, or what it was about is gone."
    assert problem(client.get("/api/v1/a%00b"))["status"] == 404
    assert problem(client.get("/api/v1/runs", headers={"Host": "evil.example"}))["status"] == 400


def test_a_fault_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_self: object, _request: object) -> None:
        raise RuntimeError("the secret of a row")

    monkeypatch.setattr(RunsView, "answer", fail)
    told = problem(token_client(make_token()).get("/api/v1/runs"))
    assert told["status"] == 500
    assert "secret" not in str(told)


def test_under_debug_programs_get_no_page_of_django_either(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.DEBUG = True

    def fail(_self: object, _request: object) -> None:
        raise RuntimeError("the secret of a row")

    monkeypatch.setattr(RunsView, "answer", fail)
    client = token_client(make_token())
    client.raise_request_exception = False
    told = problem(client.get("/api/v1/runs"))
    assert told["detail"] == "The server could not finish this because of a fault of its own. It is in the log."
    assert "the secret of a row" in caplog.text
    assert problem(client.get("/metrics/"))["status"] == 404
    assert problem(client.get("/api/v1/runs", headers={"Host": "evil.example"}))["status"] == 400
    assert client.get("/nothing/").headers["Content-Type"].startswith("text/html")


def test_a_database_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_self: object, _request: object) -> None:
        raise OperationalError("could not connect")

    client = token_client(make_token())
    monkeypatch.setattr(RunsView, "answer", fail)
    response = client.get("/api/v1/runs")
    assert problem(response)["status"] == 503
    assert response.headers["Retry-After"] == "30"


def test_what_is_not_valid_is_pointed_to() -> None:
    error = ValidationError({"rows": [{}, {"a/b": ["Too long."]}], "non_field_errors": ["Nothing fits."]})
    told = answer(error, {})
    assert told is not None
    assert json.loads(told.content) == {
        "type": "about:blank",
        "title": "Bad Request",
        "status": 400,
        "detail": "What was sent is not valid.",
        "errors": [
            {"pointer": "#/rows/1/a~1b", "detail": "Too long.", "code": "invalid"},
            {"pointer": "#", "detail": "Nothing fits.", "code": "invalid"},
        ],
    }


def test_how_long_to_wait() -> None:
    told = answer(Throttled(wait=12.3), {})
    assert told is not None
    assert (problem(told)["title"], told.headers["Retry-After"]) == ("Too Many Requests", "13")


def test_the_pages_of_people_stay_pages(client: Client) -> None:
    assert client.get("/nothing/").headers["Content-Type"].startswith("text/html")
    assert ImportRun.objects.count() == 0

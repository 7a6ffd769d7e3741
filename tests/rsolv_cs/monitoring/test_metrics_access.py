"""Who may read ``/metrics``: a token for it, a named network, and nobody else."""

from pathlib import Path

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django.fixtures import Settings

from customers.models import ApiToken
from tests.factories import make_staff
from tests.support.commands import python
from tests.support.metrics import samples, scraper
from tests.support.tokens import make_token, token_client

pytestmark = pytest.mark.django_db


def ask(client: Client, **extra: str) -> tuple[int, str]:
    response = client.get("/metrics", **extra)
    return response.status_code, response.text


def test_a_token_for_it_reads_the_metrics_and_nothing_else() -> None:
    client = scraper()
    status, text = ask(client)
    assert (status, samples(text)["rsolv_database_up",]) == (200, 1)
    assert client.get("/api/v1/customers").status_code == 403
    response = client.get("/metrics")
    assert response["Content-Type"].startswith("text/plain")
    assert "no-store" in response["Cache-Control"]
    assert not response.cookies


@pytest.mark.parametrize("scopes", [["read"], ["write", "ingest"]])
def test_another_scope_does_not_suffice(scopes: list[str]) -> None:
    client = token_client(make_token(None, *scopes, role="Administrator"))
    status, text = ask(client)
    assert status == 403
    assert "rsolv_" not in text
    assert "This token lacks the scope" in text


def test_a_login_does_not_suffice_and_costs_no_query(client: Client) -> None:
    client.force_login(make_staff(is_superuser=True))
    with CaptureQueriesContext(connection) as captured:
        status, text = ask(client)
    assert (status, len(captured)) == (401, 0)
    assert "rsolv_database" not in text


def test_a_role_that_sees_no_night_sees_no_metrics() -> None:
    status, _text = ask(token_client(make_token(make_staff(), "metrics")))
    assert status == 403


@pytest.mark.parametrize(
    ("address", "forwarded", "proxies", "status"),
    [
        ("10.0.5.7", "", 0, 200),
        ("10.0.6.7", "", 0, 401),
        ("2001:db8::1", "", 0, 200),
        # What a client says of itself counts only as far as our own proxies wrote it.
        ("203.0.113.9", "10.0.5.7", 0, 401),
        ("10.0.5.1", "203.0.113.9", 1, 401),
        ("10.0.5.1", "10.0.5.7, 203.0.113.9", 1, 401),
        ("203.0.113.9", "10.0.5.7", 1, 200),
    ],
)
def test_a_named_network_needs_no_token(
    address: str, forwarded: str, proxies: int, status: int, settings: Settings
) -> None:
    settings.METRICS_NETWORKS = ["10.0.5.0/24", "2001:db8::/32"]
    settings.TRUSTED_PROXIES = proxies
    extra = {"HTTP_X_FORWARDED_FOR": forwarded} if forwarded else {}
    told, text = ask(Client(), REMOTE_ADDR=address, **extra)
    assert told == status
    assert ("rsolv_database_up" in text) == (status == 200)


def test_by_default_no_network_may() -> None:
    assert ask(Client(), REMOTE_ADDR="127.0.0.1")[0] == 401


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "10.1.2.3", "evil.example"])
def test_it_answers_under_any_name(host: str, settings: Settings) -> None:
    settings.ALLOWED_HOSTS = ["cs.example.com"]
    assert ask(scraper(), HTTP_HOST=host)[0] == 200


def test_a_token_comes_by_https_alone_where_there_is_https(settings: Settings) -> None:
    settings.HTTPS = settings.SECURE_SSL_REDIRECT = True
    client = scraper()
    status, text = ask(client)
    assert (status, "rsolv_" in text, "HTTPS" in text) == (403, False, True)
    assert client.get("/metrics", secure=True).status_code == 200
    settings.METRICS_NETWORKS = ["127.0.0.1"]
    assert ask(Client(), REMOTE_ADDR="127.0.0.1")[0] == 200


def test_the_form_is_the_one_that_is_asked_for() -> None:
    client = scraper()
    accepted = "application/openmetrics-text;version=1.0.0;q=0.9,text/plain;version=0.0.4;q=0.5"
    response = client.get("/metrics", headers={"accept": accepted})
    assert response["Content-Type"].startswith("application/openmetrics-text")
    assert response.text.endswith("# EOF\n")
    assert client.get("/metrics", headers={"accept": "image/png"}).status_code == 200


def test_other_methods_are_refused() -> None:
    assert scraper().post("/metrics").status_code == 405


def test_a_token_may_be_asked_for_so_often() -> None:
    secret = make_token(None, "metrics")
    ApiToken.objects.update(per_minute=1)
    assert [ask(token_client(secret))[0] for _ in range(2)] == [200, 429]


# --- Without a database -----------------------------------------------------------------------------------------


def fail() -> None:
    raise OperationalError("connection to server at 10.0.0.9, user hidden-7")


GONE = """
import django
django.setup()
from django.test import Client
Client().get("/healthz")
response = Client().get("/metrics")
assert response.status_code == 200
print(response.text)
"""


def test_without_a_database_a_network_is_told_so(tmp_path: Path) -> None:
    where = {"DATABASE_URL": "postgres://hidden:hidden@127.0.0.1:1/hidden", "METRICS_DIR": tmp_path / "metrics"}
    more = {"DEBUG": 1, "METRICS_NETWORKS": "127.0.0.1", "DJANGO_SETTINGS_MODULE": "rsolv_cs.settings"}
    done = python("-c", GONE, **where, **more)
    assert (done.code, "hidden" in done.out) == (0, False)
    told = samples(done.out)
    assert told["rsolv_database_up",] == 0
    assert told["rsolv_http_requests_total", "GET", "healthz", "200"] == 1
    assert {key[1]: value for key, value in told.items() if key[0] == "rsolv_scrape_failed"} == dict.fromkeys(
        ("database", "nights", "feeds", "queues", "portfolio"), 1
    )
    assert not [key for key in told if key[0].startswith(("rsolv_night", "rsolv_customers"))]


def test_without_a_database_nobody_knows_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    client = scraper()
    monkeypatch.setattr("rsolv_cs.api.authentication._find", lambda _secret: fail())
    response = client.get("/metrics")
    assert response.status_code == 503
    assert response.json()["title"] == "Service Unavailable"
    assert response.headers["Retry-After"]
    assert "hidden-7" not in response.text

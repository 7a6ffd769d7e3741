"""Real clients at a real server: one that posts as RSOLV's Action does by axios, and one with requests."""

import gzip
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from customers.core.roles import Role
from customers.models import InboxEvent
from tests.factories import make_staff
from tests.support import ROOT
from tests.support.inbox import event
from tests.support.own_databases import own, unblocked, url
from tests.support.serving import ready, served
from tests.support.tokens import make_token

__all__ = ["own", "ready", "unblocked", "url"]

ACTION = ROOT / "tests" / "support" / "action.mjs"


@dataclass(frozen=True)
class Server:
    address: str
    secret: str


@pytest.fixture
def server(tmp_path: Path, url: str, ready: dict[str, str]) -> Iterator[Server]:
    """The application as it is served, on a database without rows, and a token for it."""
    secret = make_token(make_staff(Role.PROGRAM_MANAGER), "ingest")
    with served(tmp_path, {**ready, "DATABASE_URL": url}) as port:
        yield Server(f"http://127.0.0.1:{port}", secret)


def as_the_action(address: str, secret: str) -> list[str]:
    """What the answers to the Action's events are."""
    done = subprocess.run(
        ["node", str(ACTION)],
        env={"PATH": os.environ["PATH"], "RSOLV_API_URL": address, "RSOLV_API_KEY": secret},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout.split()


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no Node here")
def test_the_action_reports_unchanged(server: Server) -> None:
    assert as_the_action(server.address, server.secret) == ["202"] * 5
    found = list(InboxEvent.objects.order_by("pk").values_list("customer_key", "event_type", "state"))
    steps = ("welcome_email_sent", "account_created", "github_action_installed")
    assert found == [
        *(("c1001", f"onboarding_step_{step}", "waiting") for step in steps),
        *[("c1001", "issue_resolution", "waiting")] * 2,
    ]
    with_pr, without = InboxEvent.objects.filter(event_type="issue_resolution").order_by("pk")
    assert with_pr.metadata == {
        "issue_url": "https://github.com/acme/shop/issues/7",
        "pr_url": "https://github.com/acme/shop/pull/8",
        "success": True,
        "duration_ms": 5321,
    }
    assert without.metadata["pr_url"] is None
    assert as_the_action(server.address, "rsolv_wrong") == ["401"] * 5
    assert as_the_action("http://127.0.0.1:1", server.secret) == ["swallowed"] * 5
    assert InboxEvent.objects.count() == 5


def test_a_program_sends_a_packed_list_and_asks_what_was_done(server: Server) -> None:
    with requests.Session() as session:
        session.headers["Authorization"] = f"Token {server.secret}"
        lines = "\n".join(json.dumps(event(f"c{number}", event_id=f"e{number}")) for number in range(5_000))
        headers = {"Content-Type": "application/x-ndjson", "Content-Encoding": "gzip"}
        for accepted in ("waiting", "duplicate"):
            answer = session.post(
                f"{server.address}/metrics/track", gzip.compress(lines.encode()), headers=headers, timeout=60
            )
            assert (answer.status_code, answer.json()["accepted"]) == (202, 5_000)
            told = session.get(f"{server.address}{answer.headers['Location']}", timeout=60).json()
            assert told["counts"] == {accepted: 5_000}
        # Sent in pieces, without a length.
        pieces = (piece for piece in (b"[", json.dumps(event()).encode(), b"]"))
        answer = session.post(
            f"{server.address}/metrics/track", pieces, headers={"Content-Type": "application/json"}, timeout=60
        )
        assert answer.status_code == 202
        bomb = gzip.compress(b" " * 300_000_000)
        answer = session.post(
            f"{server.address}/metrics/track",
            bomb,
            headers={**headers, "Content-Type": "application/json"},
            timeout=60,
        )
        assert (answer.status_code, answer.headers["Content-Type"]) == (413, "application/problem+json")

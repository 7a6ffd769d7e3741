"""Salesforce over real HTTP on this machine: the token, Bulk API 2.0 ingest, SOQL and ``describe``.

It checks every request against the published shape: what Salesforce would not understand is answered as there, and
kept in ``violations``, which a test wants empty. ``trouble`` makes it misbehave: an answer of its own, silence, or a
connection that dies before or after the work is done.
"""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import unquote

from analytics.crm.interface import CrmRow
from analytics.crm.salesforce.adapter import Salesforce
from analytics.crm.salesforce.connection import Credentials, Patience
from tests.support.salesforce_answers import CLIENT, LIMIT_OF_UPLOAD, SECRET, Job, answer
from tests.support.salesforce_org import Field, Org

KEY = "RSOLV_Customer_Id__c"


@dataclass
class Trouble:
    """What goes wrong with the next ``times`` requests whose "METHOD path" has ``where`` in it, after ``skip``.

    ``meanwhile`` is called before the connection dies: it may kill who asks.
    """

    where: str
    how: Literal["answer", "die before", "die after", "silent before", "silent after"] = "answer"
    status: int = 503
    body: object = None
    headers: dict[str, str] = field(default_factory=dict)
    times: int = 1
    skip: int = 0
    meanwhile: Callable[[], None] = lambda: None


class FakeSalesforce(ThreadingHTTPServer):
    """Serves one organisation; ``url`` is its address."""

    daemon_threads = True

    def __init__(self, org: Org) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.org = org
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.jobs: dict[str, Job] = {}
        self.tokens: set[str] = set()
        self.issued = 0
        self.requests: list[str] = []
        self.violations: list[str] = []
        self.troubles: list[Trouble] = []
        self.pages: dict[str, list[dict[str, object]]] = {}
        self.page_size = 2000
        self.upload_limit = LIMIT_OF_UPLOAD
        # Whether the app there has a user to run as.
        self.runs_as_user = True
        # How often a job is asked about before it is done, how many of its rows are, and what it then says.
        self.polls = 1
        self.processes: int | None = None
        self.ends = "JobComplete"
        self.ends_with = ""
        self.once = False
        self.silence = 0.6
        self.lock = threading.RLock()

    def trouble(self, where: str, **how: Any) -> None:
        """Let something go wrong once, or ``times``."""
        self.troubles.append(Trouble(where, **how))

    def take(self, request: str) -> Trouble | None:
        """The trouble that this request meets."""
        with self.lock:
            self.requests.append(request)
            for each in self.troubles:
                if each.where in request and each.times > 0:
                    if each.skip > 0:
                        each.skip -= 1
                        continue
                    each.times -= 1
                    return each
        return None

    def asked(self, where: str) -> int:
        """How many requests had this in "METHOD path"."""
        return sum(where in each for each in self.requests)

    def first_ends(self, processed: int) -> None:
        """Let the next job fail after so many rows, and those after it end as they should."""
        self.processes, self.ends, self.ends_with, self.once = processed, "Failed", "Limit exceeded.", True

    def run(self, job: Job) -> None:
        """Process a job as far as it is to be processed."""
        header, *lines = job.rows
        rows = [dict(zip(header, each, strict=True)) for each in lines]
        if words := self.org.wrong_header(header, job.asked["externalIdFieldName"]):
            job.state, job.error, job.unprocessed = "Failed", f"InvalidBatch : {words}", rows
            return
        job.done = self.org.load(rows[: self.processes], job.asked["externalIdFieldName"])
        job.unprocessed = [] if self.processes is None else rows[self.processes :]
        job.state, job.error = self.ends, self.ends_with
        if self.once:
            self.processes, self.ends, self.ends_with = None, "JobComplete", ""


class _Handler(BaseHTTPRequestHandler):
    """One connection; every answer is JSON or CSV, as there."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: FakeSalesforce

    def log_message(self, *_arguments: object) -> None:
        return None

    def do_GET(self) -> None:
        self._serve()

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        trouble = self.server.take(f"{self.command} {unquote(self.path)}")
        if trouble and trouble.how == "die before":
            trouble.meanwhile()
            self._die()
            return
        if trouble and trouble.how == "silent before":
            time.sleep(self.server.silence)
            self.close_connection = True
            return
        if trouble and trouble.how == "answer":
            self._send(trouble.status, trouble.body if trouble.body is not None else [], trouble.headers)
            return
        with self.server.lock:
            status, told = answer(self.server, self.command, self.path, dict(self.headers), body)
        if trouble and trouble.how == "silent after":
            time.sleep(self.server.silence)
            self.close_connection = True
            return
        if trouble:
            trouble.meanwhile()
        self._send(status, told, {}, cut=bool(trouble))

    def _send(self, status: int, told: object, headers: dict[str, str], cut: bool = False) -> None:
        content = told if isinstance(told, bytes) else b"" if told is None else json.dumps(told).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/csv" if isinstance(told, bytes) else "application/json;charset=UTF-8")
        self.send_header("Content-Length", str(len(content) or 0 if not cut else len(content) + 1))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if cut else content)
        if cut:
            self._die()

    def _die(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)


def our_fields() -> list[Field]:
    """The fields that docs/integrations.md tells an administrator of Salesforce to make."""
    texts = ["Status", "Trend", "Stage", "Owner", "Blocker", "Link"]
    numbers = ["Score", "Progress", "Forecast", "Open_Alerts"]
    return [
        Field(KEY, external_id=True),
        Field("RSOLV_Last_Active__c", "date"),
        *(Field(f"RSOLV_{name}__c") for name in texts),
        *(Field(f"RSOLV_{name}__c", "double") for name in numbers),
    ]


@contextmanager
def salesforce(**org: Any) -> Iterator[FakeSalesforce]:
    """A Salesforce with our fields, that runs while the block does and wants no request out of shape."""
    server = FakeSalesforce(Org(**{"fields": our_fields(), **org}))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert server.violations == []


QUICK = Patience(answer=0.4, pauses=(0.01, 0.02), poll=0.01, longest_poll=0.02, job=2)


def adapter(server: FakeSalesforce, **changed: Any) -> Salesforce:
    """The adapter for this server, with the patience of a test."""
    credentials = Credentials(server.url, CLIENT, changed.pop("secret", SECRET))
    ours = changed.pop("ours", {field.name for field in server.org.fields})
    prefix, match_key = changed.pop("prefix", "RSOLV_"), changed.pop("match_key", KEY)
    return Salesforce(credentials, prefix, match_key, ours, replace(QUICK, **changed))


class KeptState:
    """What an adapter keeps of its jobs, as a push would have stored it."""

    def __init__(self) -> None:
        self.kept: dict[str, object] = {}

    def read(self) -> Mapping[str, object]:
        return self.kept

    def save(self, state: Mapping[str, object]) -> None:
        self.kept = json.loads(json.dumps(state))


def row(key: str, **values: str) -> CrmRow:
    """A row whose fields are named without prefix and ending: ``Score="45"``."""
    return CrmRow(key, key, {f"RSOLV_{name}__c": text for name, text in values.items()})

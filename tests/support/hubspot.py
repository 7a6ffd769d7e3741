"""A HubSpot of our own on loopback: companies in memory, by the published shapes of its dated API, and its faults."""

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "pat-eu1-0f1e2d3c"
BATCH = "/crm/objects/2026-03/companies/batch"
PROPERTIES = "/crm/properties/2026-03/companies"
A_CALL = 100
READ_KEYS = {"idProperty", "properties", "propertiesWithHistory", "inputs"}
UPSERT_KEYS = {"id", "idProperty", "properties", "objectWriteTraceId"}
Refusal = Callable[[dict[str, str]], str]
"""Says why a company's properties are refused, as a validation rule does; '' where they are not."""
Fault = str
"""What happens to one call: '429', '429 daily', '500', '409', 'slow', 'cut' (done, but the answer ends in the middle),
'gone' (done, but no answer), 'lost' (not done, and no answer), 'html', or 'silent' (207 that does not name a row)."""


class FakeHubSpot:
    """What it knows, what it was asked, and what it found wrong with that."""

    def __init__(self) -> None:
        self.companies: dict[str, dict[str, str]] = {}
        self.properties = {"name": False, "domain": False, "rsolv_customer_id": True}
        self.faults: deque[Fault] = deque()
        self.refuse: Refusal = lambda properties: ""
        self.violations: list[str] = []
        self.upserts: list[list[str]] = []
        self.reads = 0
        self.status = 0
        self.before_answer: Callable[[int], None] = lambda call: None
        self.lock = threading.Lock()
        self.address = ""

    @property
    def written(self) -> list[str]:
        """Every key that an upsert brought, in their order."""
        return [key for call in self.upserts for key in call]

    def give(self, key: str, **properties: str) -> None:
        """Let somebody there make a company."""
        self.companies[key] = {"rsolv_customer_id": key, **properties}

    # --- Calls --------------------------------------------------------------------------------------------------

    def answer(self, method: str, path: str, token: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Do what a call asks for."""
        if token != f"Bearer {TOKEN}":
            return 401, _error("Authentication credentials not found.", "INVALID_AUTHENTICATION")
        if self.status:
            return self.status, _error("This app hasn't been granted all required scopes.", "MISSING_SCOPES")
        if (method, path) == ("GET", PROPERTIES):
            return 200, {"results": [_property(name, unique) for name, unique in self.properties.items()]}
        if (method, path) == ("POST", f"{BATCH}/read"):
            return self.read(body)
        if (method, path) == ("POST", f"{BATCH}/upsert"):
            return self.upsert(body)
        self.violations.append(f"{method} {path}")
        return 404, _error("resource not found", "OBJECT_NOT_FOUND")

    def read(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        self.reads += 1
        if (
            set(body) != {"idProperty", "properties", "propertiesWithHistory", "inputs"}
            or len(body["inputs"]) > A_CALL
        ):
            self.violations.append(f"read: {sorted(body)}")
        found, lacks = [], []
        for one in body["inputs"]:
            company = self.companies.get(one["id"])
            if company is None:
                lacks.append(one["id"])
            else:
                has = {name: company.get(name) for name in body["properties"]}
                found.append({"id": str(hash(one["id"])), "properties": has, "archived": False})
        if not lacks:
            return 200, _done(found)
        missing = _error("Could not get some COMPANY objects", "OBJECT_NOT_FOUND", ids=lacks)
        return 207, {**_done(found), "numErrors": 1, "errors": [missing]}

    def upsert(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        inputs = body.get("inputs", [])
        self._look_for_violations(body, inputs)
        with self.lock:
            self.upserts.append([one["id"] for one in inputs])
            if unknown := {name for one in inputs for name in one["properties"]} - set(self.properties):
                return 400, _error(f"Property {min(unknown)!r} does not exist", "VALIDATION_ERROR")
            refused = [(one, why) for one in inputs if (why := self.refuse(one["properties"]))]
            # Without an id of the caller's for each row the whole call fails.
            if refused and not all(one.get("objectWriteTraceId") for one in inputs):
                return 400, _error(refused[0][1], "VALIDATION_ERROR")
            gone = {one["id"] for one, _why in refused}
            results = [self._write(one) for one in inputs if one["id"] not in gone]
        if not refused:
            return 200, _done(results)
        traces = ((why, [one["objectWriteTraceId"]]) for one, why in refused)
        errors = [_error(why, "VALIDATION_ERROR", objectWriteTraceId=trace) for why, trace in traces]
        return 207, {**_done(results), "numErrors": len(errors), "errors": errors}

    def _write(self, one: dict[str, Any]) -> dict[str, Any]:
        is_new = one["id"] not in self.companies
        company = self.companies.setdefault(one["id"], {})
        company.update(one["properties"])
        return {
            "id": str(hash(one["id"])),
            "properties": dict(company),
            "new": is_new,
            "archived": False,
            "objectWriteTraceId": one.get("objectWriteTraceId"),
        }

    def _look_for_violations(self, body: dict[str, Any], inputs: list[dict[str, Any]]) -> None:
        keys = [str(one.get("id")).casefold() for one in inputs]
        found = {
            "more than inputs": set(body) != {"inputs"},
            "not 1 to 100 inputs": not 1 <= len(inputs) <= A_CALL,
            "an id twice": len(set(keys)) < len(keys),
            "unknown keys of an input": any(set(one) - UPSERT_KEYS for one in inputs),
            "not by the unique property": any(one.get("idProperty") != "rsolv_customer_id" for one in inputs),
            "another id": any(one["properties"].get("rsolv_customer_id") != one["id"] for one in inputs),
            "a foreign property": any(not name.startswith("rsolv_") for one in inputs for name in one["properties"]),
            "no text": any(not isinstance(value, str) for one in inputs for value in one["properties"].values()),
        }
        self.violations += [what for what, is_so in found.items() if is_so]


def _property(name: str, unique: bool) -> dict[str, Any]:
    return {"name": name, "label": name, "type": "string", "fieldType": "text", "hasUniqueValue": unique}


def _done(results: list[dict[str, Any]]) -> dict[str, Any]:
    when = "2026-11-29T10:00:00.000Z"
    return {"status": "COMPLETE", "results": results, "startedAt": when, "completedAt": when}


def _error(message: str, category: str, **context: list[str]) -> dict[str, Any]:
    return {"status": "error", "message": message, "category": category, "correlationId": "c0", "context": context}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hubspot: FakeHubSpot

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self._answer({})

    def do_POST(self) -> None:
        self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def _answer(self, body: dict[str, Any]) -> None:
        hubspot = self.hubspot
        # A check of the properties is no call that goes wrong here.
        fault = hubspot.faults.popleft() if hubspot.faults and self.command == "POST" else ""
        if fault in {"429", "429 daily", "500", "409", "html", "lost"}:
            self._fail(fault)
            return
        if fault == "slow":
            time.sleep(1.5)
        status, answer = hubspot.answer(self.command, self.path, self.headers.get("Authorization", ""), body)
        if self.path.endswith("/upsert"):
            hubspot.before_answer(len(hubspot.upserts))
        if fault == "silent":
            status, answer = 207, {**_done([]), "numErrors": 0, "errors": []}
        self._send(status, json.dumps(answer).encode(), cut=fault == "cut", gone=fault == "gone")

    def _fail(self, fault: Fault) -> None:
        if fault == "lost":
            self.close_connection = True
        elif fault == "html":
            self._send(502, b"<html>Bad gateway</html>")
        elif fault.startswith("429"):
            wait = "86400" if "daily" in fault else "0"
            body = {**_error("You have reached your limit.", "RATE_LIMITS"), "errorType": "RATE_LIMIT"}
            self._send(429, json.dumps(body).encode(), retry_after=wait)
        else:
            self._send(int(fault), json.dumps(_error("Something went wrong", "CONFLICT")).encode())

    def _send(
        self, status: int, content: bytes, *, cut: bool = False, gone: bool = False, retry_after: str = ""
    ) -> None:
        if gone:
            self.close_connection = True
            return
        try:
            self.send_response(status)
            self.send_header("Content-Type", "application/json;charset=utf-8")
            self.send_header("Content-Length", str(len(content)))
            if retry_after:
                self.send_header("Retry-After", retry_after)
            self.end_headers()
            self.wfile.write(content[: len(content) // 2] if cut else content)
        except OSError:
            cut = True
        self.close_connection = self.close_connection or cut


@contextmanager
def fake_hubspot() -> Iterator[FakeHubSpot]:
    """Serve a HubSpot that has nothing but its own properties."""
    hubspot = FakeHubSpot()
    handler = type("Handler", (_Handler,), {"hubspot": hubspot})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    hubspot.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield hubspot
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

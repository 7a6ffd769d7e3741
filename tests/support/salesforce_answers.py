"""What Salesforce answers to each request: the token, Bulk API 2.0 ingest, SOQL and ``describe``.

A request that Salesforce would not understand is answered with its error, and kept in the server's ``violations``.
"""

import csv
import io
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from tests.support.salesforce_org import RowResult

if TYPE_CHECKING:
    from tests.support.salesforce import FakeSalesforce

VERSION = "v67.0"
DATA = f"/services/data/{VERSION}"
CLIENT, SECRET = "3MVG9-consumer-key", "8A4BE698BCA216718ECB"
LIMIT_OF_HEADERS = 16_384
LIMIT_OF_UPLOAD = 100 * 1024 * 1024
JOB = {"object", "operation", "externalIdFieldName", "contentType", "lineEnding", "columnDelimiter"}
_QUERY = re.compile(r"SELECT ([\w, ]+) FROM Account WHERE (\w+) IN \((.+)\)", re.DOTALL)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "f": "\f", "b": "\b"}
_LITERAL = re.compile(r"'((?:[^'\\]|\\.)*)'(?:,|$)", re.DOTALL)

Answer = tuple[int, object]


@dataclass
class Job:
    """An ingest job and what became of its rows."""

    id: str
    asked: dict[str, str]
    state: str = "Open"
    upload: bytes | None = None
    done: list[RowResult] = field(default_factory=list)
    unprocessed: list[dict[str, str]] = field(default_factory=list)
    error: str = ""
    polls: int = 0

    @property
    def rows(self) -> list[list[str]]:
        """The uploaded rows, the header first."""
        return list(csv.reader(io.StringIO((self.upload or b"").decode(), newline=""), strict=True))

    @property
    def info(self) -> dict[str, object]:
        """What Salesforce says of the job."""
        told: dict[str, object] = {
            "id": self.id,
            **self.asked,
            "apiVersion": float(VERSION[1:]),
            "concurrencyMode": "Parallel",
            "createdById": "005000000000001AAA",
            "createdDate": "2026-11-29T02:00:00.000+0000",
            "systemModstamp": "2026-11-29T02:00:00.000+0000",
            "jobType": "V2Ingest",
            "state": self.state,
            "numberRecordsProcessed": len(self.done),
            "numberRecordsFailed": sum(bool(each.error) for each in self.done),
        }
        if self.state == "Open":
            told["contentUrl"] = f"{DATA[1:]}/jobs/ingest/{self.id}/batches"
        return told | ({"errorMessage": self.error} if self.error else {})


@dataclass
class Request:
    """One request, as its answer needs it."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes


def answer(server: "FakeSalesforce", method: str, address: str, headers: dict[str, str], body: bytes) -> Answer:
    """Answer a request; the server's state follows."""
    split = urlsplit(address)
    request = Request(method, split.path.rstrip("/"), parse_qs(split.query), headers, body)
    if len(address) + sum(len(k) + len(v) + 4 for k, v in headers.items()) > LIMIT_OF_HEADERS:
        return _refused(server, 431, "REQUEST_HEADER_FIELDS_TOO_LARGE", "Request Header Fields Too Large")
    if request.path == "/services/oauth2/token":
        return _token(server, request)
    if headers.get("Authorization", "").removeprefix("Bearer ") not in server.tokens:
        return _error(401, "INVALID_SESSION_ID", "Session expired or invalid")
    for known, pattern, answered in _ROUTES:
        match = re.fullmatch(pattern, request.path)
        if match and method == known:
            return answered(server, request, *match.groups())
    return _refused(server, 404, "NOT_FOUND", "The requested resource does not exist")


def _error(status: int, code: str, message: str) -> Answer:
    return status, [{"errorCode": code, "message": message}]


def _refused(server: "FakeSalesforce", status: int, code: str, message: str) -> Answer:
    """An answer to what no request of ours may be."""
    server.violations.append(f"{code}: {message}")
    return _error(status, code, message)


def _token(server: "FakeSalesforce", request: Request) -> Answer:
    asked = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
    form = request.headers.get("Content-Type") == "application/x-www-form-urlencoded"
    if request.method != "POST" or not form or asked.get("grant_type") != "client_credentials":
        server.violations.append(f"token: {request.method} {sorted(asked)}")
        return 400, {"error": "unsupported_grant_type", "error_description": "grant type not supported"}
    if asked.get("client_id") != CLIENT:
        return 400, {"error": "invalid_client_id", "error_description": "client identifier invalid"}
    if asked.get("client_secret") != SECRET:
        return 400, {"error": "invalid_client", "error_description": "invalid client credentials"}
    if not server.runs_as_user:
        return 400, {"error": "invalid_grant", "error_description": "no client credentials user enabled"}
    server.issued += 1
    token = f"00D000000000001!AQ{server.issued:04d}"
    server.tokens.add(token)
    return 200, {
        "access_token": token,
        "signature": "nUFHwtfIGLKDTHcLWmDBG8frv0t+HQGl/iCZFIQUarE=",
        "token_format": "opaque",
        "instance_url": server.url,
        "id": "https://login.salesforce.com/id/00D000000000001/005000000000001",
        "token_type": "Bearer",
        "issued_at": "1796000000000",
    }


def _create(server: "FakeSalesforce", request: Request) -> Answer:
    asked = json.loads(request.body)
    if request.headers.get("Content-Type", "").split(";")[0] != "application/json" or not set(asked) <= JOB:
        return _refused(server, 400, "INVALIDJOB", f"Unexpected {sorted(asked)}")
    if (asked["object"], asked["operation"], asked["contentType"]) != ("Account", "upsert", "CSV"):
        return _refused(server, 400, "INVALIDJOB", f"Not what this integration may do: {asked}")
    key = server.org.find_field(asked["externalIdFieldName"])
    if key is None or not key.external_id:
        words = f"Field name provided, {asked['externalIdFieldName']} does not match an External ID, Salesforce Id, or"
        return _error(400, "INVALIDJOB", f"InvalidJob : {words} indexed field for Account")
    job = Job(
        f"750{len(server.jobs) + 1:012d}AAA", {"columnDelimiter": "COMMA", **asked, "externalIdFieldName": key.name}
    )
    server.jobs[job.id] = job
    return 200, job.info


def _upload(server: "FakeSalesforce", request: Request, name: str) -> Answer:
    job = server.jobs.get(name)
    if job is None:
        return _error(404, "NOT_FOUND", "The requested resource does not exist")
    if job.state != "Open":
        return _refused(server, 400, "INVALIDJOBSTATE", f"Job is in state {job.state}")
    if job.upload is not None:
        words = f"Found multiple contents for job: <{name}>, please 'Close' / 'Abort' / 'Delete' the current Job"
        return _refused(server, 400, "CLIENTINPUTERROR", words)
    if request.headers.get("Content-Type", "").split(";")[0] != "text/csv" or len(request.body) > server.upload_limit:
        return _refused(server, 400, "CLIENTINPUTERROR", "No CSV, or too much of it")
    if b"\r\n" in request.body:
        return _refused(server, 400, "CLIENTINPUTERROR", "LineEnding is invalid on user data")
    job.upload = request.body
    return 201, None


def _close(server: "FakeSalesforce", request: Request, name: str) -> Answer:
    job = server.jobs.get(name)
    if job is None:
        return _error(404, "NOT_FOUND", "The requested resource does not exist")
    state = json.loads(request.body).get("state")
    if state not in {"UploadComplete", "Aborted"}:
        return _refused(server, 400, "INVALIDJOBSTATE", f"No state to ask for: {state}")
    if job.state != "Open" and state == "UploadComplete":
        return _refused(server, 400, "INVALIDJOBSTATE", "Closing already Completed Job not allowed")
    if job.state in {"JobComplete", "Failed", "Aborted"}:
        return _refused(server, 400, "INVALIDJOBSTATE", "Aborting already Completed Job not allowed")
    if state == "UploadComplete" and job.upload is None:
        return _refused(server, 400, "INVALIDJOBSTATE", "No data was uploaded")
    job.state = state
    return 200, job.info


def _info(server: "FakeSalesforce", _request: Request, name: str) -> Answer:
    job = server.jobs.get(name)
    if job is None:
        return _error(404, "NOT_FOUND", "The requested resource does not exist")
    if job.state in {"UploadComplete", "InProgress"}:
        job.polls += 1
        job.state = "InProgress"
        if job.polls >= server.polls:
            server.run(job)
    return 200, job.info


def _results(server: "FakeSalesforce", _request: Request, name: str, kind: str) -> Answer:
    job = server.jobs.get(name)
    if job is None:
        return _error(404, "NOT_FOUND", "The requested resource does not exist")
    if job.state not in {"JobComplete", "Failed", "Aborted"}:
        return _refused(server, 400, "INVALIDJOBSTATE", f"Job is in state {job.state}")
    if kind == "unprocessedrecords":
        return 200, _csv([], [([], row) for row in job.unprocessed])
    if kind == "successfulResults":
        good = [(["true" if each.created else "false", each.id], each.row) for each in job.done if not each.error]
        return 200, _csv(["sf__Created", "sf__Id"], good)
    bad = [([each.id, each.error], each.row) for each in job.done if each.error]
    # Their order is not that of the upload.
    return 200, _csv(["sf__Id", "sf__Error"], bad[::-1])


def _csv(columns: list[str], rows: list[tuple[list[str], dict[str, str]]]) -> bytes:
    """A result file, quoted as Salesforce quotes; without rows it has our columns no more."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow([*columns, *(rows[0][1] if rows else [])])
    writer.writerows([*own, *row.values()] for own, row in rows)
    return text.getvalue().encode()


def _describe(server: "FakeSalesforce", _request: Request) -> Answer:
    fields = [each.described for each in server.org.all_fields]
    return 200, {"name": "Account", "createable": True, "updateable": server.org.may_edit, "fields": fields}


def _query(server: "FakeSalesforce", request: Request) -> Answer:
    query = _QUERY.fullmatch(request.query["q"][0])
    wanted = read_literals(query[3]) if query else None
    if query is None or wanted is None:
        return _refused(server, 400, "MALFORMED_QUERY", f"unexpected token: {request.query['q'][0]}")
    names = [name.strip() for name in query[1].split(",")]
    fields = [server.org.find_field(name) for name in [query[2], *names]]
    if None in fields:
        words = f"No such column '{[query[2], *names][fields.index(None)]}' on entity 'Account'. If you are attempting"
        return _error(400, "INVALID_FIELD", f"{words} to use a custom field, be sure to append the '__c'.")
    key, *shown = [field.name for field in fields if field]
    folded = {each.lower() for each in wanted}
    found = [each for each in server.org.accounts if str(each.get(key) or "").lower() in folded]
    records: list[dict[str, object]] = [
        {"attributes": {"type": "Account"}, **{name: each.get(name) for name in shown}} for each in found
    ]
    return 200, _page(server, records, len(records))


def read_literals(listed: str) -> list[str] | None:
    """The texts of a list of SOQL's literals; None where it is no such list."""
    literals = _LITERAL.findall(listed)
    if ",".join(f"'{each}'" for each in literals) != listed or re.search(r"[\n\r]", listed):
        return None
    return [re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), each) for each in literals]


def _more(server: "FakeSalesforce", _request: Request, locator: str) -> Answer:
    left = server.pages.pop(locator, None)
    if left is None:
        return _refused(server, 400, "INVALID_QUERY_LOCATOR", "invalid query locator")
    return 200, _page(server, left, len(left))


def _page(server: "FakeSalesforce", records: list[dict[str, object]], total: int) -> dict[str, object]:
    page, left = records[: server.page_size], records[server.page_size :]
    told: dict[str, object] = {"totalSize": total, "done": not left, "records": page}
    if left:
        locator = f"01gRO{len(server.pages):013d}-{server.page_size}"
        server.pages[locator] = left
        told["nextRecordsUrl"] = f"{DATA}/query/{locator}"
    return told


_ROUTES: list[tuple[str, str, Callable[..., Answer]]] = [
    ("POST", f"{DATA}/jobs/ingest", _create),
    ("GET", rf"{DATA}/jobs/ingest/(\w+)", _info),
    ("PATCH", rf"{DATA}/jobs/ingest/(\w+)", _close),
    ("PUT", rf"{DATA}/jobs/ingest/(\w+)/batches", _upload),
    ("GET", rf"{DATA}/jobs/ingest/(\w+)/(successfulResults|failedResults|unprocessedrecords)", _results),
    ("GET", f"{DATA}/query", _query),
    ("GET", rf"{DATA}/query/([\w-]+)", _more),
    ("GET", f"{DATA}/sobjects/Account/describe", _describe),
]

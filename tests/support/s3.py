"""An S3 over HTTP, by moto's server in a process of its own, and a door before it that fails as networks do."""

import http.client
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import boto3
import pytest
from pytest_django.fixtures import Settings

from customers.core.storage import answers, areas
from rsolv_cs import storage_url
from tests.support.mails import free_port

KEY, SECRET = "of-the-tests", "s3cr3t/of+the=bucket"


class FakeBucket:
    """A bucket, seen past the code."""

    def __init__(self, endpoint: str, name: str) -> None:
        self.endpoint, self.name = endpoint, name
        self.client = boto3.client(
            "s3",
            endpoint_url=endpoint,
            region_name="eu-central-1",
            aws_access_key_id=KEY,
            aws_secret_access_key=SECRET,
        )

    def url(self, endpoint: str = "", prefix: str = "cs") -> str:
        """The ``STORAGE_URL`` for it, by another door or its own."""
        secret = "s3cr3t%2Fof%2Bthe%3Dbucket"
        return f"s3://{KEY}:{secret}@{self.name}/{prefix}?endpoint={endpoint or self.endpoint}&region=eu-central-1"

    def objects(self) -> dict[str, bytes]:
        """Every object."""
        found = self.client.list_objects_v2(Bucket=self.name).get("Contents", [])
        return {one["Key"]: self.get(one["Key"]) for one in found}

    def get(self, key: str) -> bytes:
        """One of them."""
        body: bytes = self.client.get_object(Bucket=self.name, Key=key)["Body"].read()
        return body

    def put(self, key: str, content: bytes) -> None:
        """Let somebody else write one."""
        self.client.put_object(Bucket=self.name, Key=key, Body=content)

    def uploads(self) -> list[Any]:
        """The uploads that have begun and not ended."""
        found: list[Any] = self.client.list_multipart_uploads(Bucket=self.name).get("Uploads", [])
        return found


def use(settings: Settings, url: str) -> None:
    """Have the shared files where a ``STORAGE_URL`` says."""
    kept = {name: one for name, one in settings.STORAGES.items() if name != areas.SHARED}
    backend = {"BACKEND": "customers.core.storage.s3.SharedBucket", "OPTIONS": storage_url.shared_bucket(url)}
    settings.STORAGES = {**kept, areas.SHARED: backend}
    forget()


def forget() -> None:
    """Forget what was found out about any storage."""
    answers._alone.clear()
    answers._broke_off.clear()
    areas._found.clear()


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """The address of an S3."""
    port = free_port()
    command = [sys.executable, "-W", "ignore", "-m", "moto.server", "-p", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            _wait_for(port)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


@pytest.fixture
def bucket(s3_server: str, settings: Settings) -> Iterator[FakeBucket]:
    """An empty bucket, in which the shared files are."""
    made = FakeBucket(s3_server, f"rsolv-{uuid4().hex}")
    made.client.create_bucket(Bucket=made.name, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    use(settings, made.url())
    yield made
    forget()


def _wait_for(port: int) -> None:
    for _ in range(600):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/")
            connection.getresponse().read()
            return
        except OSError:
            time.sleep(0.1)
        finally:
            connection.close()
    raise RuntimeError("the S3 did not start")


class Door(ThreadingHTTPServer):
    """Passes requests on to an S3, or fails them.

    ``fault`` is '', an error's code, 'slow' (no answer), or 'cut' (an answer that ends in its middle). ``only`` is the
    method that it is about, where it is about one.
    """

    daemon_threads = True
    fault, only = "", ""

    def __init__(self, endpoint: str) -> None:
        super().__init__(("127.0.0.1", 0), _Passing)
        self.inner = urlsplit(endpoint).netloc
        self.asked: list[str] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, *_about: object) -> None:
        """Say nothing of a client that has gone."""


class _Passing(BaseHTTPRequestHandler):
    server: Door
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.asked.append(f"{self.command} {urlsplit(self.path).path}")
        fault = self.server.fault if self.server.only in ("", self.command) else ""
        if fault == "slow":
            time.sleep(30)
        elif fault not in ("", "cut"):
            status = {"AccessDenied": 403, "NoSuchBucket": 404}.get(fault, 500)
            content = "" if self.command == "HEAD" else f"<Error><Code>{fault}</Code><Message>no</Message></Error>"
            self._answer(status, [("Content-Type", "application/xml")], content.encode())
        else:
            self._pass_on(body, cut=fault == "cut")

    do_HEAD = do_PUT = do_POST = do_DELETE = do_GET

    def _pass_on(self, body: bytes, *, cut: bool) -> None:
        connection = http.client.HTTPConnection(self.server.inner, timeout=60)
        connection.request(self.command, self.path, body, dict(self.headers.items()))
        found = connection.getresponse()
        content = found.read()
        kept = [(name, value) for name, value in found.getheaders() if name.lower() not in _OF_THE_WAY]
        if self.command == "HEAD":
            kept.append(("Content-Length", found.getheader("Content-Length") or "0"))
        self._answer(found.status, kept, content, cut=cut)
        connection.close()

    def _answer(self, status: int, headers: list[tuple[str, str]], content: bytes, *, cut: bool = False) -> None:
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        if self.command != "HEAD":
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if cut else content)
        if cut:
            self.close_connection = True
            self.connection.close()

    def log_message(self, *_about: object) -> None:
        """Say nothing."""


_OF_THE_WAY = {"content-length", "transfer-encoding", "connection", "date", "server"}


@pytest.fixture
def door(bucket: FakeBucket, settings: Settings) -> Iterator[Door]:
    """A door before the bucket, by which the shared files are reached."""
    with Door(bucket.endpoint) as door:
        thread = threading.Thread(target=door.serve_forever, args=[0.05])
        thread.start()
        use(settings, bucket.url(door.url))
        yield door
        door.shutdown()
        thread.join()


@contextmanager
def failing(door: Door, fault: str, only: str = "") -> Iterator[None]:
    """Let requests fail for a while."""
    forget()
    door.fault, door.only = fault, only
    try:
        yield
    finally:
        door.fault, door.only = "", ""
        forget()

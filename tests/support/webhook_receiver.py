"""A receiver of webhooks over real HTTP, which keeps what it gets and answers as it is told."""

import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from standardwebhooks.webhooks import Webhook

Behaviour = Callable[["Handler"], None]


@dataclass(frozen=True)
class Received:
    """A request as it came."""

    path: str
    headers: Message
    body: bytes

    @property
    def uid(self) -> str:
        """Its ``webhook-id``."""
        return self.headers["webhook-id"]

    def verified(self, secret: str) -> object:
        """Its body, if the library that receivers use takes the signature; raises ``WebhookVerificationError``."""
        return Webhook(secret).verify(self.body, dict(self.headers.items()))


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server: "Receiver"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append(Received(self.path, self.headers, body))
        self.server.behaviour(self)

    def handle(self) -> None:
        self.server.connections += 1
        self.server.open.add(self)
        try:
            super().handle()
        except OSError:
            self.close_connection = True
        finally:
            self.server.open.discard(self)

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""

    def send(self, raw: bytes) -> None:
        """Write to the connection, past all that makes an answer well-formed."""
        self.wfile.write(raw)
        self.wfile.flush()


class Receiver(ThreadingHTTPServer):
    """The server; ``behaviour`` answers each request."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, behaviour: Behaviour) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.behaviour = behaviour
        self.received: list[Received] = []
        self.connections = 0
        self.open: set[Handler] = set()
        self.scheme = "http"

    def handle_error(self, *_arguments: object) -> None:
        """Say nothing of senders who go away."""

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}/hook"

    @property
    def uids(self) -> list[str]:
        return [one.uid for one in self.received]


def wait_until_read(receiver: Receiver, seconds: float = 60) -> None:
    """Wait until all is read of senders who are dead: a busy machine has it in its sockets for a while."""
    until = time.monotonic() + seconds
    while receiver.open:
        assert time.monotonic() < until, "somebody is still sending"
        time.sleep(0.01)


def answering(status: int = 200, text: bytes = b"", **headers: str) -> Behaviour:
    """Answer as told."""

    def behave(handler: Handler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(text)))
        handler.end_headers()
        handler.send(text)

    return behave


@contextmanager
def receiving(behaviour: Behaviour | None = None, certificate: Path | None = None) -> Iterator[Receiver]:
    """Run a receiver; with ``certificate`` it speaks TLS."""
    receiver = Receiver(behaviour or answering())
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        receiver.socket = context.wrap_socket(receiver.socket, server_side=True, do_handshake_on_connect=False)
        receiver.scheme = "https"
    thread = threading.Thread(target=receiver.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.shutdown()
        receiver.server_close()


def one_by_one(*behaviours: Behaviour) -> Behaviour:
    """Answer each request in another way; the last one stays."""
    waiting = list(behaviours)
    return lambda handler: (waiting.pop(0) if len(waiting) > 1 else waiting[0])(handler)


def make_certificate(folder: Path, name: str) -> Path:
    """Make a certificate of a name, which is its own authority, with its key in the same file."""
    path = folder / "certificate.pem"
    request = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}"]
    files = ["-addext", f"subjectAltName=DNS:{name}", "-keyout", str(folder / "key"), "-out", str(folder / "cert")]
    subprocess.run([*request, *files], check=True, capture_output=True)
    path.write_text((folder / "cert").read_text() + (folder / "key").read_text())
    return path

"""An OpenID provider over real HTTP: it keeps to the rules as strictly as a good one, or breaks one when told."""

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote_plus, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key

CLIENT_ID, CLIENT_SECRET = "rsolv-cs", "a secret of the tests: 100%"
Claims = dict[str, Any]
MARIA: Claims = {
    "sub": "person-1",
    "email": "maria@example.com",
    "email_verified": True,
    "given_name": "Maria",
    "family_name": "López",
}


@cache
def rsa_key(number: int) -> RSAPrivateKey:
    """A key; making one takes a while, so all tests have the same."""
    return generate_private_key(public_exponent=65537, key_size=2048)


@dataclass
class Login:
    """What belongs to a code."""

    asked: dict[str, str]
    person: Claims


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server: "OpenIdProvider"

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        self._answer(url.path, {name: values[0] for name, values in parse_qs(url.query).items()})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self._answer(urlsplit(self.path).path, {name: values[0] for name, values in parse_qs(body).items()})

    def _answer(self, path: str, given: dict[str, str]) -> None:
        self.server.asked.append((path, given))
        pages = {
            "/.well-known/openid-configuration": self._discovery,
            "/jwks": lambda _given: self.send_json({"keys": self.server.jwks()}),
            "/authorize": self._authorize,
            "/token": self._token,
            "/userinfo": self._userinfo,
            "/end": self._end,
            "/favicon.ico": lambda _given: self.send_text("", "image/x-icon"),
        }
        behave = self.server.instead.get(path)
        if behave:
            behave(self)
        else:
            pages[path](given)

    # --- What a provider answers ----------------------------------------------------------------------------------

    def _discovery(self, _given: dict[str, str]) -> None:
        self.send_json(self.server.document())

    def _authorize(self, given: dict[str, str]) -> None:
        wanted = {"client_id": CLIENT_ID, "response_type": "code", "code_challenge_method": "S256"}
        assert {name: given[name] for name in wanted} == wanted, given
        assert given["state"] and given["nonce"] and given["code_challenge"]
        assert "openid" in given["scope"].split()
        if self.server.shows_page and "go" not in given:
            hidden = "".join(f'<input type="hidden" name="{name}" value="{value}">' for name, value in given.items())
            self.send_page(
                f'<h1>Example login</h1><form>{hidden}<button name="go" value="1">Log in as Maria</button></form>'
            )
            return
        if self.server.declines:
            self.send_to(given["redirect_uri"], error="access_denied", state=given["state"])
            return
        code = secrets.token_urlsafe()
        self.server.logins[code] = Login(given, dict(self.server.person))
        self.send_to(given["redirect_uri"], code=code, state=given["state"])

    def _token(self, given: dict[str, str]) -> None:
        if self._client(given) != (CLIENT_ID, CLIENT_SECRET):
            self.send_json({"error": "invalid_client", "error_description": "who are you?"}, 401)
            return
        login = self.server.logins.pop(given.get("code", ""), None)
        challenge = hashlib.sha256(given.get("code_verifier", "").encode()).digest()
        if (
            login is None
            or given["redirect_uri"] != login.asked["redirect_uri"]
            or base64.urlsafe_b64encode(challenge).decode().rstrip("=") != login.asked["code_challenge"]
        ):
            self.send_json({"error": "invalid_grant"}, 400)
            return
        access = secrets.token_urlsafe()
        self.server.access[access] = login.person
        token = self.server.sign(self.server.claims(login))
        self.send_json({"access_token": access, "token_type": "Bearer", "id_token": token, "expires_in": 300})

    def _client(self, given: dict[str, str]) -> tuple[str, ...]:
        kind, _, text = self.headers.get("Authorization", "").partition(" ")
        if kind == "Basic":
            return tuple(map(unquote_plus, base64.b64decode(text).decode().split(":", 1)))
        return given.get("client_id", ""), given.get("client_secret", "")

    def _userinfo(self, _given: dict[str, str]) -> None:
        person = self.server.access.get(self.headers.get("Authorization", "").removeprefix("Bearer "))
        self.send_json(person | self.server.beside if person else {"error": "invalid_token"}, 200 if person else 401)

    def _end(self, given: dict[str, str]) -> None:
        hint = jwt.decode(given["id_token_hint"], options={"verify_signature": False})
        assert hint["aud"] == given["client_id"] == CLIENT_ID
        self.send_to(given["post_logout_redirect_uri"])

    # --- How ------------------------------------------------------------------------------------------------------

    def send_json(self, body: object, status: int = 200) -> None:
        self.send_text(json.dumps(body), "application/json", status)

    def send_page(self, body: str) -> None:
        page = f'<!doctype html><html lang="en"><title>Example</title><body>{body}</body></html>'
        self.send_text(page, "text/html; charset=utf-8")

    def send_text(self, text: str, kind: str, status: int = 200) -> None:
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def send_to(self, address: str, **query: str) -> None:
        self.send_response(302)
        self.send_header("Location", f"{address}?{urlencode(query)}" if query else address)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def handle(self) -> None:
        try:
            super().handle()
        except OSError:
            self.close_connection = True

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


Behaviour = Callable[[Handler], None]


class OpenIdProvider(ThreadingHTTPServer):
    """The provider: who logs in there is ``person``; ``instead`` answers a path in another way."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.person: Claims = dict(MARIA)
        self.beside: Claims = {}
        """What userinfo says beside or in the place of it."""
        self.in_token: set[str] | None = None
        """The person's claims that stand in the token, where not all do."""
        self.changed: Claims = {}
        """What the token says otherwise; None takes a claim away."""
        self.key = 0
        self.sign: Callable[[Claims], str] = self.signed
        self.says: Claims = {}
        """What the discovery document says otherwise."""
        self.instead: dict[str, Behaviour] = {}
        self.shows_page = self.declines = False
        self.logins: dict[str, Login] = {}
        self.access: dict[str, Claims] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []

    def handle_error(self, *_arguments: object) -> None:
        """Say nothing of those who go away."""

    def document(self) -> Claims:
        """What it says of itself."""
        paths = {"authorization": "authorize", "token": "token", "userinfo": "userinfo", "end_session": "end"}
        addresses = {f"{name}_endpoint": f"{self.url}/{path}" for name, path in paths.items()}
        methods = ["client_secret_basic", "client_secret_post"]
        known = {"jwks_uri": f"{self.url}/jwks", "token_endpoint_auth_methods_supported": methods}
        return {"issuer": self.url, **addresses, **known, **self.says}

    def jwks(self) -> list[Claims]:
        """The key that it signs with, as everybody may have it."""
        public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(rsa_key(self.key).public_key()))
        return [{**public, "kid": f"key-{self.key}", "use": "sig", "alg": "RS256"}]

    def claims(self, login: Login) -> Claims:
        """What the token says."""
        now = int(time.time())
        of_person = {
            k: v for k, v in login.person.items() if k == "sub" or self.in_token is None or k in self.in_token
        }
        token = {"iss": self.url, "aud": CLIENT_ID, "iat": now, "exp": now + 300, "nonce": login.asked["nonce"]}
        return {k: v for k, v in {**token, **of_person, **self.changed}.items() if v is not None}

    def signed(self, claims: Claims, **header: Any) -> str:
        """A token as a good provider signs it."""
        return jwt.encode(claims, rsa_key(self.key), "RS256", headers={"kid": f"key-{self.key}", **header})

    def asked_for(self, path: str) -> list[dict[str, str]]:
        """What was sent to a path."""
        return [given for asked, given in self.asked if asked == path]


@contextmanager
def providing() -> Iterator[OpenIdProvider]:
    """Run a provider."""
    provider = OpenIdProvider()
    threading.Thread(target=provider.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield provider
    finally:
        provider.shutdown()
        provider.server_close()

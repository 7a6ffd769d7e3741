"""Ask an installed release what the kubelet and a browser ask of it: python answers.py ADDRESS:PORT HOST [--live]."""

import json
import re
import socket
import sys
from http.client import HTTPConnection


def asked(path: str) -> tuple[int, str]:
    """Ask for a page as the proxy does that ends TLS; return its status and text."""
    connection = HTTPConnection(place, timeout=20)
    connection.request("GET", path, headers={"Host": host, "X-Forwarded-Proto": "https"})
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def first_line_of_a_socket() -> str:
    """Open the WebSocket of a page; return the first line that comes back."""
    address, _, port = place.rpartition(":")
    with socket.create_connection((address, int(port)), timeout=20) as connection:
        lines = [
            "GET /ws/state HTTP/1.1",
            f"Host: {host}",
            f"Origin: https://{host}",
            "X-Forwarded-Proto: https",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        ]
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        return connection.makefile("rb").readline().decode().strip()


place, host = sys.argv[1:3]
wrong: list[str] = []


def expect(what: str, found: object, wanted: object) -> None:
    """Note what is not as it should be."""
    print(f"{what}: {found}")
    if found != wanted:
        wrong.append(f"{what}: {found}, not {wanted}")


expect("/healthz", asked("/healthz")[0], 200)
ready = json.loads(asked("/readyz")[1])
expect("database", ready["database"], "ok")
expect("migrations", ready.get("migrations"), "ok")
status, page = asked("/admin/login/")
expect("/admin/login/", status, 200)
styles = re.findall(r'href="(/static/analytics/[^"]+\.css)"', page)
expect("a file of the page", asked(styles[0])[0] if styles else "none is named", 200)
if "--live" in sys.argv[3:]:
    expect("/ws/state", first_line_of_a_socket(), "HTTP/1.1 101 Switching Protocols")
sys.exit("\n".join(wrong) or 0)

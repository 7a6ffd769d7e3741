"""The one object that most addresses take: whatever else is sent is refused, and says why."""

import gzip

import pytest

from tests.support.tokens import make_token, token_client

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("path", ["/api/v1/tasks", "/api/v1/notes"])
@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b"[" * 100_000, 400, "The body is nested too deeply, from line 1 on."),
        (b'{"a":' * 100_000, 400, "The body is nested too deeply, from line 1 on."),
        (b"[]", 400, "What was sent is not valid."),
        (b"[{}]", 400, "What was sent is not valid."),
        (b"null", 400, "What was sent is not valid."),
        (b'{"a": NaN}', 400, "The body is not JSON, from line 1 on: NaN is no value of JSON."),
        (b"\xff", 400, "Byte 1 of the body is not UTF-8."),
        (b" " * (5 * 2**20 + 1), 413, "The body has more than 5 MB."),
    ],
)
def test_what_is_no_object(path: str, body: bytes, status: int, said: str) -> None:
    client = token_client(make_token(None, "write", role="Program manager"))
    response = client.post(path, body, content_type="application/json")
    assert (response.status_code, response.json()["detail"]) == (status, said)


def test_charset_and_packing() -> None:
    client = token_client(make_token(None, "write", role="Program manager"))
    refused = client.generic("POST", "/api/v1/notes", b"{}", content_type="application/json; charset=rot13")
    assert (refused.status_code, refused.json()["detail"]) == (415, "The body must be in UTF-8.")
    packed = gzip.compress(b'{"nothing": 1}')
    read = client.post("/api/v1/notes", packed, content_type="application/json", headers={"Content-Encoding": "gzip"})
    assert read.status_code == 400
    assert [one["pointer"] for one in read.json()["errors"]] == ["#/nothing"]

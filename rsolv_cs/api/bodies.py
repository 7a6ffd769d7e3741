"""Bodies that are read by their own rules instead of a parser's: what programs send, within the inbox's limits."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import IO

from rest_framework.exceptions import APIException
from rest_framework.parsers import BaseParser
from rest_framework.request import Request

from customers.inbox.bodies import MAX_BYTES, BadBody, Json, entries, one_value


class BodyRefused(APIException):
    """The body cannot be taken."""

    def __init__(self, refusal: BadBody) -> None:
        super().__init__(str(refusal))
        self.status_code = refusal.status


class ValueParser(BaseParser):
    """Reads JSON as most addresses take it; whether it is the object that they need, is theirs to say."""

    media_type = "application/json"

    def parse(  # type: ignore[override]  # the framework's types know objects alone
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Mapping[str, Request] | None = None
    ) -> Json:
        """The value; raises ``BodyRefused``."""
        request = (parser_context or {})["request"]
        body, _content_type, charset, encoding = _sent(request)
        with _refusing():
            return one_value(body, charset, encoding)


def entries_of(request: Request) -> list[Json]:
    """The entries of a request's body; raises ``BodyRefused``."""
    with _refusing():
        return entries(*_sent(request))


def _sent(request: Request) -> tuple[bytes, str, str, str]:
    """The body, as long as it may be, with its type, charset and packing; '' where none is said."""
    raw = request._request
    charset = (raw.content_params or {}).get("charset", "")
    return raw.read(MAX_BYTES + 1), raw.content_type or "", charset, raw.headers.get("Content-Encoding", "")


@contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except BadBody as refusal:
        raise BodyRefused(refusal) from None

"""Bodies that are read by their own rules instead of a parser's: what programs send, within the inbox's limits."""

from rest_framework.exceptions import APIException
from rest_framework.request import Request

from customers.inbox.bodies import MAX_BYTES, BadBody, Json, entries


class BodyRefused(APIException):
    """The body cannot be taken."""

    def __init__(self, refusal: BadBody) -> None:
        super().__init__(str(refusal))
        self.status_code = refusal.status


def entries_of(request: Request) -> list[Json]:
    """The entries of a request's body; raises ``BodyRefused``."""
    raw = request._request
    try:
        return entries(
            raw.read(MAX_BYTES + 1),
            raw.content_type or "",
            (raw.content_params or {}).get("charset", ""),
            raw.headers.get("Content-Encoding", ""),
        )
    except BadBody as refusal:
        raise BodyRefused(refusal) from None

"""What a program is told that cannot be done: problem details, as RFC 9457 has them."""

import json
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse

CONTENT_TYPE = "application/problem+json"
API_PATHS = ("/api/", "/metrics/")
"""Where programs ask; what else there is, people look at."""


def is_of_api(request: HttpRequest) -> bool:
    """Whether a program asks."""
    return request.path.startswith(API_PATHS)


def problem(status: int, what: str, **more: object) -> HttpResponse:
    """The answer: its status in a number and in words, what happened, and ``more`` about it."""
    told = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": int(status), "detail": what, **more}
    return HttpResponse(json.dumps(told), status=status, content_type=CONTENT_TYPE)

"""What a program is told that cannot be done: problem details, as RFC 9457 has them."""

import json
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.deprecation import MiddlewareMixin
from django.utils.translation import gettext_lazy

CONTENT_TYPE = "application/problem+json"
API_PATHS = ("/api/", "/metrics/")
METRICS_PATH = "/metrics"
"""Where programs ask; what else there is, people look at."""


OF_OURS = gettext_lazy("The server could not finish this because of a fault of its own. It is in the log.")


def is_of_api(request: HttpRequest) -> bool:
    """Whether a program asks."""
    return request.path.startswith(API_PATHS) or request.path == METRICS_PATH


def is_for_people(request: HttpRequest) -> bool:
    """Whether a person asks: for any page, or for the one that describes the API."""
    return not is_of_api(request) or request.path in {reverse("api:start"), reverse("api:docs")}


def problem(status: int, what: str, **more: object) -> HttpResponse:
    """The answer: its status in a number and in words, what happened, and ``more`` about it."""
    told = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": int(status), "detail": what, **more}
    return HttpResponse(json.dumps(told), status=status, content_type=CONTENT_TYPE)


class ProblemsAlone(MiddlewareMixin):
    """Answers programs with a problem where a page would come, as Django shows one of each error under DEBUG."""

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        """Answer as before what is no error, or a problem already."""
        status = response.status_code
        if (
            status < HTTPStatus.BAD_REQUEST
            or not is_of_api(request)
            or response.headers.get("Content-Type") == CONTENT_TYPE
        ):
            return response
        is_ours = status >= HTTPStatus.INTERNAL_SERVER_ERROR
        return problem(status, str(OF_OURS) if is_ours else f"{response.reason_phrase}.")

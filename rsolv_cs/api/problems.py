"""How the API's own views say that they cannot: problem details (RFC 9457) for every error."""

from collections.abc import Iterator

from django.http import Http404, HttpResponse
from rest_framework.exceptions import ErrorDetail, NotAuthenticated, NotFound, ValidationError
from rest_framework.views import exception_handler

from customers.core.replica.routing import reading_now
from rsolv_cs.web.problem import problem

HOW_TO_ASK = "There is no token. Send yours as `Authorization: Token rsolv_...` or as `x-api-key: rsolv_...`."


def answer(error: Exception, context: dict[str, object]) -> HttpResponse | None:
    """Answer an error as a problem, always in JSON; None where it is a fault of ours, which is told elsewhere.

    What a replica does not have is raised again, and asked of the primary.
    """
    if isinstance(error, Http404 | NotFound) and reading_now().from_replica:
        return None
    response = exception_handler(error, context)
    if response is None:
        return None
    if isinstance(error, NotAuthenticated):
        told = problem(response.status_code, HOW_TO_ASK)
    elif isinstance(error, ValidationError):
        told = problem(response.status_code, "What was sent is not valid.", errors=list(_errors(error.detail)))
    else:
        told = problem(response.status_code, str(response.data["detail"]))
    for name, value in response.headers.items():
        told.headers.setdefault(name, value)
    return told


def _errors(found: object, pointer: str = "#") -> Iterator[dict[str, str]]:
    """Every error of a body or a query, with a JSON pointer to what is wrong."""
    if isinstance(found, dict):
        for name, inner in found.items():
            yield from _errors(inner, pointer if name == "non_field_errors" else f"{pointer}/{_escaped(name)}")
    elif isinstance(found, list) and not all(isinstance(one, ErrorDetail) for one in found):
        for place, inner in enumerate(found):
            yield from _errors(inner, f"{pointer}/{place}")
    elif isinstance(found, list):
        for one in found:
            yield from _errors(one, pointer)
    else:
        yield {"pointer": pointer, "detail": str(found), "code": getattr(found, "code", "invalid")}


def _escaped(name: object) -> str:
    return str(name).replace("~", "~0").replace("/", "~1")

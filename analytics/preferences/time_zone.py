"""The time zone of each page: that of whoever looks at it."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from analytics.models import Preferences


class OwnTimeZone:
    """Answers each request in the time zone of its user's preferences."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request."""
        with timezone.override(Preferences.of(request.user).zone):
            return self.get_response(request)

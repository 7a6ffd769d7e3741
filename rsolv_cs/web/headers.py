"""The response headers that no other middleware sets."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

_DENIED = ("camera", "display-capture", "geolocation", "microphone", "midi", "payment", "serial", "usb")
HEADERS = {
    "Permissions-Policy": ", ".join(f"{feature}=()" for feature in _DENIED),
    "Cross-Origin-Resource-Policy": "same-origin",
    # Static files say for themselves how long they are kept; nothing else is, be it a page, a part, a file, an error.
    "Cache-Control": "no-store, private",
}


class SecurityHeaders:
    """Adds what a response does not say itself; the outermost, so that nothing goes without."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """The response with its headers."""
        response = self.get_response(request)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        return response

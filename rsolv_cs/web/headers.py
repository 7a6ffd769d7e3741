"""The response headers that no other middleware sets."""

from django.http import HttpRequest, HttpResponse
from django.utils.deprecation import MiddlewareMixin

_DENIED = ("camera", "display-capture", "geolocation", "microphone", "midi", "payment", "serial", "usb")
HEADERS = {
    "Permissions-Policy": ", ".join(f"{feature}=()" for feature in _DENIED),
    "Cross-Origin-Resource-Policy": "same-origin",
    # Static files say for themselves how long they are kept; nothing else is, be it a page, a part, a file, an error.
    "Cache-Control": "no-store, private",
}


class SecurityHeaders(MiddlewareMixin):
    """Adds what a response does not say itself; the outermost, so that nothing goes without."""

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        """The response with its headers."""
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        return response

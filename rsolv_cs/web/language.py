"""The language of each page: what its visitor prefers, else what the browser asks for, else the first one offered."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers
from django.utils.translation import activate, override
from django.utils.translation.trans_real import parse_accept_lang_header

from analytics.models import Preferences
from customers.text.say import SOURCE
from rsolv_cs.web.problem import is_for_people


class AskedLanguage:
    """Answers each request in a language that its browser asks for, errors included; programs are told in English."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request."""
        if not is_for_people(request):
            with override(SOURCE):
                return self.get_response(request)
        with override(asked_language(request)):
            response = self.get_response(request)
        if len(settings.OFFERED_LANGUAGES) > 1:
            patch_vary_headers(response, ["Accept-Language"])
        return response


class ChosenLanguage:
    """Goes on in the language that the visitor prefers, up to the end of the request: ``AskedLanguage`` ends it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request."""
        if (chosen := Preferences.of(request.user).chosen_language) and is_for_people(request):
            activate(chosen)
        return self.get_response(request)


def asked_language(request: HttpRequest) -> str:
    """Return the offered language that a browser likes best; ``de-AT`` is German."""
    for code, _weight in parse_accept_lang_header(request.headers.get("Accept-Language", "").lower()):
        for one in (code, code.partition("-")[0]):
            if one in settings.OFFERED_LANGUAGES:
                return one
    offered: list[str] = settings.OFFERED_LANGUAGES
    return offered[0]

"""Tell a browser which of the drafts that it keeps have arrived, so that it can drop them.

The script drafts.js adds the draft's id to what a form sends. Who is led on by the answer has been heard; whoever gets
a page again, or an error, still has a draft.
"""

import re
from http import HTTPStatus

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.deprecation import MiddlewareMixin

FIELD = "draft"
COOKIE = "sent-"
_ID = re.compile(r"[0-9a-f]{16}")
_SECONDS = 600
_MOST = 5
"""A letter goes through several pages, and brings the draft of each."""


class ArrivedDrafts(MiddlewareMixin):
    """Names each draft that has arrived in a cookie, which the script reads and removes."""

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        """The response, with the cookies where it leads on."""
        if request.method == "POST" and response.status_code in {HTTPStatus.FOUND, HTTPStatus.SEE_OTHER}:
            for draft in filter(_ID.fullmatch, request.POST.getlist(FIELD)[:_MOST]):
                response.set_cookie(
                    f"{COOKIE}{draft}",
                    "1",
                    max_age=_SECONDS,
                    secure=settings.SESSION_COOKIE_SECURE,
                    samesite="Strict",
                )
        return response

"""What a form has sent, to be shown to who sent it where the page could not take it.

Nothing is stored: the answer to the request carries it back. It is only done for a form of our own pages, because
another site could otherwise put words into somebody's mouth; and never for passwords and codes.
"""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import DisallowedHost, SuspiciousOperation
from django.http import HttpRequest, UnreadablePostError
from django.http.multipartparser import MultiPartParserError

_SECRET = re.compile(r"pass|^code|secret|^otp|^token$", re.IGNORECASE)
_CHOSEN = re.compile(
    r"^(csrfmiddlewaretoken|action|do|next|alert|customer|expected|owner|query|sha256|seen|force|all|post|index|"
    r"select_across|template|task|kind|state|outcome|until|due|draft|typed|rule|choose|then|own_template|version|"
    r"row_version|form_key|conflict-.*|_.*|initial-.*|"
    r".*-(TOTAL|INITIAL|MIN_NUM|MAX_NUM)_FORMS)$"
)
"""Fields that are chosen or hidden: nobody has typed into them."""
_TEXT = re.compile(r"^(text|note|notes|body|subject|what|outcome_note|name|own_(subject|body)|merged-.*)$")
_KEY = re.compile(r"on|true|false|\d+|\d{4}-\d\d-\d\d")
"""What a tick, a choice or a date sends, in any field but one for texts."""
_SHORT = 60


@dataclass(frozen=True)
class Field:
    """A field that was sent, with one of its values."""

    name: str
    value: str

    @property
    def label(self) -> str:
        """The name in words."""
        return self.name.replace("_", " ").strip().capitalize() or self.name

    @property
    def is_typed(self) -> bool:
        """Whether somebody may have typed it; a button or a key is only sent along."""
        if not self.value.strip() or _CHOSEN.match(self.name):
            return False
        return bool(_TEXT.match(self.name)) or not _KEY.fullmatch(self.value)

    @property
    def rows(self) -> int:
        """How many lines it takes; 1 where one line is enough."""
        if "\n" not in self.value and len(self.value) <= _SHORT:
            return 1
        return min(16, max(4, self.value.count("\n") + 2, len(self.value) // 80 + 2))


@dataclass(frozen=True)
class Sent:
    """The fields of a form as they were sent, and whether they suffice to send it again."""

    fields: tuple[Field, ...] = ()
    is_whole: bool = True

    @property
    def typed(self) -> list[Field]:
        """What somebody has typed."""
        return [field for field in self.fields if field.is_typed]

    @property
    def others(self) -> list[Field]:
        """What goes along with it."""
        return [field for field in self.fields if not field.is_typed]


def sent(request: HttpRequest) -> Sent:
    """What a form of ours has sent; nothing where there was none, or where it cannot be read."""
    if request.method != "POST" or not is_from_here(request):
        return Sent()
    try:
        lists, files = list(request.POST.lists()), list(request.FILES)
    except (SuspiciousOperation, UnreadablePostError, MultiPartParserError, OSError):
        return Sent()
    hidden = {name for name, _values in lists if _SECRET.search(name)}
    fields = [
        Field(name, value)
        for name, values in lists
        if name not in hidden and name != "csrfmiddlewaretoken"
        for value in values
    ]
    # A letter does without the token of its preview, which is then shown anew.
    return Sent(tuple(fields), is_whole=not files and not hidden - {"token"})


def is_from_here(request: HttpRequest) -> bool:
    """Return whether the browser says that a page of ours sent this; an old browser's silence is a no."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site == "same-origin"
    source = request.headers.get("Origin") or request.headers.get("Referer") or ""
    try:
        ours = {request.get_host(), *(urlsplit(origin).netloc for origin in settings.CSRF_TRUSTED_ORIGINS)}
        return urlsplit(source).netloc in ours
    except (DisallowedHost, ValueError):
        return False

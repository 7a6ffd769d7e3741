"""How many of what, as a sentence says it: ``1 customer, 2 engagement rows``; in German ``Kunden: 1``."""

import re
from collections.abc import Mapping

from django.apps import apps
from django.utils.translation import get_language, gettext

from customers.text.say import SOURCE, english, say

_HEAD = re.compile(r"(.*?)(s)( (?:in|of|completed)\b.*|)")
_HEAD_IES = re.compile(r"(.*?)(ies)( (?:in|of|completed)\b.*|)")


def counts_in_words(counts: Mapping[str, int]) -> str:
    """Return the counts in a row; their names are English, in the plural, and each is a text of a catalogue."""
    if (get_language() or SOURCE) != SOURCE:
        # The name as it stands: which form a number wants, no rule of English knows.
        return ", ".join(say("{number} {kind}", number=number, kind=gettext(name)) for name, number in counts.items())
    names = {str(model._meta.verbose_name_plural): str(model._meta.verbose_name) for model in apps.get_models()}
    return ", ".join(
        say("{number} {kind}", number=number, kind=_kind(name, number, names)) for name, number in counts.items()
    )


def _kind(name: str, number: int, names: Mapping[str, str]) -> str:
    """Return a name in the number; one that has no plural is of rows."""
    if names.get(name) == name:
        return english(f"{name} row") if number == 1 else english(f"{name} rows")
    if number != 1:
        return name
    if name in names:
        return names[name]
    for pattern, ending in ((_HEAD_IES, "y"), (_HEAD, "")):
        if found := pattern.fullmatch(name):
            return f"{found[1]}{ending}{found[3]}"
    return name

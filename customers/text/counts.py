"""How many of what, as a sentence says it: ``1 customer, 2 engagement rows``."""

import re
from collections.abc import Mapping

from django.apps import apps

_HEAD = re.compile(r"(.*?)(s)( (?:in|of|completed)\b.*|)")
_HEAD_IES = re.compile(r"(.*?)(ies)( (?:in|of|completed)\b.*|)")


def counts_in_words(counts: Mapping[str, int]) -> str:
    """Return the counts in a row; their names are in the plural."""
    names = {str(model._meta.verbose_name_plural): str(model._meta.verbose_name) for model in apps.get_models()}
    return ", ".join(f"{number:,} {_kind(name, number, names)}" for name, number in counts.items())


def _kind(name: str, number: int, names: Mapping[str, str]) -> str:
    """Return a name in the number; one that has no plural is of rows."""
    if names.get(name) == name:
        return f"{name} row{'' if number == 1 else 's'}"
    if number != 1:
        return name
    if name in names:
        return names[name]
    for pattern, ending in ((_HEAD_IES, "y"), (_HEAD, "")):
        if found := pattern.fullmatch(name):
            return f"{found[1]}{ending}{found[3]}"
    return name

"""The languages that emails to customers are written in: all that Django knows, whichever the pages are offered in."""

from django.conf.locale import LANG_INFO
from django.utils.translation import get_language_info


def language_choices() -> list[tuple[str, str]]:
    """Return each language's code, such as ``de``, and its name in the reader's language, in the order of names."""
    codes = [code for code, info in LANG_INFO.items() if "name" in info]
    return sorted([(code, language_name(code)) for code in codes], key=lambda one: one[1].casefold())


def language_name(code: str) -> str:
    """Return a language's name in the reader's language; '' for no language."""
    return str(get_language_info(code)["name_translated"]) if code else ""

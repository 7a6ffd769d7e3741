"""The fixed list of placeholders that a mail's subject and text may have: their syntax, and how they are filled.

A placeholder is a name of the list in single braces. Nothing else is looked up or computed, and a value is filled in
once: braces within it stay braces. Double braces, as in GitHub's workflows, are sent as they are.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from analytics.wording import one_line
from customers.text.say import say

PLACEHOLDERS = {
    "organization": _("the customer's name"),
    "sender": _("your name"),
    "github_username": _("GitHub name"),
    "signup_date": _("day of the signup"),
    "blocker": _("what blocks the onboarding"),
    "steps_done": _("onboarding steps that are done, of five"),
    "next_step": _("first onboarding step that is not done"),
    "issues_tagged": _("issues tagged so far"),
    "prs_generated": _("pull requests generated so far"),
    "prs_merged": _("pull requests merged so far"),
    "success_rate": _("share of pull requests that were merged"),
    "last_active": _("last active day"),
}
"""Each name with what it stands for."""

_HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
_JOINERS = {"\u200c", "\u200d"}
_TOKEN = re.compile(r"\{\{([^{}]*)\}\}|\{([^{}]*)\}|[{}]")


@dataclass(frozen=True)
class Value:
    """A placeholder as the pages list it: ``text`` is what it stands for now, '' where there is nothing."""

    name: str
    meaning: str
    text: str


def faults(text: str) -> list[str]:
    """Return every reason why a text cannot be filled."""
    found = []
    for token in _TOKEN.finditer(text):
        doubled, name = token.groups()
        if doubled is not None:
            if doubled.strip() in PLACEHOLDERS:
                found.append(say("Write {placeholder} with single braces.", placeholder="{" + doubled.strip() + "}"))
        elif name is None:
            number = text.count("\n", 0, token.start()) + 1
            found.append(say("Line {line} has a “{brace}” without its other brace.", line=str(number), brace=token[0]))
        elif name not in PLACEHOLDERS:
            found.append(
                say(
                    "There is no placeholder {placeholder}: use one of the list, or double braces for the braces.",
                    placeholder="{" + one_line(name, 40) + "}",
                )
            )
    return list(dict.fromkeys(found))


def subject_faults(text: str) -> list[str]:
    """Return every reason against the subject of a template or a mail."""
    hidden = any(unicodedata.category(one) in _HIDDEN and one not in _JOINERS for one in text)
    return [*([gettext("The subject is one line, without hidden characters.")] if hidden else []), *faults(text)]


def body_faults(text: str) -> list[str]:
    """Return every reason against the text of a template or a mail."""
    return [*([gettext("The text has a control character.")] if has_control(text) else []), *faults(text)]


def has_control(text: str) -> bool:
    """Return whether a text of several lines has another control character than those that end and indent lines."""
    return any(unicodedata.category(one) == "Cc" and one not in "\r\n\t" for one in text)


def used(text: str) -> list[str]:
    """Return the placeholders of a text, each once."""
    return list(dict.fromkeys(token[2] for token in _TOKEN.finditer(text) if token[2] in PLACEHOLDERS))


def lacking(text: str, values: Mapping[str, str]) -> list[str]:
    """Return the placeholders of a text for which there is no value."""
    return [name for name in used(text) if not values[name]]


def fill(text: str, values: Mapping[str, str]) -> str:
    """Put each placeholder's value in its place, in one pass."""
    return _TOKEN.sub(lambda token: values[token[2]] if token[2] in PLACEHOLDERS else token[0], text)


def listed(values: Mapping[str, str] | None = None) -> list[Value]:
    """Return the list for a page, in its order, with values where there are some."""
    return [Value(name, str(meaning), values[name] if values else "") for name, meaning in PLACEHOLDERS.items()]
